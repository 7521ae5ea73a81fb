package ksparse_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// readSource hands out the rows of x by ReadRows alone, and fails in what spoil does to
// what was read.
type readSource struct {
	x     *mat.Dense
	spoil func(dst []float64, lo, hi int) error // nil for nothing
	most  int                                   // rows that were read at once
}

// Dims are those of x.
func (s *readSource) Dims() (rows, cols int) { return s.x.Dims() }

// ReadRows copies the rows, and spoils them.
func (s *readSource) ReadRows(dst []float64, lo, hi int) error {
	_, cols := s.x.Dims()
	for i := lo; i < hi; i++ {
		copy(dst[(i-lo)*cols:], s.x.RawRowView(i))
	}
	s.most = max(s.most, hi-lo)
	if s.spoil != nil {
		return s.spoil(dst, lo, hi)
	}
	return nil
}

var errDisk = errors.New("disk gone")

// spoilers are what a source can do wrong with the row 2000, and what is said of it.
var spoilers = map[string]func(dst []float64, lo, hi int) error{
	"disk gone": func(_ []float64, lo, hi int) error {
		if lo <= 2000 && 2000 < hi {
			return errDisk
		}
		return nil
	},
	"holds NaN at row 2000, column 1": func(dst []float64, lo, hi int) error {
		if lo <= 2000 && 2000 < hi {
			dst[(2000-lo)*(len(dst)/(hi-lo))+1] = math.NaN()
		}
		return nil
	},
}

// checkSpoilt runs use on sources that fail at row 2000 of x: the error names the row, or the
// rows that were asked for.
func checkSpoilt(t *testing.T, x *mat.Dense, use func(src data.Source) error) {
	t.Helper()
	for says, spoil := range spoilers {
		err := use(&readSource{x: x, spoil: spoil})
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "row") || !errors.Is(err, errDisk) && !errors.Is(err, ksparse.ErrNotFinite) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
}

// TestStartFromSource: a source gives what its matrix gives.
func TestStartFromSource(t *testing.T) {
	x := outlying(3, 3000, 6)
	start := func(src data.Source) *ksparse.Network {
		net := modelOf(ksparse.Config{Classic: true, PreBias: true, Normalization: ksparse.DatasetScale})(t)
		if err := net.StartFrom(src, ksparse.Start{PreBias: data.GeometricMedian, Atoms: true, Seed: 4}); err != nil {
			t.Fatal(err)
		}
		return net
	}
	want, got := start(sourceOf(t, x)), start(&readSource{x: x})
	if !sameNumbers(parameters(got), parameters(want)) || got.Wiring() != want.Wiring() {
		t.Error("a source and its matrix give different networks")
	}
	checkSpoilt(t, x, func(src data.Source) error {
		net := modelOf(ksparse.Config{Classic: true, Normalization: ksparse.DatasetScale})(t)
		before := parameters(net)
		err := net.StartFrom(src, ksparse.Start{Atoms: true})
		if !sameNumbers(parameters(net), before) || net.Wiring().Scale != 0 {
			t.Error("the network has changed")
		}
		return err
	})
	for _, src := range []data.Source{nil, (*readSource)(nil), &readSource{x: &mat.Dense{}}, &readSource{x: uniform(1, 3, 5)}} {
		if err := smallNetwork(t).StartFrom(src, ksparse.Start{}); !errors.Is(err, ksparse.ErrEmpty) && !errors.Is(err, ksparse.ErrShape) {
			t.Errorf("StartFrom: error %v", err)
		}
		if _, err := smallNetwork(t).Calibrate(src, 1); !errors.Is(err, ksparse.ErrEmpty) && !errors.Is(err, ksparse.ErrShape) {
			t.Errorf("Calibrate: error %v", err)
		}
	}
}

// TestStartFromLargeSource: of more rows than are kept the scale is that of all, and every
// latent begins as one of them, by the seed.
func TestStartFromLargeSource(t *testing.T) {
	x := uniform(1, 100_000, 2)
	start := func(src data.Source, seed uint64) *ksparse.Network {
		net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 2, Latents: 300, K: 2, PreBias: true, Normalization: ksparse.DatasetScale})
		if err == nil {
			err = net.StartFrom(src, ksparse.Start{PreBias: data.MeanRow, Atoms: true, Seed: seed})
		}
		if err != nil {
			t.Fatal(err)
		}
		return net
	}
	src := &readSource{x: x}
	whole, net := start(sourceOf(t, x), 1), start(src, 1)
	if net.Wiring().Scale != whole.Wiring().Scale {
		t.Errorf("the scale is %v, that of the matrix %v", net.Wiring().Scale, whole.Wiring().Scale)
	}
	for j, v := range net.Layers()[1].Biases().RawVector().Data {
		if w := whole.Layers()[1].Biases().AtVec(j); math.Abs(v-w) > 0.02 {
			t.Errorf("the mean is %v at %d, that of all rows %v", v, j, w)
		}
	}
	if src.most > 1<<14 {
		t.Errorf("%d rows were read at once", src.most)
	}
	again, other := start(src, 1), start(src, 2)
	if !sameNumbers(parameters(net), parameters(again)) || sameNumbers(parameters(net), parameters(other)) {
		t.Error("the seed does not decide about the rows")
	}
	for j := range 300 {
		if norm := mat.Norm(net.Layers()[0].Weights().RowView(j), 2); math.Abs(norm-1) > 1e-12 {
			t.Errorf("latent %d begins with a norm of %v", j, norm)
		}
	}
	rows := func(seed uint64) *ksparse.Network {
		return start(&readSource{x: x, spoil: func([]float64, int, int) error { return nil }}, seed)
	}
	if !sameNumbers(parameters(rows(1)), parameters(net)) {
		t.Error("the same rows give another start")
	}
}

// TestCalibrateSource: the threshold of a source is that of its matrix, also where the rows
// do not stay in memory.
func TestCalibrateSource(t *testing.T) {
	for _, c := range []struct {
		rows, latents int
		l0            float64
	}{{3000, 60, 4.5}, {20_000, 600, 230}, {20_000, 500, 1e-3}} {
		if testing.Short() && c.rows > 3000 {
			return // the large ones take long where the processor is emulated
		}
		x := uniform(2, c.rows, 6)
		src := &readSource{x: x}
		net := batchTopK(t, 6, c.latents, 4, nil)
		got, err := net.Calibrate(src, c.l0)
		if err != nil {
			t.Fatal(err)
		}
		want, err := batchTopK(t, 6, c.latents, 4, nil).Calibrate(sourceOf(t, x), c.l0)
		if err != nil || got != want {
			t.Errorf("%+v: the threshold of the source is %v, of the matrix %v, error %v", c, got, want, err)
		}
		if l0, _ := use(t, net, x); math.Abs(l0-c.l0) > 1e-9 {
			t.Errorf("%+v: L0 is %v", c, l0)
		}
		checkSpoilt(t, x, func(src data.Source) error {
			_, err := batchTopK(t, 6, c.latents, 4, nil).Calibrate(src, c.l0)
			return err
		})
	}
	x := uniform(2, 20_000, 6)
	if _, err := batchTopK(t, 6, 600, 4, nil).Calibrate(&readSource{x: x}, 590); !errors.Is(err, ksparse.ErrRange) || !strings.Contains(err.Error(), "values per row are positive") {
		t.Errorf("more than are positive: error %v", err)
	}
}

// TestValidationSource: the losses are those of the same rows as a matrix, in memory or not.
func TestValidationSource(t *testing.T) {
	x, valid := uniform(1, 60, 6), uniform(2, 3000, 6)
	base := ksparse.TrainConfig{Epochs: 3, BatchSize: 16, EMA: 0.5}
	base.Validation.Patience = 2
	for _, c := range []ksparse.Config{{}, {Selection: ksparse.SelectBatchTopK, PreBias: true}, {Normalization: ksparse.LayerNorm}} {
		c.Classic = true
		run := func(v ksparse.Validation, buffer int) (string, [][]float64) {
			net, cfg := modelOf(c)(t), base
			v.Patience = 2
			cfg.Validation, cfg.Buffer = v, buffer
			o := &outcome{progress: map[int]string{}}
			cfg.Callback = func(p train.Progress) error { o.note(p); return nil }
			o.end(net, trainOn(t, net, x, x, cfg))
			return o.history + fmt.Sprint(o.progress), o.parameters
		}
		wantHistory, want := run(ksparse.Validation{X: valid, Y: valid}, 0)
		for _, src := range []data.Source{sourceOf(t, valid), &readSource{x: valid}} {
			for _, buffer := range []int{0, 3000, 2999, 1} {
				if history, got := run(ksparse.Validation{Source: src}, buffer); history != wantHistory || !sameNumbers(got, want) {
					t.Errorf("%+v, Buffer %d: history\n%s, want\n%s", c, buffer, history, wantHistory)
				}
			}
		}
	}
	// A loop of one's own, and a training that is resumed.
	loss := func(v ksparse.Validation) float64 {
		trainer, err := ksparse.NewTrainer(smallNetwork(t), ksparse.TrainConfig{Validation: v, Buffer: 100})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := trainer.Step(x, x); err != nil {
			t.Fatal(err)
		}
		h, err := trainer.Finish()
		if err != nil {
			t.Fatal(err)
		}
		return h.Epochs[0].ValidationLoss
	}
	if got, want := loss(ksparse.Validation{Source: &readSource{x: valid}}), loss(ksparse.Validation{X: valid, Y: valid}); got != want {
		t.Errorf("a Trainer: validation loss %v, want %v", got, want)
	}
	cfg := ksparse.TrainConfig{Epochs: 1, Checkpoint: ksparse.Checkpoint{File: filepath.Join(t.TempDir(), "checkpoint"), Resume: true}, Validation: ksparse.Validation{X: valid, Y: valid}}
	trainOn(t, smallNetwork(t), x, x, cfg)
	cfg.Epochs, cfg.Validation = 2, ksparse.Validation{Source: &readSource{x: valid}}
	if h := trainOn(t, smallNetwork(t), x, x, cfg); len(h.Epochs) != 2 {
		t.Errorf("history %+v", h)
	}
}

// TestValidationSourceErrors: before training where they show, else at an epoch's end.
func TestValidationSourceErrors(t *testing.T) {
	x, valid := uniform(1, 60, 6), uniform(2, 3000, 6)
	checkSpoilt(t, valid, func(src data.Source) error {
		for _, buffer := range []int{0, 100} {
			h, err := smallNetwork(t).Train(context.Background(), x, x, ksparse.TrainConfig{Buffer: buffer, Validation: ksparse.Validation{Source: src}})
			if !strings.Contains(fmt.Sprint(err), "Validation.Source: ") || (h == nil) != (buffer == 0) || h != nil && (h.Stop != train.StopSource || h.Steps != 1) {
				t.Errorf("Buffer %d: history %+v, error %v", buffer, h, err)
			}
			if buffer > 0 {
				return err
			}
		}
		return nil
	})
	wide := networkOf(t, ksparse.NewLinearLayer("wide", 6, 7, ksparse.Identity))
	for _, c := range []struct {
		net  *ksparse.Network
		cfg  ksparse.TrainConfig
		want error
		says string
	}{
		{smallNetwork(t), ksparse.TrainConfig{Validation: ksparse.Validation{Source: &readSource{x: valid}, X: valid, Y: valid}}, ksparse.ErrRange, "both X and Source"},
		{smallNetwork(t), ksparse.TrainConfig{Validation: ksparse.Validation{Source: &readSource{x: valid}, Fraction: 0.1}}, ksparse.ErrRange, "both Source and Fraction"},
		{smallNetwork(t), ksparse.TrainConfig{Validation: ksparse.Validation{Source: (*readSource)(nil)}}, ksparse.ErrEmpty, "Validation.Source"},
		{smallNetwork(t), ksparse.TrainConfig{Validation: ksparse.Validation{Source: &readSource{x: uniform(1, 9, 5)}}}, ksparse.ErrShape, "Validation.Source: the source has 5 columns, want 6"},
		{wide, ksparse.TrainConfig{Validation: ksparse.Validation{Source: &readSource{x: valid}}}, ksparse.ErrShape, "autoencoder"},
		{networkOf(t, ksparse.NewSparseLayer("a", 6, 8, 2, ksparse.ReLU), ksparse.NewLinearLayer("b", 8, 6, ksparse.Sigmoid)),
			ksparse.TrainConfig{Loss: ksparse.BinaryCrossEntropy, Validation: ksparse.Validation{Source: &readSource{x: valid}}}, ksparse.ErrRange, "Validation.Source"},
	} {
		y := mat.NewDense(60, c.net.Out(), nil)
		h, err := c.net.Train(context.Background(), x, y, c.cfg)
		if h != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("history %+v, error %v, want %v that says %q", h, err, c.want, c.says)
		}
	}
	_, err := smallNetwork(t).Pretrain(context.Background(), x, ksparse.PretrainConfig{Train: ksparse.TrainConfig{Validation: ksparse.Validation{Source: &readSource{x: valid}}}})
	if !errors.Is(err, ksparse.ErrRange) || !strings.Contains(err.Error(), "Validation.Fraction") {
		t.Errorf("Pretrain: error %v", err)
	}
}
