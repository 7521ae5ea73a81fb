//go:build unix

package ksparse_test

import (
	"context"
	"iter"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/train"
)

// BenchmarkTrainFile trains 768 -> 8192, k=32, batch 1024, from memory and from a .npy file of
// float32 that streams through a buffer, by turns of as many steps as a buffer has. It reports the
// median of the ratios of their times, and of the processor's time, which other programs disturb
// less: in a turn of the file another buffer is read ahead, so nothing is left out. Use it with
// -benchtime 20x or more.
func BenchmarkTrainFile(b *testing.B) {
	const rows, cols, batch, buffer = 32 << 10, 768, 1024, 16 << 10
	x := uniform(3, rows, cols)
	held, err := data.FromMatrix(x)
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "x.npy")
	if err := data.WriteNpy(path, held, false); err != nil {
		b.Fatal(err)
	}
	file, err := data.Open(data.Options{}, path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	memory, stop := turns(b, held, batch, buffer)
	defer stop()
	stream, stop := turns(b, file, batch, buffer)
	defer stop()
	memory() // the first turns have the start in them
	stream()
	var wall, processor []float64
	for b.Loop() {
		m, _ := memory()
		f, _ := stream()
		wall = append(wall, f.wall.Seconds()/m.wall.Seconds())
		processor = append(processor, f.processor.Seconds()/m.processor.Seconds())
	}
	b.ReportMetric(median(wall), "file/memory")
	b.ReportMetric(median(processor), "file/memory-cpu")
}

// spent is what went into a turn.
type spent struct{ wall, processor time.Duration }

// turns trains a network on src, as far as next is called: by as many steps each time as a buffer
// has.
func turns(b *testing.B, src data.Source, batch, buffer int) (next func() (spent, bool), stop func()) {
	net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 768, Latents: 8192, K: 32, Activation: ksparse.ReLU})
	if err != nil {
		b.Fatal(err)
	}
	return iter.Pull(func(yield func(spent) bool) {
		cfg := ksparse.TrainConfig{Epochs: 1 << 20, BatchSize: batch, Optimizer: train.Adam{}, LearningRate: 1e-4, Buffer: buffer}
		begin, used := time.Now(), processorTime(b)
		cfg.Callback = func(p train.Progress) error {
			if p.Step%(buffer/batch) != 0 {
				return nil
			}
			if !yield(spent{time.Since(begin), processorTime(b) - used}) {
				return ksparse.ErrStop
			}
			begin, used = time.Now(), processorTime(b)
			return nil
		}
		if _, err := net.TrainSource(context.Background(), src, cfg); err != nil {
			b.Error(err)
		}
	})
}

// processorTime returns the time that processors have worked for this program.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// median returns the middle one of the numbers.
func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
