package topk

// weights are rows of weights in float64 or, where narrow is not nil, in float32
// without gaps: then wide has the shape alone.
type weights struct {
	wide   Rows
	narrow []float32
}

func narrowWeights(w []float32, rows, cols int) weights {
	return weights{Rows{Rows: rows, Cols: cols, Stride: cols}, w}
}

// panel returns n rows of w from row lo on, and their stride: in the memory of s
// where they must be converted.
func (w weights) panel(s *scratch, lo, n int) (data []float64, stride int) {
	if w.narrow == nil {
		return w.wide.Data[lo*w.wide.Stride:], w.wide.Stride
	}
	d := w.wide.Cols
	s.wide = Grown(s.wide, n*d)
	Widen(s.wide, w.narrow[lo*d:(lo+n)*d])
	return s.wide, d
}

// Widen sets dst[i] = narrow[i] for every i of narrow, which is exact.
func Widen(dst []float64, narrow []float32) {
	dst = dst[:len(narrow)]
	for i, v := range narrow {
		dst[i] = float64(v)
	}
}
