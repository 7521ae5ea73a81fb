package kernel

// Dot returns the product of x with the first len(x) elements of y, in dot order.
func Dot(x, y []float64) float64 {
	raceReadAll(x)
	raceRead(y, 1, 0, len(x))
	return active.dot(x, y)
}

// DotRows sets dst[t] = Dot(x, row idx[t] of w) for every t. Row j of w starts
// at w[j*ldw].
func DotRows(dst, x, w []float64, ldw int, idx []int32) {
	raceWrite(dst, 1, 0, len(idx))
	raceReadAll(x)
	raceGather(w, ldw, len(x), idx)
	active.dotRows(dst, x, w, ldw, idx)
}

// RowSquares sets dst[i] to Dot of row i of x with itself. Rows of cols elements follow
// one another.
func RowSquares(dst, x []float64, cols int) {
	raceWriteAll(dst)
	raceRead(x, len(dst), cols, cols)
	active.rowSquares(dst, x, cols)
}

// AddRows adds alpha[t] times row idx[t] of w to dst, for t ascending, in chain
// order. Row j of w starts at w[j*ldw] and has len(dst) elements.
func AddRows(dst, alpha, w []float64, ldw int, idx []int32) {
	raceWriteAll(dst)
	raceRead(alpha, 1, 0, len(idx))
	raceGather(w, ldw, len(dst), idx)
	active.addRows(dst, alpha, w, ldw, idx)
}

// AddRowsBatch is AddRows for each of len(offsets)-1 rows of dst: to row i, cols
// elements from dst[i*ldd], it adds entries offsets[i] to offsets[i+1]-1 of alpha
// and idx.
//
// Where many entries share few rows of w, a fast path takes w and dst a few columns
// at a time, so that those rows come from a near cache: give it many rows of dst.
// Where the indices of each row ascend, that holds for a larger w too.
func AddRowsBatch(dst []float64, ldd, cols int, offsets []int, alpha, w []float64, ldw int, idx []int32) {
	n := len(offsets) - 1
	raceWrite(dst, n, ldd, cols)
	raceRead(offsets, 1, 0, n+1)
	raceRead(alpha[offsets[0]:], 1, 0, offsets[n]-offsets[0])
	raceGather(w, ldw, cols, idx[offsets[0]:offsets[n]])
	active.addRowsBatch(dst, ldd, cols, offsets, alpha, w, ldw, idx)
}

// AddRowsBatch32 is AddRowsBatch for rows of w in float32: each element is converted
// to float64, which is exact, before it is multiplied.
func AddRowsBatch32(dst []float64, ldd, cols int, offsets []int, alpha []float64, w []float32, ldw int, idx []int32) {
	n := len(offsets) - 1
	raceWrite(dst, n, ldd, cols)
	raceRead(offsets, 1, 0, n+1)
	raceRead(alpha[offsets[0]:], 1, 0, offsets[n]-offsets[0])
	raceGather(w, ldw, cols, idx[offsets[0]:offsets[n]])
	active.addRowsBatch32(dst, ldd, cols, offsets, alpha, w, ldw, idx)
}

// MulT sets dst = A Bᵀ for A (m x k) and B (n x k), in dot order:
// dst[i*ldd+j] = Dot(row i of A, row j of B).
//
// A fast path packs both sides at each call, A at the price of about 5 columns of
// dst and B of about 5 rows: give it a few hundred of both.
func MulT(dst []float64, ldd int, a []float64, lda, m int, b []float64, ldb, n, k int) {
	raceWrite(dst, m, ldd, n)
	raceRead(a, m, lda, k)
	raceRead(b, n, ldb, k)
	active.mulT(dst, ldd, a, lda, m, b, ldb, n, k)
}

// MulAdd adds the product of A (m x k) and B (k x n) to dst, in chain order.
// Element (i, p) of A is a[i*ai+p*ap], so a transposed A costs nothing.
func MulAdd(dst []float64, ldd, m, n, k int, a []float64, ai, ap int, b []float64, ldb int) {
	raceWrite(dst, m, ldd, n)
	raceStrided(a, m, ai, k, ap)
	raceRead(b, k, ldb, n)
	active.mulAdd(dst, ldd, m, n, k, a, ai, ap, b, ldb)
}

// MulT32 is MulT for float32, in the dot order of float32.
func MulT32(dst []float32, ldd int, a []float32, lda, m int, b []float32, ldb, n, k int) {
	raceWrite(dst, m, ldd, n)
	raceRead(a, m, lda, k)
	raceRead(b, n, ldb, k)
	active.mulT32(dst, ldd, a, lda, m, b, ldb, n, k)
}

// MulAdd32 is MulAdd for float32.
func MulAdd32(dst []float32, ldd, m, n, k int, a []float32, ai, ap int, b []float32, ldb int) {
	raceWrite(dst, m, ldd, n)
	raceStrided(a, m, ai, k, ap)
	raceRead(b, k, ldb, n)
	active.mulAdd32(dst, ldd, m, n, k, a, ai, ap, b, ldb)
}

// Above writes to hits, in ascending order, the positions at which z > t, and
// returns their number. NaN is never above. hits has at least len(z) elements; those
// after the last hit are not defined.
func Above(hits []int32, z []float64, t float64) int {
	raceReadAll(z)
	raceWrite(hits, 1, 0, len(z))
	return active.above(hits, z, t)
}

// KthLargest returns the k-th largest element of v, 1 <= k <= len(v), and leaves v
// as it is. v holds no NaN. A zero is returned as +0.
func KthLargest(v []float64, k int) float64 {
	raceReadAll(v)
	return active.kthLargest(v, k) + 0
}
