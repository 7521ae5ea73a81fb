package kernel

// Dot returns the product of x with the first len(x) elements of y, in dot order.
func Dot(x, y []float64) float64 { return active.dot(x, y) }

// DotRows sets dst[t] = Dot(x, row idx[t] of w) for every t. Row j of w starts
// at w[j*ldw].
func DotRows(dst, x, w []float64, ldw int, idx []int32) { active.dotRows(dst, x, w, ldw, idx) }

// AddRows adds alpha[t] times row idx[t] of w to dst, for t ascending, in chain
// order. Row j of w starts at w[j*ldw] and has len(dst) elements.
func AddRows(dst, alpha, w []float64, ldw int, idx []int32) { active.addRows(dst, alpha, w, ldw, idx) }

// MulT sets dst = A Bᵀ for A (m x k) and B (n x k), in dot order:
// dst[i*ldd+j] = Dot(row i of A, row j of B).
func MulT(dst []float64, ldd int, a []float64, lda, m int, b []float64, ldb, n, k int) {
	active.mulT(dst, ldd, a, lda, m, b, ldb, n, k)
}

// MulAdd adds the product of A (m x k) and B (k x n) to dst, in chain order.
// Element (i, p) of A is a[i*ai+p*ap], so a transposed A costs nothing.
func MulAdd(dst []float64, ldd, m, n, k int, a []float64, ai, ap int, b []float64, ldb int) {
	active.mulAdd(dst, ldd, m, n, k, a, ai, ap, b, ldb)
}

// Above writes to hits, in ascending order, the positions at which z > t, and
// returns their number. hits has at least len(z) elements. NaN is never above.
func Above(hits []int32, z []float64, t float64) int { return active.above(hits, z, t) }

// MulT32 is MulT for float32, in the dot order of float32.
func MulT32(dst []float32, ldd int, a []float32, lda, m int, b []float32, ldb, n, k int) {
	active.mulT32(dst, ldd, a, lda, m, b, ldb, n, k)
}

// MulAdd32 is MulAdd for float32.
func MulAdd32(dst []float32, ldd, m, n, k int, a []float32, ai, ap int, b []float32, ldb int) {
	active.mulAdd32(dst, ldd, m, n, k, a, ai, ap, b, ldb)
}
