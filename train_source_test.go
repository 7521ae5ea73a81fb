package ksparse_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// rowSource is the rows of a matrix as a Source. It notes what was read.
type rowSource struct {
	*mat.Dense
	reads  [][2]int // the ranges of rows
	before func(lo, hi int) error
}

func (s *rowSource) ReadRows(dst []float64, lo, hi int) error {
	s.reads = append(s.reads, [2]int{lo, hi})
	if s.before != nil {
		if err := s.before(lo, hi); err != nil {
			return err
		}
	}
	_, cols := s.Dims()
	if len(dst) != (hi-lo)*cols || cap(dst) != len(dst) {
		return fmt.Errorf("rows %d to %d into %d numbers (%d of memory), want %d", lo, hi, len(dst), cap(dst), (hi-lo)*cols)
	}
	for i := lo; i < hi; i++ {
		copy(dst[(i-lo)*cols:], s.RawRowView(i))
	}
	return nil
}

func trainSource(t *testing.T, n *ksparse.Network, src data.Source, cfg ksparse.TrainConfig) *train.History {
	t.Helper()
	h, err := n.TrainSource(context.Background(), src, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestTrainSourceThatFits: the bits of Train, each row read once.
func TestTrainSourceThatFits(t *testing.T) {
	x := outlying(1, 143, 6)
	for _, cfg := range []ksparse.TrainConfig{
		{Epochs: 3, BatchSize: 32},
		{Epochs: 3, BatchSize: 32, Buffer: 143},
		{Epochs: 3, BatchSize: 32, Buffer: 143, MaxNorm: 2, EMA: 0.9, Validation: ksparse.Validation{Fraction: 0.1}, Seed: 3},
	} {
		one, other := smallNetwork(t), smallNetwork(t)
		src := &rowSource{Dense: x}
		got := trainSource(t, one, src, cfg)
		want := trainOn(t, other, x, x, cfg)
		if !sameNumbers(parameters(one), parameters(other)) || got.Epochs[2].TrainLoss != want.Epochs[2].TrainLoss || got.LeftOut != want.LeftOut {
			t.Errorf("%+v: other bits than Train", cfg)
		}
		next := 0
		for _, r := range src.reads {
			if r[0] != next || r[1] <= r[0] {
				t.Fatalf("the rows %v are read after row %d", r, next)
			}
			next = r[1]
		}
		if next != 143 {
			t.Errorf("read up to row %d", next)
		}
	}
}

// tellingSource is telling for an autoencoder: the samples' squared errors are
// powers of 4.
func tellingSource(t *testing.T, samples int) (*ksparse.Network, *rowSource) {
	net, _, y := telling(t, samples)
	return net, &rowSource{Dense: y}
}

// TestTrainSourceUsesEverySampleOnce in each epoch, in full batches but the last,
// whatever the sizes of buffer and batch, in an order that changes.
func TestTrainSourceUsesEverySampleOnce(t *testing.T) {
	const samples, epochs = 23, 3
	for _, buffer := range []int{1, 2, 5, 7, 22} {
		for _, size := range []int{1, 3, 5, 12, 23, 100} {
			var orders [epochs]string
			net, src := tellingSource(t, samples)
			used, seen := uint64(0), 0
			h := trainSource(t, net, src, ksparse.TrainConfig{Epochs: epochs, BatchSize: size, Buffer: buffer, Optimizer: scripted{},
				Callback: func(p train.Progress) error {
					rows := min(size, samples-seen)
					batch := told(t, p.Loss, rows)
					if used&batch != 0 {
						t.Errorf("buffer %d, batch %d: samples %b are used twice", buffer, size, used&batch)
					}
					used, seen = used|batch, seen+rows
					orders[p.Epoch-1] += fmt.Sprint(batch, " ")
					if p.EpochEnd != (seen == samples) {
						t.Errorf("buffer %d, batch %d: the epoch's end after %d samples: %v", buffer, size, seen, p.EpochEnd)
					}
					if p.EpochEnd {
						used, seen = 0, 0
					}
					return nil
				}})
			if want := epochs * ((samples + min(size, samples) - 1) / min(size, samples)); h.Steps != want {
				t.Errorf("buffer %d, batch %d: %d steps, want %d", buffer, size, h.Steps, want)
			}
			if size <= 5 && (orders[0] == orders[1] || orders[1] == orders[2]) {
				t.Errorf("buffer %d, batch %d: two epochs have one order", buffer, size)
			}
			if rows := 0; true {
				for _, r := range src.reads {
					rows += r[1] - r[0]
				}
				if rows != epochs*samples {
					t.Errorf("buffer %d, batch %d: %d rows are read in %d epochs of %d", buffer, size, rows, epochs, samples)
				}
			}
		}
	}
}

// TestTrainSourceShuffleIsFair: with a buffer of two of four samples there is one of each
// half of the source in each, and all orders in which this is so are as likely.
func TestTrainSourceShuffleIsFair(t *testing.T) {
	const epochs = 3200
	net, src := tellingSource(t, 4)
	counts := map[[4]int]int{}
	var order [4]int
	trainSource(t, net, src, ksparse.TrainConfig{Epochs: epochs, BatchSize: 1, Buffer: 2, Optimizer: scripted{}, Callback: func(p train.Progress) error {
		order[(p.Step-1)%4] = bits.TrailingZeros64(told(t, p.Loss, 1))
		if p.EpochEnd {
			counts[order]++
		}
		return nil
	}})
	for o, n := range counts {
		if n < 200-70 || n > 200+70 { // five standard deviations: 5·sqrt(3200·15)/16 = 68
			t.Errorf("order %v in %d of %d epochs, want about a sixteenth", o, n, epochs)
		}
	}
	if len(counts) != 16 {
		t.Errorf("%d different orders, want 16", len(counts))
	}
}

// TestTrainSourcePieces: each buffer reads a piece of each part of the source, from its
// beginning to its end, and each epoch other ones first.
func TestTrainSourcePieces(t *testing.T) {
	const rows, buffer, buffers = 1000, 200, 5
	src := &rowSource{Dense: uniform(1, rows, 6)}
	var firstReads int
	trainSource(t, smallNetwork(t), src, ksparse.TrainConfig{Epochs: 2, BatchSize: 10, Buffer: buffer, Callback: func(p train.Progress) error {
		if p.Step == 1 {
			firstReads = len(src.reads)
		}
		return nil
	}})
	if firstReads != buffer {
		t.Errorf("%d reads before the first step, want %d", firstReads, buffer)
	}
	if len(src.reads) != 2*rows {
		t.Fatalf("%d reads in two epochs, want %d", len(src.reads), 2*rows)
	}
	for i, r := range src.reads {
		if part := i % buffer; r[0]/buffers != part || r[1] != r[0]+1 {
			t.Fatalf("rows %v are read, want one of those from %d on", r, part*buffers)
		}
	}
	if slices.Equal(src.reads[:buffer], src.reads[rows:rows+buffer]) {
		t.Error("two epochs begin with the same rows")
	}
}

// endless makes rows as they are asked for.
type endless struct{ rows, cols, most int }

func (s *endless) Dims() (int, int) { return s.rows, s.cols }
func (s *endless) ReadRows(dst []float64, lo, hi int) error {
	s.most = max(s.most, hi-lo)
	for i := range dst {
		dst[i] = float64((lo*s.cols+i)*40503%1000) / 1000
	}
	return nil
}

// TestTrainSourceMemory: what is alive while a source of 205 MB goes through a
// buffer of 2 MB is the buffer and its rows' order, and what a training needs
// that has one batch of data: its copy as the batch, parameters, activations.
func TestTrainSourceMemory(t *testing.T) {
	const rows, cols, buffer, batch = 400_000, 64, 4096, 512
	alive := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // pools of scratch memory live through one
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	mostAlive := func(src data.Source, epochs int) int {
		net := networkOf(t, ksparse.NewSparseLayer("encoder", cols, 16, 2, ksparse.ReLU), ksparse.NewLinearLayer("decoder", 16, cols, ksparse.Identity))
		before, most := alive(), 0
		trainSource(t, net, src, ksparse.TrainConfig{Epochs: epochs, BatchSize: batch, Buffer: buffer, Callback: func(p train.Progress) error {
			if p.Step%100 == 1 {
				most = max(most, alive()-before)
			}
			return nil
		}})
		return most
	}
	mostAlive(&endless{rows: batch, cols: cols}, 3) // what is shared and stays
	own := mostAlive(&endless{rows: batch, cols: cols}, 3)
	large := &endless{rows: rows, cols: cols}
	most := mostAlive(large, 1)
	bound := own + (buffer-batch)*cols*8 + buffer*8 + 64<<10 // that heap sizes round up to
	if most > bound {                                        // of slack
		t.Errorf("%d bytes are alive during the training, want at most %d, of them %d without the data", most, bound, own)
	}
	if large.most != buffer/1024 {
		t.Errorf("%d rows are read at a time, want %d", large.most, buffer/1024)
	}
}

// TestTrainSourceSameBits for every GOMAXPROCS.
func TestTrainSourceSameBits(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	run := func(procs int, seed uint64) [][]float64 {
		runtime.GOMAXPROCS(procs)
		net := mixedNetwork(t)
		trainSource(t, net, &rowSource{Dense: outlying(1, 301, 10)}, ksparse.TrainConfig{Epochs: 2, BatchSize: 48, Buffer: 70, MaxNorm: 4, EMA: 0.9, Seed: seed})
		return parameters(net)
	}
	want := run(2, 1)
	for _, procs := range []int{1, 2, 5} {
		if !sameNumbers(run(procs, 1), want) {
			t.Errorf("other bits on %d processors", procs)
		}
	}
	if sameNumbers(run(2, 2), want) {
		t.Error("another seed gives the same bits")
	}
}

func TestTrainSourceBadInput(t *testing.T) {
	fails := errors.New("disk gone")
	with := func(i, j int, v float64) *mat.Dense {
		m := uniform(1, 100, 6)
		m.Set(i, j, v)
		return m
	}
	type config = ksparse.TrainConfig
	for _, c := range []struct {
		name string
		src  data.Source
		cfg  config
		want error
		says []string
	}{
		{"nil", nil, config{}, ksparse.ErrEmpty, []string{"source is nil"}},
		{"empty", &rowSource{Dense: &mat.Dense{}}, config{}, ksparse.ErrEmpty, []string{"no rows", "0 x 0"}},
		{"negative", &endless{rows: -5, cols: 6}, config{}, ksparse.ErrEmpty, []string{"no rows", "-5 x 6"}},
		{"too wide", &rowSource{Dense: uniform(1, 100, 7)}, config{}, ksparse.ErrShape, []string{"source has 7 columns", "want 6"}},
		{"buffer of too much", &endless{rows: math.MaxInt, cols: 6}, config{Buffer: math.MaxInt}, ksparse.ErrRange, []string{"too large"}},
		{"buffers of too little", &endless{rows: math.MaxInt, cols: 6}, config{Buffer: 1}, ksparse.ErrRange, []string{"too large"}},
		{"held out of more than fits", &rowSource{Dense: uniform(1, 100, 6)}, config{Buffer: 99, Validation: ksparse.Validation{Fraction: 0.1}}, ksparse.ErrRange, []string{"Validation.Fraction", "100 rows", "use Validation.X"}},
		{"config", &rowSource{Dense: uniform(1, 100, 6)}, config{Epochs: -1}, ksparse.ErrRange, []string{"Epochs is -1"}},
		{"fails, fits", &rowSource{Dense: uniform(1, 100, 6), before: func(_, _ int) error { return fails }}, config{}, fails, []string{"rows 0 to 100"}},
		{"fails", &rowSource{Dense: uniform(1, 100, 6), before: func(lo, _ int) error { return fails }}, config{Buffer: 10}, fails, []string{"reading the rows ", "of the source: disk gone"}},
		{"NaN, fits", &rowSource{Dense: with(71, 3, math.NaN())}, config{}, ksparse.ErrNotFinite, []string{"source holds NaN", "row 71", "column 3"}},
		{"Inf", &rowSource{Dense: with(0, 5, math.Inf(-1))}, config{Buffer: 99}, ksparse.ErrNotFinite, []string{"source holds -Inf", "row 0", "column 5"}},
		{"not in 0 to 1", &rowSource{Dense: uniform(1, 100, 6)}, config{Loss: ksparse.BinaryCrossEntropy}, ksparse.ErrRange, []string{"the source is", "0 to 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			net := smallNetwork(t)
			start := parameters(net)
			h, err := net.TrainSource(context.Background(), c.src, c.cfg)
			if h != nil || !errors.Is(err, c.want) {
				t.Fatalf("history %v, error %v, want %v", h, err, c.want)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error %q does not say %q", err, s)
				}
			}
			if !sameNumbers(parameters(net), start) {
				t.Error("the network has changed")
			}
		})
	}
	narrow := networkOf(t, ksparse.NewLinearLayer("narrow", 6, 2, ksparse.Identity))
	if _, err := narrow.TrainSource(context.Background(), &rowSource{Dense: uniform(1, 9, 6)}, config{}); !errors.Is(err, ksparse.ErrShape) {
		t.Errorf("a network that is no autoencoder: %v", err)
	}
}

// TestTrainSourceFailsLater: an error in the midst of training ends it with its
// history, and the steps that were taken stay.
func TestTrainSourceFailsLater(t *testing.T) {
	x := uniform(1, 30, 6)
	fails := errors.New("disk gone")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, c := range []struct {
		name string
		fail func(reads int) error
		ctx  context.Context
		want error
		stop train.StopReason
		says string
	}{
		{"error", func(reads int) error {
			if reads > 25 {
				return fails
			}
			return nil
		}, context.Background(), fails, train.StopSource, "rows "},
		{"cancelled", func(reads int) error {
			if reads > 25 {
				cancel()
			}
			return nil
		}, ctx, context.Canceled, train.StopContext, "canceled"},
		{"NaN", func(reads int) error {
			if reads > 25 {
				for i := range 30 {
					x.Set(i, 2, math.NaN())
				}
			}
			return nil
		}, context.Background(), ksparse.ErrNotFinite, train.StopSource, "column 2"},
	} {
		src := &rowSource{Dense: x}
		src.before = func(int, int) error { return c.fail(len(src.reads)) }
		net, short := smallNetwork(t), smallNetwork(t)
		cfg := ksparse.TrainConfig{Epochs: 3, BatchSize: 4, Buffer: 10}
		h, err := net.TrainSource(c.ctx, src, cfg)
		// The third buffer, rows 21 to 30, fails: 20 rows are used, 5 batches of 4. The
		// last of them is not taken, because whether it is the epoch's last is not known.
		if !errors.Is(err, c.want) || h == nil || h.Stop != c.stop || h.Steps != 4 || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, history %+v", c.name, err, h)
			continue
		}
		x = uniform(1, 30, 6)
		cfg.Callback = stopAfter(4)
		trainSource(t, short, &rowSource{Dense: x}, cfg)
		if !sameNumbers(parameters(net), parameters(short)) {
			t.Errorf("%s: the parameters are not those after four steps", c.name)
		}
	}
}
