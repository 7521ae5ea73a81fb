package codefile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
)

// readAll opens the file at path and reads all of it, in both ways. Codes are nil after an error.
func readAll(path string) (*ksparse.Codes, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, _ := f.Dims()
	all := new(ksparse.Codes)
	if err := f.ReadCodes(all, 0, rows); err != nil {
		return nil, err
	}
	for i := range rows {
		if _, _, err := f.ReadRow(nil, nil, i); err != nil {
			return nil, fmt.Errorf("row %d can be read with others, not alone: %w", i, err)
		}
	}
	return all, nil
}

// onePart returns the bytes of a file of one part of the codes {1: 2, 3: 4}, {}, {0: 5}, with offsets, and where its
// sections begin: at 64 offsets, 128 latents, 192 values, 256 checksums.
func onePart(t testing.TB) []byte {
	t.Helper()
	c, err := ksparse.NewCodes(5, [][]int32{{1, 3}, {}, {0}}, [][]float64{{2, 4}, {}, {5}})
	must(t, err)
	b := readFile(t, written(t, "a.ksc", c, Options{}))
	if len(b) != 320 {
		t.Fatalf("%d bytes", len(b))
	}
	return b
}

// TestFormat: the bytes are those that doc/codes.md describes.
func TestFormat(t *testing.T) {
	le := binary.LittleEndian
	want := make([]byte, 320)
	copy(want, "\x89kco\r\n\x1a\n\x01\x00\x00\x00\x02\x00\x00\x00")
	le.PutUint32(want[16:], 5)
	le.PutUint32(want[20:], 3)
	le.PutUint64(want[24:], 3)
	le.PutUint64(want[32:], 320)
	for i, o := range []uint32{0, 2, 2, 3} {
		le.PutUint32(want[64+4*i:], o)
	}
	for i, j := range []uint16{1, 3, 0} {
		le.PutUint16(want[128+2*i:], j)
	}
	for i, v := range []float64{2, 4, 5} {
		le.PutUint64(want[192+8*i:], math.Float64bits(v))
	}
	seal(want, 256)
	if got := onePart(t); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

// TestHostile: a part whose checksums are right, and whose contents break the rules, is refused; the text says where.
func TestHostile(t *testing.T) {
	le := binary.LittleEndian
	for want, change := range map[string]func(b []byte){
		"version 2":                                  func(b []byte) { b[8] = 2 },
		"latents of 4 bytes":                         func(b []byte) { b[12] = 4 },
		"kind 3":                                     func(b []byte) { b[13] = 3 },
		"flags 0x4":                                  func(b []byte) { b[14] = 4 },
		"flags 0x100":                                func(b []byte) { b[15] = 1 },
		"3 rows of 0 latents":                        func(b []byte) { le.PutUint32(b[16:], 0) },
		"3 rows of 2147483648 latents":               func(b []byte) { le.PutUint32(b[16:], 1<<31) },
		"0 rows of 5 latents":                        func(b []byte) { le.PutUint32(b[20:], 0) },
		"16 entries for 3 rows":                      func(b []byte) { le.PutUint64(b[24:], 16) },
		"18446744073709551615 entries":               func(b []byte) { le.PutUint64(b[24:], math.MaxUint64) },
		"for what takes 320":                         func(b []byte) { le.PutUint64(b[32:], 384) },
		"bytes that this program":                    func(b []byte) { b[59] = 1 },
		"that all have as many":                      func(b []byte) { b[14] = 1; le.PutUint64(b[24:], 0) },
		"4 entries for 3 rows that all have as many": func(b []byte) { b[14] = 1; le.PutUint64(b[24:], 4) },
		"the entries of its first row begin at 1, want 0": func(b []byte) { le.PutUint32(b[64:], 1) },
		"row 0 has the entries 0 to 9":                    func(b []byte) { le.PutUint32(b[68:], 9) },
		"row 1 has the entries 2 to 1":                    func(b []byte) { le.PutUint32(b[72:], 1) },
		"row 2 has the entries 2 to 2":                    func(b []byte) { le.PutUint32(b[76:], 2) },
		"row 0 has latent 1 after 1":                      func(b []byte) { le.PutUint16(b[130:], 1) },
		"row 2 has latent 5":                              func(b []byte) { le.PutUint16(b[132:], 5) },
		"row 2, latent 0: the value is NaN":               func(b []byte) { le.PutUint64(b[208:], math.Float64bits(math.NaN())) },
		"row 0, latent 3: the value is -Inf":              func(b []byte) { le.PutUint64(b[200:], math.Float64bits(math.Inf(-1))) },
	} {
		b := onePart(t)
		change(b)
		seal(b, 256)
		path := writeFile(t, "a.ksc", b)
		_, err := readAll(path)
		if !errors.Is(err, ksparse.ErrFormat) && !errors.Is(err, ksparse.ErrNotFinite) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v, want %q", err, want)
		}
		if f, err := Open(path); err == nil { // row by row
			failed := false
			for i := range 3 {
				_, _, err := f.ReadRow(nil, nil, i)
				failed = failed || err != nil && strings.Contains(err.Error(), path)
			}
			if f.Close(); !failed && !strings.Contains(want, "first row") {
				t.Errorf("%s: each row alone is read", want)
			}
		}
	}
}

// TestHugeCounts: headers of huge parts in small files take no memory.
func TestHugeCounts(t *testing.T) {
	le := binary.LittleEndian
	for _, flags := range []byte{0, 1, 2, 3} {
		b := onePart(t)
		b[14], b[12] = flags, 4
		l := layout{latents: math.MaxInt32, rows: math.MaxInt32, entries: math.MaxInt32, sameCount: flags&1 != 0, scaled: flags&2 != 0}
		le.PutUint32(b[16:], math.MaxInt32)
		le.PutUint32(b[20:], math.MaxInt32)
		le.PutUint64(b[24:], math.MaxInt32)
		le.PutUint64(b[32:], uint64(l.sections().end))
		seal(b, 256)
		path := writeFile(t, "a.ksc", b)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Open(path)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ksparse.ErrFormat) || !strings.Contains(err.Error(), "not whole") {
			t.Errorf("flags %d: %v", flags, err)
		}
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 1<<18 {
			t.Errorf("flags %d: %d bytes were taken", flags, taken)
		}
	}
}

// TestDamage: a file in which a byte has changed is refused, or has the same codes: where nobody looks at the byte.
func TestDamage(t *testing.T) {
	codes := someCodes(t, 1, 9, 30, 0, 100)
	whole := readFile(t, written(t, "a.ksc", codes, Options{Values: Float32}))
	want := rounded(codes, func(v float64) float64 { return float64(float32(v)) })
	same, step := 0, 1
	if testing.Short() {
		step = 5
	}
	for i := 0; i < len(whole); i += step {
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		got, err := readAll(writeFile(t, "a.ksc", b))
		if err == nil {
			same++
			for i := range 9 {
				sameRow(t, got, i, want, i)
			}
		}
	}
	if same > align {
		t.Errorf("%d of %d bytes may be other ones: more than fill up the last section", same, len(whole))
	}
}

// TestRefused: what is no file of codes, and what cannot be written.
func TestRefused(t *testing.T) {
	if _, err := Open(); !errors.Is(err, ksparse.ErrEmpty) {
		t.Error(err)
	}
	for name, b := range map[string]string{"empty.ksc": "", "x.txt": "text", "x.npy": "\x93NUMPY\x01\x00", "x.ksc": "\x89ksc\r\n\x1a\n"} {
		if _, err := Open(writeFile(t, name, []byte(b))); !errors.Is(err, ksparse.ErrFormat) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open("no such file"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	codes := someCodes(t, 1, 9, 30, 0, 1)
	nan := rounded(codes, func(float64) float64 { return math.NaN() })
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		ctx     context.Context
		name    string
		src     Source
		o       Options
		want    error
		mention string
	}{
		{context.Background(), "x.txt", FromCodes(codes), Options{}, ksparse.ErrRange, ".ksc, .npz or .jsonl"},
		{context.Background(), "x.ksc", nil, Options{}, ksparse.ErrEmpty, "nil"},
		{context.Background(), "x.ksc", FromCodes(nil), Options{}, ksparse.ErrEmpty, "no codes"},
		{context.Background(), "x.ksc", FromCodes(codes), Options{Values: 3}, ksparse.ErrRange, "precision"},
		{context.Background(), "x.npz", FromCodes(codes), Options{Values: Float16}, ksparse.ErrRange, "float16"},
		{context.Background(), "x.ksc", FromCodes(rounded(codes, func(v float64) float64 { return v * 1e6 })), Options{Values: Float16}, ksparse.ErrRange, "too large for float16"},
		{context.Background(), "x.ksc", FromCodes(rounded(codes, func(v float64) float64 { return v * 1e60 })), Options{Values: Float32}, ksparse.ErrRange, "too large for float32"},
		{context.Background(), "x.ksc", FromCodes(nan), Options{}, ksparse.ErrNotFinite, "row "},
		{context.Background(), "x.npz", FromCodes(nan), Options{}, ksparse.ErrNotFinite, "row "},
		{context.Background(), "x.jsonl", FromCodes(nan), Options{}, ksparse.ErrNotFinite, "row "},
		{context.Background(), "x.ksc", failing{FromCodes(codes), 5}, Options{}, errFailed, "x.ksc"},
		{context.Background(), "x.ksc", wrong{FromCodes(codes)}, Options{}, ksparse.ErrShape, "the source gave 8 rows"},
		{cancelled, "x.ksc", FromCodes(codes), Options{}, context.Canceled, "x.ksc"},
	} {
		path := writeFile(t, c.name, []byte("old"))
		if _, err := Write(c.ctx, path, c.src, c.o); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.mention) {
			t.Errorf("%s: %v, want %v with %q", c.name, err, c.want, c.mention)
		}
		if string(readFile(t, path)) != "old" {
			t.Errorf("%s has changed", c.name)
		}
	}
}

// wrong gives a row less than it was asked for.
type wrong struct{ Source }

// ReadCodes reads a row less.
func (w wrong) ReadCodes(dst *ksparse.Codes, lo, hi int) error {
	return w.Source.ReadCodes(dst, lo, hi-1)
}
