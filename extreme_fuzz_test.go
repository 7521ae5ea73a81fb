package ksparse_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/measure"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// FuzzExtremes encodes, trains and evaluates with numbers of all exponents of float64.
// What comes back is finite, or an error of this package.
func FuzzExtremes(f *testing.F) {
	f.Add(uint64(1), uint64(2), int16(0), int16(2000), []byte("seed"))
	f.Add(uint64(3), uint64(77), int16(-1074), int16(10), []byte{0xff, 0xf0, 1, 2, 3, 4, 5, 6})
	f.Add(uint64(4), uint64(99), int16(1000), int16(24), []byte{})
	f.Fuzz(func(t *testing.T, seed, shape uint64, low, span int16, raw []byte) {
		fuzzExtremes(t, seed, shape, int(low), int(span), raw)
	})
}

// fuzzExtremes makes numbers of exponents from low to low+span, and some of raw.
func fuzzExtremes(t *testing.T, seed, shape uint64, low, span int, raw []byte) {
	rng := rand.New(rand.NewPCG(seed, shape))
	fill := func(dst []float64) {
		for i := range dst {
			dst[i] = math.Ldexp(2*rng.Float64()-1, min(1024, max(-1074, low)+rng.IntN(1+max(0, span))))
			if len(raw) >= 8 && rng.IntN(4) == 0 {
				if v := math.Float64frombits(binary.LittleEndian.Uint64(raw)); v-v == 0 {
					dst[i] = v
				}
				raw = raw[8:]
			}
			if math.IsInf(dst[i], 0) {
				dst[i] = math.MaxFloat64
			}
		}
	}
	pick := func(n int) int { return rng.IntN(n) }
	cfg := ksparse.Config{Classic: true, Inputs: 1 + pick(9), Latents: 1 + pick(40), Activation: ksparse.Activation(pick(8)), Selection: ksparse.Selection(pick(3)),
		PreBias: pick(2) == 0, Tied: pick(3) == 0, Normalization: ksparse.Normalization(pick(3)), Seed: seed}
	if pick(8) == 0 { // large enough to be screened
		cfg.Inputs, cfg.Latents = 64+pick(80), 256+pick(600)
	}
	cfg.K = 1 + pick(min(40, cfg.Latents))
	net, err := ksparse.New(cfg)
	if err != nil {
		known(t, err)
		return
	}
	if pick(3) == 0 { // weights of all magnitudes too
		for _, l := range net.Layers() {
			fill(l.Weights().RawMatrix().Data)
			fill(l.Biases().RawVector().Data)
		}
	}
	rows := 1 + pick(30)
	x := mat.NewDense(rows, cfg.Inputs, nil)
	fill(x.RawMatrix().Data)
	encodeAndEvaluate(t, net, x)
	recipe := ksparse.Recipe{UnitNorm: pick(3) == 0, AuxK: pick(2) * pick(5), DeadAfter: 1 + pick(20), MultiTopK: float64(pick(2)) / 8}
	h, err := net.Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 1 + pick(3), BatchSize: 1 + pick(rows), MaxNorm: float64(pick(2)) * 10,
		Optimizer: []train.Optimizer{nil, train.SGD{}, train.SGD{Momentum: 0.9}, train.RMSProp{}, train.AdaGrad{}, train.AdamW{}}[pick(6)],
		ClipNorm:  float64(pick(2)), EMA: float64(pick(2)) * 0.9, Validation: ksparse.Validation{Fraction: float64(pick(2)) * 0.3}, Recipe: recipe})
	known(t, err)
	if h != nil {
		for _, e := range h.Epochs {
			finite(t, "the history", e.TrainLoss, e.L0, e.GradientNorm)
			if math.IsInf(e.FVU, 0) || math.IsInf(e.ValidationLoss, 0) {
				t.Errorf("an epoch of %+v", e)
			}
		}
	}
	for i, l := range net.Layers() {
		finite(t, []string{"the encoder", "the decoder"}[i], append(slices.Clone(l.Weights().RawMatrix().Data), l.Biases().RawVector().Data...)...)
	}
	encodeAndEvaluate(t, net, x)
}

// encodeAndEvaluate does that, and holds the codes to those of the plain search.
func encodeAndEvaluate(t *testing.T, net *ksparse.Network, x *mat.Dense) {
	t.Helper()
	codes, err := net.Encode(x)
	known(t, err)
	if err == nil {
		for i := range x.RawMatrix().Rows {
			_, values := codes.Row(i)
			finite(t, "the codes", values...)
		}
		batch := net.Layers()[0].(*ksparse.SparseLayer).Selection() == ksparse.SelectBatchTopK // Forward selects from all rows
		if pass, err := net.Forward(x); err == nil && !batch && !mat.Equal(codes, pass.LayerOutput(0)) {
			t.Error("Encode has other codes than Forward")
		}
		frozen, err := net.Freeze()
		if err != nil {
			t.Fatalf("Encode has no error, Freeze has %v", err)
		}
		if again, err := frozen.Encode(x); err != nil || !mat.Equal(codes, again) {
			t.Errorf("the frozen network has other codes, or error %v", err)
		}
	}
	out, err := net.Predict(x)
	known(t, err)
	if err == nil {
		finite(t, "the output", out.RawMatrix().Data...)
		fvu, err := ksparse.FVU(out, x)
		known(t, err)
		mse, err2 := ksparse.MeanSquaredError(out, x)
		known(t, err2)
		finite(t, "a figure", fvu, mse)
	}
	report, err := measure.Evaluate(net, sourceOf(t, x))
	known(t, err)
	if err == nil {
		finite(t, "the report", report.MSE, report.FVU, report.NormalizedMSE, report.CentredExplainedVariance, report.RowExplainedVariance,
			report.CosineSimilarity, report.L2Ratio, report.L0)
	}
}

// finite fails where a number is not.
func finite(t *testing.T, what string, numbers ...float64) {
	t.Helper()
	for _, v := range numbers {
		if v-v != 0 {
			t.Fatalf("%s: %v", what, v)
		}
	}
}

// known fails where err is none of this package's.
func known(t *testing.T, err error) {
	t.Helper()
	for _, cause := range []error{nil, ksparse.ErrNotFinite, ksparse.ErrRange, ksparse.ErrEmpty, ksparse.ErrDiverged, ksparse.ErrUnset} {
		if errors.Is(err, cause) {
			return
		}
	}
	t.Fatalf("an error that is no answer: %v", err)
}
