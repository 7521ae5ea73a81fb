package ksparse_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// alone is the rows of a matrix by the two methods of a Source alone. Any number of goroutines
// may read them.
type alone struct{ *mat.Dense }

// ReadRows copies the rows lo to hi.
func (s alone) ReadRows(dst []float64, lo, hi int) error {
	_, cols := s.Dims()
	for i := lo; i < hi; i++ {
		copy(dst[(i-lo)*cols:], s.RawRowView(i))
	}
	return nil
}

// slow is a Source that takes a while for each row, and fails after some.
type slow struct {
	alone
	sleep time.Duration
	reads atomic.Int64
	most  int64 // reads before it fails; 0 for any number
}

// ReadRows sleeps, and reads or fails.
func (s *slow) ReadRows(dst []float64, lo, hi int) error {
	time.Sleep(s.sleep * time.Duration(hi-lo))
	if n := s.reads.Add(1); s.most > 0 && n > s.most {
		return errDisk
	}
	return s.alone.ReadRows(dst, lo, hi)
}

// checkGoroutines waits until there are no more than before.
func checkGoroutines(t *testing.T, before int) {
	t.Helper()
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, there were %d", runtime.NumGoroutine(), before)
}

// TestAheadSameBits: a training that reads ahead tells the same, and ends in the same bits, as
// one that does not.
func TestAheadSameBits(t *testing.T) {
	for _, c := range resumables() {
		if !c.source || c.ahead {
			continue
		}
		want, _ := c.uninterrupted(t)
		c.ahead = true
		got, _ := c.uninterrupted(t)
		t.Run(c.name, func(t *testing.T) { got.compare(t, want) })
	}
}

// TestAheadTime: reading and training at once take less time than one after the other. Both
// only sleep here, so that a busy machine does not matter.
func TestAheadTime(t *testing.T) {
	const rows, buffer, epochs, pause = 60, 10, 2, 20 * time.Millisecond
	run := func(prefetch func(data.Source) data.Source) time.Duration {
		cfg := ksparse.TrainConfig{Epochs: epochs, BatchSize: buffer, Buffer: buffer, MaxNorm: 1000, Callback: func(train.Progress) error {
			time.Sleep(pause)
			return nil
		}}
		start := time.Now()
		trainSource(t, smallNetwork(t), prefetch(&slow{alone: alone{uniform(1, rows, 6)}, sleep: pause / buffer}), cfg)
		return time.Since(start)
	}
	for try := range 3 { // of 12 buffers and steps of 20 ms: 260 ms, and 480 ms
		with, without := run(data.Prefetch), run(func(src data.Source) data.Source { return src })
		if with < without*3/4 {
			return
		}
		t.Logf("try %d: %v with reading ahead, %v without", try, with, without)
	}
	t.Error("reading ahead does not save time")
}

// TestAheadErrorsComeInTime: at the step at which they come without reading ahead, or not at
// all where the training ends before.
func TestAheadErrorsComeInTime(t *testing.T) {
	before := runtime.NumGoroutine()
	x := uniform(1, 30, 6)
	for _, ahead := range []bool{false, true} {
		source := func() data.Source {
			src := &slow{alone: alone{x}, most: 25} // the third buffer of ten rows fails
			if ahead {
				return data.Prefetch(src)
			}
			return src
		}
		cfg := ksparse.TrainConfig{Epochs: 3, BatchSize: 4, Buffer: 10, MaxNorm: 1000}
		h, err := smallNetwork(t).TrainSource(context.Background(), source(), cfg)
		if !errors.Is(err, errDisk) || h == nil || h.Steps != 4 || h.Stop != train.StopSource {
			t.Errorf("ahead %v: error %v, history %+v", ahead, err, h)
		}
		cfg.Steps = 4
		if h, err = smallNetwork(t).TrainSource(context.Background(), source(), cfg); err != nil || h.Steps != 4 {
			t.Errorf("ahead %v, a training of four steps: error %v, history %+v", ahead, err, h)
		}
	}
	checkGoroutines(t, before)
}

// TestAheadLeavesNothing: however a training ends, nothing reads any more.
func TestAheadLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	x := uniform(1, 60, 6)
	ctx, cancel := context.WithCancel(context.Background())
	own := errors.New("enough")
	for _, c := range []struct {
		ctx      context.Context
		callback func(train.Progress) error
		want     error
	}{
		{context.Background(), nil, nil},
		{context.Background(), func(p train.Progress) error { return own }, own},
		{context.Background(), stopAfter(5), nil},
		{ctx, func(p train.Progress) error { cancel(); return nil }, context.Canceled},
	} {
		src := &slow{alone: alone{x}, sleep: time.Millisecond}
		_, err := smallNetwork(t).TrainSource(c.ctx, data.Prefetch(src), ksparse.TrainConfig{Epochs: 2, BatchSize: 4, Buffer: 20, MaxNorm: 1000, Callback: c.callback})
		if !errors.Is(err, c.want) {
			t.Errorf("error %v, want %v", err, c.want)
		}
		reads := src.reads.Load()
		time.Sleep(5 * time.Millisecond)
		if now := src.reads.Load(); now != reads {
			t.Errorf("%d reads after the training", now-reads)
		}
		if err == nil && c.callback == nil && reads != 120 { // the last epoch is known to be the last
			t.Errorf("%d rows were read in two epochs of 60", reads)
		}
	}
	checkGoroutines(t, before)
}

// TestAheadValidation: training and validation may read the same source at once.
func TestAheadValidation(t *testing.T) {
	src := data.Prefetch(alone{uniform(1, 80, 6)})
	rest, held, err := data.HoldOut(src, 4)
	if err != nil {
		t.Fatal(err)
	}
	h := trainSource(t, smallNetwork(t), rest, ksparse.TrainConfig{Epochs: 3, BatchSize: 4, Buffer: 10, Validation: ksparse.Validation{Source: held}})
	if len(h.Epochs) != 3 || !(h.Epochs[2].ValidationLoss > 0) {
		t.Errorf("history %+v", h)
	}
}
