package kernel

// FastStrips reports whether strips are faster than whole rows on the path in use.
func FastStrips() bool { return active.fastStrips }

// Decode sets dst, row after row of width columns, to the columns at to at+width of the
// rows lo to hi of the result: the sum of the rows of W times their factors, in chain
// order from +0, and then bias.
func (s *Strips) Decode(dst []float64, at, width, lo, hi int, bias []float64) {
	s.check(at, width, lo, hi)
	_ = s.alpha[:s.offsets[hi]]
	raceWrite(dst, hi-lo, width, width)
	raceRead(s.alpha, 1, 0, s.offsets[hi])
	active.stripDecode(s, dst[:(hi-lo)*width], at, width, lo, hi, bias[at:at+width])
}

// Dot adds the columns at to at+width to the products of the rows lo to hi of x with
// the rows of W that they name. x holds those columns, ldx elements from row to row.
// lanes holds 8 numbers for each entry of the rows, zeros before the first strip. Strips
// come in ascending order, and at is a multiple of 8. After the last strip, Fold turns
// the lanes into the bits of the function Dot. The columns of x are also copied to dst,
// which has whole rows, and in which they may already lie.
func (s *Strips) Dot(lanes, dst, x []float64, ldx, at, width, lo, hi int) {
	s.check(at, width, lo, hi)
	raceWrite(lanes, 1, 0, 8*(s.offsets[hi]-s.offsets[lo]))
	raceWrite(dst[at:], hi-lo, s.cols, width)
	raceRead(x, hi-lo, ldx, width)
	active.stripDot(s, lanes, dst, x, ldx, at, width, lo, hi)
}

// check panics unless the strip is one of W. It reports to the race detector that the
// rows of W are read.
func (s *Strips) check(at, width, lo, hi int) {
	if at < 0 || width < 1 || at+width > s.cols {
		panic("ksparse: a strip outside the matrix")
	}
	raceGather(s.w[at:], s.ldw, width, s.idx[s.offsets[lo]:s.offsets[hi]])
}

// SquareStrip sets dst to the differences of x and y times scale, and adds the squares
// of the differences to lanes, 8 for each row, as Dot of a row with itself would. dst
// and x hold rows of width columns one after the other, row i of y starts at y[i*ldy].
func SquareStrip(dst, lanes, x []float64, width int, y []float64, ldy int, scale float64) {
	raceReadAll(x)
	raceWriteAll(dst[:len(x)], lanes)
	raceRead(y, len(x)/width, ldy, width)
	active.stripSquares(dst[:len(x)], lanes, x, width, y, ldy, scale)
}

// Fold sets each element of dst to the sum of 8 lanes of a product.
func Fold(dst, lanes []float64) {
	raceReadAll(lanes[:8*len(dst)])
	raceWriteAll(dst)
	active.fold(dst, lanes[:8*len(dst)])
}

// FoldOne returns the sum of the first 8 lanes, by the tree of dot order.
func FoldOne(lanes []float64) float64 { return tree((*[8]float64)(lanes)) }
