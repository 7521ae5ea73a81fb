package engine

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
)

// TestBatchSelection compares the selection from a batch with sorting everything,
// over shapes and data with many ties and few positive values, with screening and
// without.
func TestBatchSelection(t *testing.T) {
	defer func(old string) { ForceScreening = old }(ForceScreening)
	for _, mode := range []string{"on", "off"} {
		ForceScreening = mode
		rng := rand.New(rand.NewPCG(3, 4))
		for trial := range 300 {
			rows, in, out := 1+rng.IntN(12), 1+rng.IntN(5), 1+rng.IntN(40)
			k := rng.IntN(out + 2)
			name := fmt.Sprintf("trial %d, screening %s: %d rows, %d inputs, %d latents, k=%d", trial, mode, rows, in, out, k)
			l := sparseLayer(rng, in, out, k, BatchTopK, testActivations[[]string{"identity", "relu"}[trial%2]])
			clear(l.B)
			x := matrix.New(rows, in)
			fillForTies(rng, trial, l.W.Float64, x)

			p := NewPass(new(Screening))
			p.Network, p.inTraining = Network{Layers: []Layer{l}}, true
			p.forward(sparse.Rows{Dense: x}, 1)
			c, pre := p.layers[0].out.codes, p.layers[0].pre
			if len(pre) != len(c.Values) || c.Rows != rows || c.Cols != out {
				t.Fatalf("%s: %d pre-activations for codes of %d x %d with %d values", name, len(pre), c.Rows, c.Cols, len(c.Values))
			}
			for i, want := range sortedBatch(l, x) {
				indices, got := c.Row(i)
				if len(indices) != len(want) {
					t.Fatalf("%s: row %d has %d entries, want %d", name, i, len(indices), len(want))
				}
				for e, w := range want {
					if int(indices[e]) != w.latent || got[e] != w.value || pre[c.Offsets[i]+e] != w.value {
						t.Fatalf("%s: row %d has latent %d with %v, want %d with %v", name, i, indices[e], got[e], w.latent, w.value)
					}
				}
			}
		}
	}
}

// fillForTies draws weights and rows: of a few numbers in two of three trials, so that
// many values are equal. In every fifth trial one row has nearly all the large values.
func fillForTies(rng *rand.Rand, trial int, weights []float64, x matrix.Rows) {
	values := []float64{-1, -0.5, 0, 0.5, 1, 2}
	draw := func() float64 { return values[rng.IntN(len(values))] }
	if trial%3 == 0 {
		draw = rng.NormFloat64
	}
	for i := range weights {
		weights[i] = draw()
	}
	for i := range x.Data {
		x.Data[i] = draw()
		if trial%5 == 0 && i < x.Cols {
			x.Data[i] *= 100
		}
	}
}

// batchEntry is an active latent of a row.
type batchEntry struct {
	row, latent int
	value       float64
}

// sortedBatch returns the entries of each row, ascending by latent: the k·rows first of
// all positive ones after sorting them.
func sortedBatch(l Layer, x matrix.Rows) [][]batchEntry {
	z := matrix.New(x.Rows, l.Out)
	matrix.MulT(z.Data, x, l.W)
	var all []batchEntry
	for i := range x.Rows {
		for j, v := range z.Row(i) {
			if v > 0 {
				all = append(all, batchEntry{i, j, v})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b batchEntry) int { return cmp.Compare(b.value, a.value) })
	kept := make([][]batchEntry, x.Rows)
	for _, e := range all[:min(l.Selection.K*x.Rows, len(all))] {
		kept[e.row] = append(kept[e.row], e)
	}
	for _, row := range kept {
		slices.SortFunc(row, func(a, b batchEntry) int { return a.latent - b.latent })
	}
	return kept
}
