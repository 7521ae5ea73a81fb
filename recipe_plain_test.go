package ksparse

import (
	"cmp"
	"math"
	"slices"
)

// plainNormal returns x and y as the normalisation makes them, both by the numbers
// of x.
func plainNormal(kind Normalization, x, y []float64) (nx, ny []float64) {
	mean, spread, n := 0.0, 1.0, float64(len(x))
	switch kind {
	case LayerNorm:
		for _, v := range x {
			mean += v / n
		}
		spread = 0
		for _, v := range x {
			spread += (v - mean) * (v - mean) / (n - 1)
		}
		spread = math.Sqrt(spread) + 1e-5
	case UnitRMS:
		spread = 0
		for _, v := range x {
			spread += v * v / n
		}
		spread = math.Sqrt(spread)
	}
	for c := range x {
		nx, ny = append(nx, (x[c]-mean)/spread), append(ny, (y[c]-mean)/spread)
	}
	return nx, ny
}

// plainSelection sorts everything and takes the first ones.
func plainSelection(l *SparseLayer, pre [][]float64, multi bool) [][]plainEntry {
	rows, k := len(pre), l.k
	if multi {
		k *= 4
	}
	out := make([][]plainEntry, rows)
	if l.selection == SelectBatchTopK {
		type place struct{ row, latent int }
		var all []place
		for i := range pre {
			for j, z := range pre[i] {
				if z > 0 {
					all = append(all, place{i, j})
				}
			}
		}
		slices.SortStableFunc(all, func(a, b place) int { return cmp.Compare(pre[b.row][b.latent], pre[a.row][a.latent]) })
		for _, p := range all[:min(k*rows, len(all))] {
			z := pre[p.row][p.latent]
			out[p.row] = append(out[p.row], plainEntry{latent: p.latent, value: z, pre: z})
		}
		return out
	}
	for i := range pre {
		var all []plainEntry
		for j, z := range pre[i] {
			all = append(all, plainEntry{latent: j, value: l.activation.Value(z), pre: z})
		}
		slices.SortStableFunc(all, func(a, b plainEntry) int {
			if l.selection == SelectAbsTopK {
				return cmp.Compare(math.Abs(b.value), math.Abs(a.value))
			}
			return cmp.Compare(b.value, a.value)
		})
		for rank, entry := range all[:min(k, len(all))] {
			entry.rank = rank
			out[i] = append(out[i], entry)
		}
	}
	return out
}
