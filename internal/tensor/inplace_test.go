//go:build unix

package tensor_test

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/ksparse/ksparse/internal/mapped"
	"github.com/ksparse/ksparse/internal/tensor"
)

// BenchmarkInPlace decodes a file of 128 MiB of float32 in pieces of 512 KiB, in place and by reads, by
// turns, of a file that was read before. It reports the median of the ratios of their speeds, by the
// processor's time, which other programs disturb least.
func BenchmarkInPlace(b *testing.B) {
	const size, piece = 128 << 20, 512 << 10
	path := filepath.Join(b.TempDir(), "x")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		b.Fatal(err)
	}
	x := make([]float64, piece/4)
	walk := func(r io.ReaderAt) time.Duration {
		begin := processorTime(b)
		for at := int64(0); at < size; at += piece {
			err := tensor.Pieces(r, at, piece, 4, func(b []byte) error { return tensor.Decode(x[:len(b)/4], b, tensor.F32) })
			if err != nil {
				b.Fatal(err)
			}
		}
		return processorTime(b) - begin
	}
	set := new(mapped.Set)
	defer set.Close()
	f, err := set.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	walk(f) // the first time it is read
	b.SetBytes(size)
	var ratios []float64
	for b.Loop() {
		inPlace := walk(f)
		ratios = append(ratios, walk(struct{ io.ReaderAt }{f}).Seconds()/inPlace.Seconds())
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "in-place/reads")
}

// processorTime returns the time that processors have worked for this program.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
