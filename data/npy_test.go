package data_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
	"gonum.org/v1/gonum/mat"
)

// npyFile writes a .npy file of version 1.0 as numpy.save does, by hand, so that
// it owes nothing to the package that reads it.
func npyFile(t testing.TB, descr string, fortran bool, shape string, order binary.ByteOrder, elements any) string {
	t.Helper()
	var b bytes.Buffer
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr, map[bool]string{true: "True", false: "False"}[fortran], shape)
	header += strings.Repeat(" ", 127-10-len(header)) + "\n"
	b.WriteString("\x93NUMPY\x01\x00")
	binary.Write(&b, binary.LittleEndian, uint16(len(header)))
	b.WriteString(header)
	if err := binary.Write(&b, order, elements); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.npy")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func openNpy(t testing.TB, path string) *data.Npy {
	t.Helper()
	src, err := data.OpenNpy(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

func TestNpyReadsEveryType(t *testing.T) {
	little, big := binary.LittleEndian, binary.BigEndian
	want := mat.NewDense(3, 2, []float64{1, 2, 3, 4, 5, 96})
	columns := []float32{1, 3, 5, 2, 4, 96}
	for _, c := range []struct {
		descr    string
		fortran  bool
		order    binary.ByteOrder
		elements any
	}{
		{"<f8", false, little, []float64{1, 2, 3, 4, 5, 96}},
		{">f8", false, big, []float64{1, 2, 3, 4, 5, 96}},
		{"<f4", false, little, []float32{1, 2, 3, 4, 5, 96}},
		{">f4", false, big, []float32{1, 2, 3, 4, 5, 96}},
		{"<f2", false, little, []uint16{0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x5600}},
		{">f2", false, big, []uint16{0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x5600}},
		{"<i8", false, little, []int64{1, 2, 3, 4, 5, 96}},
		{">i4", false, big, []int32{1, 2, 3, 4, 5, 96}},
		{"<u2", false, little, []uint16{1, 2, 3, 4, 5, 96}},
		{"|u1", false, little, []uint8{1, 2, 3, 4, 5, 96}},
		{"<f4", true, little, columns},
	} {
		name := fmt.Sprintf("%s fortran=%v", c.descr, c.fortran)
		testSource(t, name, openNpy(t, npyFile(t, c.descr, c.fortran, "(3, 2)", c.order, c.elements)), want)
	}
	path := npyFile(t, "|b1", false, "(1, 2)", little, []uint8{0, 1})
	testSource(t, "booleans", openNpy(t, path), mat.NewDense(1, 2, []float64{0, 1}))
}

func TestOpenNpyErrors(t *testing.T) {
	little := binary.LittleEndian
	cut := npyFile(t, "<f4", false, "(3, 2)", little, make([]float32, 6))
	if err := os.Truncate(cut, 128+20); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(text, []byte("1,2,3\n4,5,6\n7,8,9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, path string
		want       error
		text       string
	}{
		{"no such file", filepath.Join(t.TempDir(), "gone.npy"), fs.ErrNotExist, "gone.npy"},
		{"a folder", t.TempDir(), fault.ErrFormat, "is a folder, not a NumPy array"},
		{"another format", text, fault.ErrFormat, "x.csv"},
		{"cut short", cut, fault.ErrFormat, "20 bytes of elements, want 24"},
		{"one dimension", npyFile(t, "<f4", false, "(6,)", little, make([]float32, 6)), fault.ErrShape, "[6]"},
		{"three dimensions", npyFile(t, "<f4", false, "(3, 1, 2)", little, make([]float32, 6)), fault.ErrShape, "[3 1 2]"},
		{"no rows", npyFile(t, "<f4", false, "(0, 2)", little, []float32{}), fault.ErrEmpty, "0 x 2"},
		{"no columns", npyFile(t, "<f4", false, "(2, 0)", little, []float32{}), fault.ErrEmpty, "2 x 0"},
		{"complex numbers", npyFile(t, "<c8", false, "(3, 1)", little, make([]float32, 6)), fault.ErrFormat, "<c8"},
		{"Python objects", npyFile(t, "|O", false, "(3, 1)", little, make([]float32, 6)), fault.ErrFormat, "objects"},
	} {
		src, err := data.OpenNpy(c.path)
		if src != nil || err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: error is %v, want %v and %q", c.what, err, c.want, c.text)
			continue
		}
		if errors.Is(err, fault.ErrFormat) != (c.want == fault.ErrFormat) {
			t.Errorf("%s: error is %v: Format is for the file alone", c.what, err)
		}
		if !strings.HasPrefix(err.Error(), "ksparse: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error reads %q, want one line from ksparse", c.what, err)
		}
	}
}

func TestNpyReadErrors(t *testing.T) {
	path := npyFile(t, "<f8", false, "(1000, 2)", binary.LittleEndian, make([]float64, 2000))
	src := openNpy(t, path)
	var row [2]float64
	if err := os.Truncate(path, 128+16*999); err != nil {
		t.Fatal(err)
	}
	if err := src.ReadRows(row[:], 998, 999); err != nil {
		t.Errorf("the last row that is left: %v", err)
	}
	if err := src.ReadRows(row[:], 999, 1000); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), path) {
		t.Errorf("a row that was cut off: error is %v, want io.ErrUnexpectedEOF with its path", err)
	}
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	if err := src.ReadRows(row[:], 0, 1); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: error is %v, want os.ErrClosed", err)
	}
	if rows, cols := src.Dims(); rows != 1000 || cols != 2 {
		t.Errorf("after Close: Dims are %d, %d", rows, cols)
	}

	huge := openNpy(t, npyFile(t, "<i8", false, "(2, 1)", binary.LittleEndian, []int64{1 << 53, 1<<53 + 1}))
	if err := huge.ReadRows(row[:1], 0, 1); err != nil || row[0] != 1<<53 {
		t.Errorf("2^53 is read as %v, %v", row[0], err)
	}
	if err := huge.ReadRows(row[:1], 1, 2); err == nil {
		t.Errorf("2^53+1, which is no float64, is read as %v", row[0])
	}
}

// TestNpyConcurrently reads from several goroutines, one of which closes the
// file: each read gives the right numbers or os.ErrClosed.
func TestNpyConcurrently(t *testing.T) {
	const rows, cols = 4000, 3
	numbers := make([]float32, rows*cols)
	for e := range numbers {
		numbers[e] = float32(e)
	}
	src := openNpy(t, npyFile(t, "<f4", false, fmt.Sprintf("(%d, %d)", rows, cols), binary.LittleEndian, numbers))
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			dst := make([]float64, 100*cols)
			for lo := 0; lo < rows; lo += 100 {
				if g == 0 && lo == rows/2 {
					src.Close()
				}
				err := src.ReadRows(dst, lo, lo+100)
				if errors.Is(err, os.ErrClosed) {
					return
				}
				if err != nil || dst[0] != float64(lo*cols) || dst[len(dst)-1] != float64((lo+100)*cols-1) {
					t.Errorf("rows from %d: %v to %v, %v", lo, dst[0], dst[len(dst)-1], err)
					return
				}
			}
			if g == 0 {
				t.Error("rows were read after Close")
			}
		}()
	}
	wg.Wait()
}

// TestNpyErrorsNameThePathOnce: of whatever goes wrong with a file.
func TestNpyErrorsNameThePathOnce(t *testing.T) {
	once := func(what, path string, err error) {
		t.Helper()
		if err == nil || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %v does not name %s once", what, err, path)
		}
	}
	little := binary.LittleEndian
	inexact := npyFile(t, "<i8", false, "(2, 1)", little, []int64{1, 1<<53 + 1})
	src := openNpy(t, inexact)
	once("an integer that float64 does not hold", inexact, src.ReadRows(make([]float64, 2), 0, 2))
	unsigned := npyFile(t, "<u8", true, "(1, 2)", little, []uint64{1, 1<<64 - 1})
	once("an unsigned one", unsigned, openNpy(t, unsigned).ReadRows(make([]float64, 2), 0, 1))
	src.Close()
	once("a closed file", inexact, src.ReadRows(make([]float64, 1), 0, 1))
	cut := npyFile(t, "<f8", false, "(2, 1)", little, []float64{1, 2})
	opened := openNpy(t, cut)
	if err := os.Truncate(cut, 130); err != nil {
		t.Fatal(err)
	}
	once("a file that was cut", cut, opened.ReadRows(make([]float64, 2), 0, 2))
	_, err := data.OpenNpy(cut)
	once("a short file", cut, err)
	flat := npyFile(t, "<f8", false, "(2,)", little, []float64{1, 2})
	_, err = data.OpenNpy(flat)
	once("one dimension", flat, err)
	for what, text := range map[string]string{"text": "hello", "empty": "", "zip": "PK\x03\x04", "bytes": "\x01\xff\x00", "network": "\x89ksp\r\n\x1a\n"} {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := data.OpenNpy(path)
		once(what, path, err)
		if !errors.Is(err, fault.ErrFormat) {
			t.Errorf("%s: %v", what, err)
		}
	}
	missing := filepath.Join(t.TempDir(), "no.npy")
	_, err = data.OpenNpy(missing)
	once("no file", missing, err)
}

// TestCloseOfNone: there is nothing to close, and no panic.
func TestCloseOfNone(t *testing.T) {
	for _, s := range []*data.Npy{nil, {}} {
		if err := s.Close(); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("error %v", err)
		}
	}
}
