package topk

import "github.com/ksparse/ksparse/internal/kernel"

// List receives a selection of any number of entries per row.
type List struct {
	Offsets []int
	Idx     []int32
	Pre     []float64
}

// EncodeAbove is a stand-in until the branch selection is merged.
func EncodeAbove(out *List, x, w Rows, bias, threshold []float64) {
	out.Offsets, out.Idx, out.Pre = append(out.Offsets[:0], 0), out.Idx[:0], out.Pre[:0]
	for i := range x.Rows {
		for j := range w.Rows {
			if z := kernel.Dot(x.Row(i), w.Row(j)) + bias[j]; z > threshold[j] {
				out.Idx, out.Pre = append(out.Idx, int32(j)), append(out.Pre, z)
			}
		}
		out.Offsets = append(out.Offsets, len(out.Idx))
	}
}
