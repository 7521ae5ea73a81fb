package codefile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/atomicfile"
)

// TestManyGoroutines: many read one file of each kind at once.
func TestManyGoroutines(t *testing.T) {
	small(t, 50, 1<<21)
	codes := someCodes(t, 1, 300, 40, 5, 100)
	for _, name := range []string{"a.ksc", "a.npz", "a.jsonl"} {
		f := opened(t, written(t, name, codes, Options{}))
		want := new(ksparse.Codes)
		must(t, f.ReadCodes(want, 0, 300))
		var all sync.WaitGroup
		for g := range 16 {
			all.Add(1)
			go func() {
				defer all.Done()
				rng := rand.New(rand.NewPCG(uint64(g), 0))
				var got ksparse.Codes
				for range 20 {
					lo := rng.IntN(300)
					hi := lo + 1 + rng.IntN(300-lo)
					if err := f.ReadCodes(&got, lo, hi); err != nil {
						t.Error(err)
						return
					}
					latents, values, err := f.ReadRow(nil, nil, lo)
					wantLatents, wantValues := want.Row(lo)
					gotLatents, gotValues := got.Row(0)
					if err != nil || fmt.Sprint(latents, values) != fmt.Sprint(wantLatents, wantValues) || fmt.Sprint(gotLatents, gotValues) != fmt.Sprint(wantLatents, wantValues) {
						t.Errorf("%s: row %d is %v %v, want %v %v (%v)", name, lo, latents, values, wantLatents, wantValues, err)
						return
					}
				}
			}()
		}
		all.Wait()
	}
}

// TestCutWhileOpen: a file that is cut while it is open is an error for what is gone, in ranges and row by row, and not
// the end of the process.
func TestCutWhileOpen(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a mapped file cannot be cut here")
	}
	codes := someCodes(t, 1, 30000, 3000, 8, 100)
	for _, known := range []bool{false, true} {
		for _, left := range []int64{0, 64, 4096 + 100, 300_000, 1_000_000} {
			path := written(t, "a.ksc", codes, Options{})
			f := opened(t, path)
			got := new(ksparse.Codes)
			if known { // all checksums were compared
				must(t, f.ReadCodes(got, 0, 30000))
				must(t, f.ReadCodes(got, 0, 30000))
			}
			must(t, os.Truncate(path, left))
			if err := f.ReadCodes(got, 0, 30000); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), path) {
				t.Errorf("cut to %d, known %v: ReadCodes: %v", left, known, err)
			}
			for row := 0; row < 30000; row += 97 {
				latents, values, err := f.ReadRow(nil, nil, row)
				wantLatents, wantValues := codes.Row(row)
				if err == nil && (fmt.Sprint(latents, values) != fmt.Sprint(wantLatents, wantValues)) {
					t.Fatalf("cut to %d, known %v: row %d is %v %v, want %v %v", left, known, row, latents, values, wantLatents, wantValues)
				}
				if err == nil && f.parts[0].codes.(*partsFile).parts[0].at.values >= left {
					t.Fatalf("cut to %d, known %v: row %d is read", left, known, row)
				}
			}
		}
	}
}

// makes returns a source of rows that are made as they are read, of k entries each.
func makes(b *testing.B, rows, latents, k int) Source {
	b.Helper()
	return FromCodes(someCodes(b, 1, rows, latents, k, 1000))
}

// BenchmarkWrite measures .ksc files of 100,000 rows, 32 entries each of 16,384 latents.
func BenchmarkWrite(b *testing.B) {
	const rows = 100_000
	src := makes(b, rows, 16384, 32)
	for _, p := range []Precision{Float64, Float32, Float16} {
		b.Run(p.String(), func(b *testing.B) {
			path := b.TempDir() + "/a.ksc"
			for b.Loop() {
				_, err := Write(context.Background(), path, src, Options{Values: p})
				must(b, err)
			}
			report(b, path, rows)
		})
	}
}

// BenchmarkPlain writes and reads as many bytes as a float32 file has without looking at them, for comparison.
func BenchmarkPlain(b *testing.B) {
	const rows = 100_000
	path := b.TempDir() + "/a.ksc"
	_, err := Write(context.Background(), path, makes(b, rows, 16384, 32), Options{Values: Float32})
	must(b, err)
	bytes := readFile(b, path)
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			must(b, atomicfile.Write(path, func(w io.Writer) error { _, err := w.Write(bytes); return err }))
		}
		report(b, path, rows)
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			f, err := os.Open(path)
			must(b, err)
			for {
				if _, err := f.Read(bytes[:192<<10]); err != nil {
					break
				}
			}
			f.Close()
		}
		report(b, path, rows)
	})
}

// report says how many bytes and rows a second there were.
func report(b *testing.B, path string, rows int) {
	b.Helper()
	info, err := os.Stat(path)
	must(b, err)
	b.SetBytes(info.Size())
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkRead reads these files in blocks of 1024 rows, the first time, when checksums are compared, and
// later.
func BenchmarkRead(b *testing.B) {
	const rows = 100_000
	src := makes(b, rows, 16384, 32)
	for _, p := range []Precision{Float64, Float32, Float16} {
		path := b.TempDir() + "/a.ksc"
		_, err := Write(context.Background(), path, src, Options{Values: p})
		must(b, err)
		var codes ksparse.Codes
		readAll := func(f *File) {
			for lo := 0; lo < rows; lo += block {
				must(b, f.ReadCodes(&codes, lo, min(lo+block, rows)))
			}
		}
		b.Run(p.String()+"/first", func(b *testing.B) {
			for b.Loop() {
				f, err := Open(path)
				must(b, err)
				readAll(f)
				f.Close()
			}
			report(b, path, rows)
		})
		b.Run(p.String()+"/later", func(b *testing.B) {
			f := opened(b, path)
			readAll(f)
			for b.Loop() {
				readAll(f)
			}
			report(b, path, rows)
		})
	}
}

// BenchmarkReadRow reads single rows at any places, in both ways.
func BenchmarkReadRow(b *testing.B) {
	const rows = 100_000
	path := b.TempDir() + "/a.ksc"
	_, err := Write(context.Background(), path, makes(b, rows, 16384, 32), Options{})
	must(b, err)
	f := opened(b, path)
	var codes ksparse.Codes
	must(b, f.ReadCodes(&codes, 0, rows))
	latents, values := make([]int32, 0, 64), make([]float64, 0, 64)
	row := 0
	b.Run("ReadRow", func(b *testing.B) {
		for b.Loop() {
			latents, values, err = f.ReadRow(latents[:0], values[:0], row)
			must(b, err)
			row = (row + 7919) % rows
		}
	})
	b.Run("ReadCodes", func(b *testing.B) {
		for b.Loop() {
			must(b, f.ReadCodes(&codes, row, row+1))
			row = (row + 7919) % rows
		}
	})
}
