package codefile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
)

// FuzzOpen: whatever the bytes of a file are, reading it panics nowhere, takes no more memory than some hundred times
// the file, and gives codes that keep their rules.
func FuzzOpen(f *testing.F) {
	f.Add([]byte("{\"latents\":[5,2],\"values\":[1,-0.5]}\n\n{\"latents\":[],\"values\":[]}\n"), uint32(0), byte(0))
	f.Add([]byte("{\"latents\":[2147483646],\"values\":[1e308]}"), uint32(0), byte(0))
	small(f, 3, 1<<21)
	for _, k := range []int{0, 2} {
		codes := someCodes(f, 1, 7, 30, k, 100)
		for _, p := range []Precision{Float64, Float16} {
			b := readFile(f, written(f, "a.ksc", codes, Options{Values: p}))
			for at := uint32(0); at < 300; at += 13 {
				f.Add(b, at, byte(3))
			}
		}
		f.Add(readFile(f, written(f, "a.npz", codes, Options{})), uint32(40), byte(7))
	}
	f.Add(archive(f, scipy()), uint32(9), byte(1))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte, at uint32, change byte) {
		b = bytes.Clone(b)
		if n := uint32(len(b)); n > 0 {
			b[at%n] ^= change
		}
		if len(b) >= headerSize && string(b[:8]) == "\x89kco\r\n\x1a\n" { // let it come past the checksums
			if l, err := parseHeader(resealed(b)); err == nil && l.sections().end <= int64(len(b)) {
				seal(b[:l.sections().end], int(l.sections().sums))
			}
		}
		path := filepath.Join(dir, fmt.Sprintf("%d.jsonl", os.Getpid()))
		must(t, os.WriteFile(path, b, 0o600))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		codes, err := readAll(path)
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 4<<20+400*uint64(len(b)) {
			t.Errorf("%d bytes for a file of %d", taken, len(b))
		}
		if err != nil {
			return
		}
		rows, latents := codes.Dims()
		indices, values := make([][]int32, rows), make([][]float64, rows)
		for i := range rows {
			indices[i], values[i] = codes.Row(i)
		}
		if _, err := ksparse.NewCodes(latents, indices, values); err != nil {
			t.Error(err)
		}
	})
}

// resealed returns the first header of b, whose checksum it makes right.
func resealed(b []byte) []byte {
	seal(b, headerSize)
	return b[:headerSize]
}

// array returns a .npy file of format version 1.0.
func array(descr, shape string, elements any) []byte {
	var b bytes.Buffer
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape)
	text += strings.Repeat(" ", 117-len(text)) + "\n"
	b.WriteString("\x93NUMPY\x01\x00\x76\x00" + text)
	binary.Write(&b, binary.LittleEndian, elements) // to memory
	return b.Bytes()
}

// scipy returns the arrays of scipy.sparse.save_npz for the matrix [[0 2 0] [0 0 0] [3 0 4]]: float32, int32 and the
// format in ASCII, as SciPy 1.x writes them.
func scipy() map[string][]byte {
	return map[string][]byte{
		"data.npy":    array("<f4", "(3,)", []float32{2, 3, 4}),
		"indices.npy": array("<i4", "(3,)", []int32{1, 0, 2}),
		"indptr.npy":  array("<i4", "(4,)", []int32{0, 1, 1, 3}),
		"shape.npy":   array("<i8", "(2,)", []int64{3, 3}),
		"format.npy":  array("|S3", "()", []byte("csr")),
	}
}

// archive returns a .npz file of the arrays, compressed, as save_npz makes it.
func archive(t testing.TB, arrays map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, array := range arrays {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		must(t, err)
		_, err = w.Write(array)
		must(t, err)
	}
	must(t, z.Close())
	return b.Bytes()
}
