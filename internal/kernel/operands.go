package kernel

// Assembly takes the shapes of its operands on trust. The checks here come before
// it, and panic where plain Go would.

// within panics unless s holds a matrix of that shape, whose rows are ld elements
// apart.
func within[T any](s []T, rows, ld, cols int) {
	if rows > 0 && cols > 0 {
		_ = s[(rows-1)*ld+cols-1]
	}
}

// namedRows returns how many rows a matrix must have for the entries offsets[0] to
// offsets[n]-1 of idx to name rows of it; a negative index makes that more than any
// matrix has. It panics where offsets fall.
func namedRows(offsets []int, idx []int32) (rows int) {
	for i := range len(offsets) - 1 {
		for _, j := range idx[offsets[i]:offsets[i+1]] {
			rows = max(rows, int(uint32(j))+1)
		}
	}
	return rows
}

// StripCols is how many columns a strip has at most: those of one row stay in
// registers.
const StripCols = 64

// Strips computes sums of gathered rows of a matrix W, and products with those rows,
// a strip of columns at a time. So that strip of W stays in a near cache between the
// two, and from one row of the result to the next. Row i of the result names the rows
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
// alpha has the factors of the entries of idx; it may be nil where Decode is not
// called.
func NewStrips(cols int, offsets []int, alpha, w []float64, ldw int, idx []int32) Strips {
	end := offsets[len(offsets)-1]
	within(w, namedRows(offsets, idx), ldw, cols)
	if alpha != nil {
		alpha = alpha[:end]
	}
	return Strips{offsets, alpha, w, ldw, cols, idx[:end]}
}
