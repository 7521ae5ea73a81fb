package kernel

// StripCols is how many columns a strip has at most: those of a row stay in
// registers.
const StripCols = 64

// Strips computes sums of gathered rows of W, and products with those rows, a strip of
// columns at a time, so that between the two, and from one row of the result to the
// next, that strip of W stays in a near cache. Row i of the result names the rows
// idx[offsets[i]:offsets[i+1]] of W.
type Strips struct {
	offsets []int
	alpha   []float64
	w       []float64
	ldw     int
	cols    int
	idx     []int32
}

// NewStrips returns the strips of a W of cols columns, whose row j starts at w[j*ldw].
// alpha has the factors of the entries that idx names; it may be nil where nothing is
// decoded.
func NewStrips(cols int, offsets []int, alpha, w []float64, ldw int, idx []int32) Strips {
	end := offsets[len(offsets)-1]
	within(w, named(offsets, idx), ldw, cols)
	if alpha != nil {
		alpha = alpha[:end]
	}
	return Strips{offsets, alpha, w, ldw, cols, idx[:end]}
}

// FastStrips reports whether the path in use makes strips worth their while.
func FastStrips() bool { return active.fastStrips }

// stripping is the part of a path that serves Strips.
type stripping struct {
	fastStrips bool

	stripDecode  func(s *Strips, dst []float64, at, width, lo, hi int, bias []float64)
	stripDot     func(s *Strips, lanes, dst, x []float64, ldx, at, width, lo, hi int)
	stripSquares func(dst, lanes, x []float64, width int, y []float64, ldy int, scale float64)
	fold         func(dst, lanes []float64)
}

// Decode sets dst, row after row of width columns, to the columns at to at+width of the
// rows lo to hi of the result: the sum of the rows of W times their factors, in chain
// order from +0, and then bias.
func (s *Strips) Decode(dst []float64, at, width, lo, hi int, bias []float64) {
	s.enter(at, width, lo, hi)
	_ = s.alpha[:s.offsets[hi]]
	raceWrite(dst, hi-lo, width, width)
	raceRead(s.alpha, 1, 0, s.offsets[hi])
	active.stripDecode(s, dst[:(hi-lo)*width], at, width, lo, hi, bias[at:at+width])
}

// Dot goes on with the products of the rows lo to hi of x with the rows of W that they
// name. x holds their columns at to at+width, ldx elements from row to row; lanes, which
// are zeros before the first strip, 8 numbers for each entry of those rows. Strips come
// in ascending order, and at is a multiple of 8. After the last Fold gives what Dot does.
// Those columns of x are copied to dst, which has a row of all columns for each, and may
// be where they come from.
func (s *Strips) Dot(lanes, dst, x []float64, ldx, at, width, lo, hi int) {
	s.enter(at, width, lo, hi)
	raceWrite(lanes, 1, 0, 8*(s.offsets[hi]-s.offsets[lo]))
	raceWrite(dst[at:], hi-lo, s.cols, width)
	raceRead(x, hi-lo, ldx, width)
	active.stripDot(s, lanes, dst, x, ldx, at, width, lo, hi)
}

// SquareStrip sets dst to the differences of x and y times scale, and adds the squares
// of the differences to lanes, 8 for each row, as Dot of a row with itself would. dst
// and x hold rows of width columns one after the other, row i of y starts at y[i*ldy].
func SquareStrip(dst, lanes, x []float64, width int, y []float64, ldy int, scale float64) {
	markRead(x)
	markWritten(dst[:len(x)], lanes)
	raceRead(y, len(x)/width, ldy, width)
	active.stripSquares(dst[:len(x)], lanes, x, width, y, ldy, scale)
}

// Fold sets each element of dst to what 8 lanes of a product come to.
func Fold(dst, lanes []float64) {
	markRead(lanes[:8*len(dst)])
	markWritten(dst)
	active.fold(dst, lanes[:8*len(dst)])
}

// enter checks a strip of some rows, and tells the race detector of W.
func (s *Strips) enter(at, width, lo, hi int) {
	if at < 0 || width < 1 || at+width > s.cols {
		panic("ksparse: a strip outside the matrix")
	}
	raceGather(s.w[at:], s.ldw, width, s.idx[s.offsets[lo]:s.offsets[hi]])
}

// FoldOne returns what the first 8 lanes come to.
func FoldOne(lanes []float64) float64 { return tree((*[8]float64)(lanes)) }

// named returns how many rows of a matrix the entries offsets[0] to offsets[n]-1 of idx
// need; a negative index makes it too large for any. It panics where offsets fall.
func named(offsets []int, idx []int32) (rows int) {
	for i := range len(offsets) - 1 {
		for _, j := range idx[offsets[i]:offsets[i+1]] {
			rows = max(rows, int(uint32(j))+1)
		}
	}
	return rows
}

// within panics, as the plain loops would, unless s holds a matrix of this shape:
// assembly does not look.
func within[T any](s []T, rows, ld, cols int) {
	if rows > 0 && cols > 0 {
		_ = s[(rows-1)*ld+cols-1]
	}
}
