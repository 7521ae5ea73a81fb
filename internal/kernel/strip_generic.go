package kernel

// The strips in plain Go: they define those of the other paths.

// stripDecodeGeneric is Strips.Decode.
func stripDecodeGeneric(s *Strips, dst []float64, at, width, lo, hi int, bias []float64) {
	for i := lo; i < hi; i++ {
		row := dst[(i-lo)*width:][:width]
		clear(row)
		from, to := s.offsets[i], s.offsets[i+1]
		if from < to {
			addRowsByFour(row, s.alpha[from:to], s.w[at:], s.ldw, s.idx[from:to])
		}
		for q := range row {
			row[q] += bias[q]
		}
	}
}

// stripDotGeneric is Strips.Dot.
func stripDotGeneric(s *Strips, lanes, dst, x []float64, ldx, at, width, lo, hi int) {
	first := s.offsets[lo]
	for i := lo; i < hi; i++ {
		row := x[(i-lo)*ldx:][:width]
		for t := s.offsets[i]; t < s.offsets[i+1]; t++ {
			addLanes((*[8]float64)(lanes[8*(t-first):]), row, s.w[int(s.idx[t])*s.ldw+at:])
		}
		copy(dst[(i-lo)*s.cols+at:][:width], row)
	}
}

// stripSquaresGeneric is SquareStrip.
func stripSquaresGeneric(dst, lanes, x []float64, width int, y []float64, ldy int, scale float64) {
	for i := 0; (i+1)*width <= len(x); i++ {
		row, target := dst[i*width:][:width], y[i*ldy:]
		for q, v := range x[i*width:][:width] {
			row[q] = v - target[q]
		}
		addLanes((*[8]float64)(lanes[8*i:]), row, row)
		for q := range row {
			row[q] *= scale
		}
	}
}

// foldGeneric is Fold.
func foldGeneric(dst, lanes []float64) {
	for t := range dst {
		dst[t] = tree((*[8]float64)(lanes[8*t:]))
	}
}

// addLanes adds the product of x and y to the lanes of a sum in dot order; the last
// group is filled up with zeros.
func addLanes(lanes *[8]float64, x, y []float64) {
	for p, v := range x {
		lanes[p%8] = fma(v, y[p], lanes[p%8])
	}
	if rest := len(x) % 8; rest > 0 {
		for l := rest; l < 8; l++ {
			lanes[l] = fma(0, 0, lanes[l])
		}
	}
}
