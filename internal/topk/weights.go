package topk

// weights are rows of weights in float64 or, where narrow is not nil, in float32
// without gaps: then Rows has the shape alone.
type weights struct {
	Rows
	narrow []float32
}

func narrowWeights(w []float32, rows, cols int) weights {
	return weights{Rows{Rows: rows, Cols: cols, Stride: cols}, w}
}

// panel returns n rows of w from row lo on, and their stride: in the memory of s
// where they must be converted.
func (w weights) panel(s *scratch, lo, n int) (data []float64, stride int) {
	if w.narrow == nil {
		return w.Data[lo*w.Stride:], w.Stride
	}
	s.wide = Grown(s.wide, n*w.Cols)
	Widen(s.wide, w.narrow[lo*w.Cols:(lo+n)*w.Cols])
	return s.wide, w.Cols
}

// Widen sets dst[i] = narrow[i] for every i of narrow, which is exact.
func Widen(dst []float64, narrow []float32) {
	dst = dst[:len(narrow)]
	for i, v := range narrow {
		dst[i] = float64(v)
	}
}
