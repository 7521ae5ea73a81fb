package ksparse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// TestBatchSelection compares the selection from a batch with sorting everything,
// over shapes and data with many ties and few positive values.
func TestBatchSelection(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for trial := range 300 {
		rows, in, out := 1+rng.IntN(12), 1+rng.IntN(5), 1+rng.IntN(40)
		k := rng.IntN(out + 2)
		name := fmt.Sprintf("trial %d: %d rows, %d inputs, %d latents, k=%d", trial, rows, in, out, k)
		act := []Activation{Identity, ReLU}[trial%2]
		l := NewSparseLayer("encoder", in, out, k, act)
		l.selection = SelectBatchTopK
		net, err := newNetwork([]Layer{l})
		if err != nil {
			t.Fatal(err)
		}
		values := []float64{-1, -0.5, 0, 0.5, 1, 2}
		draw := func() float64 { return values[rng.IntN(len(values))] }
		if trial%3 == 0 {
			draw = rng.NormFloat64
		}
		w := weightsOf(net, 0)
		for i := range w.Data {
			w.Data[i] = draw()
		}
		x := mat.NewDense(rows, in, nil)
		for i := range rows {
			scale := 1.0
			if trial%5 == 0 && i == 0 {
				scale = 100 // one row has nearly all the large values
			}
			for j := range in {
				x.Set(i, j, scale*draw())
			}
		}
		p, err := net.Forward(x)
		if err != nil {
			t.Fatal(err)
		}
		pre := make([][]float64, rows)
		for i := range pre {
			pre[i] = make([]float64, out)
			for j := range pre[i] {
				pre[i][j] = dot8(x.RawRowView(i), w.Row(j))
			}
		}
		for i, want := range plainSelection(l, pre, false) {
			slices.SortFunc(want, func(a, b plainEntry) int { return a.latent - b.latent })
			got := p.Mask(0).Row(i)
			if len(got) != len(want) {
				t.Fatalf("%s: row %d has %d entries, want %d", name, i, len(got), len(want))
			}
			for e, entry := range want {
				value := p.LayerOutput(0).At(i, entry.latent)
				if int(got[e]) != entry.latent || value != entry.value {
					t.Fatalf("%s: row %d has latent %d with %v, want %d with %v", name, i, got[e], value, entry.latent, entry.value)
				}
			}
		}
	}
}

// TestCalibrationRows: thresholds are learned from as many rows as 128 MiB of any layer hold,
// or as a batch has.
func TestCalibrationRows(t *testing.T) {
	for _, c := range []struct{ in, latents, k, batch, want int }{
		{100, 4096, 16, 2048, 32_768},
		{784, 1000, 25, 256, 21_399},
		{100, 4096, 256, 2048, 8192},
		{20, 1 << 15, 1 << 15, 2048, 2048},
		{1 << 20, 1, 1, 7, 16},
		{4, 8, math.MaxInt, 100_000, 32_768},
	} {
		l := NewSparseLayer("encoder", c.in, c.latents, c.k, ReLU)
		n := &Network{model: model{layers: []Layer{l, NewLinearLayer("decoder", c.latents, 1, Identity)}}} // whose inputs do not count
		if got := n.calibrationRowsOf(c.batch); got != 0 {
			t.Errorf("%+v: %d rows for a layer without a threshold", c, got)
		}
		l.selection = SelectBatchTopK
		if got := n.calibrationRowsOf(c.batch); got != c.want {
			t.Errorf("%+v: %d rows", c, got)
		}
	}
}
