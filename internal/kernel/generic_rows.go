package kernel

// Dot products and sums of scaled rows on the path "go", where they lie. The loops of
// generic.go define them.

// dotPlain is Dot. Of eight elements at a time the compiler loads all before the first
// multiply-add where that is one instruction, and has too few registers: then it gets them
// in halves, with the checks of two slices between.
func dotPlain(x, y []float64) float64 {
	if !inlineFMA {
		return dotGeneric(x, y)
	}
	var l0, l1, l2, l3, l4, l5, l6, l7 float64
	n := len(x)
	y = y[:n]
	p := 0
	for ; p+8 <= n; p += 8 {
		xs, ys := x[p:p+4:p+4], y[p:p+4:p+4]
		l0 = fma(xs[0], ys[0], l0)
		l1 = fma(xs[1], ys[1], l1)
		l2 = fma(xs[2], ys[2], l2)
		l3 = fma(xs[3], ys[3], l3)
		xs, ys = x[p+4:p+8:p+8], y[p+4:p+8:p+8]
		l4 = fma(xs[0], ys[0], l4)
		l5 = fma(xs[1], ys[1], l5)
		l6 = fma(xs[2], ys[2], l6)
		l7 = fma(xs[3], ys[3], l7)
	}
	lanes := [8]float64{l0, l1, l2, l3, l4, l5, l6, l7}
	addLanes(&lanes, x[p:], y[p:])
	return tree(&lanes)
}

// dotRowsPlain is DotRows.
func dotRowsPlain(dst, x, w []float64, ldw int, idx []int32) {
	for t, j := range idx {
		dst[t] = dotPlain(x, w[int(j)*ldw:])
	}
}

// mulTPlain is MulT.
func mulTPlain(dst []float64, ldd int, a []float64, lda, m int, b []float64, ldb, n, k int) {
	for i := range m {
		row := a[i*lda:][:k]
		for j := range n {
			dst[i*ldd+j] = dotPlain(row, b[j*ldb:])
		}
	}
}

// addRowsByFour is AddRows. The loop that defines it loads and stores an element of dst for
// each multiply-add.
func addRowsByFour(dst, alpha, w []float64, ldw int, idx []int32) {
	n, t := len(dst), 0
	for ; t+4 <= len(idx); t += 4 {
		a, j := alpha[t:t+4:t+4], idx[t:t+4:t+4]
		r0, r1, r2, r3 := w[int(j[0])*ldw:][:n], w[int(j[1])*ldw:][:n], w[int(j[2])*ldw:][:n], w[int(j[3])*ldw:][:n]
		a0, a1, a2, a3 := a[0], a[1], a[2], a[3]
		for q, sum := range dst {
			sum = fma(a0, r0[q], sum)
			sum = fma(a1, r1[q], sum)
			sum = fma(a2, r2[q], sum)
			dst[q] = fma(a3, r3[q], sum)
		}
	}
	addRowsGeneric(dst, alpha[t:], w, ldw, idx[t:])
}

// addRowsBatchByFour is AddRowsBatch.
func addRowsBatchByFour(dst []float64, ldd, cols int, offsets []int, alpha, w []float64, ldw int, idx []int32) {
	for i := range len(offsets) - 1 {
		from, to := offsets[i], offsets[i+1]
		addRowsByFour(dst[i*ldd:][:cols], alpha[from:to], w, ldw, idx[from:to])
	}
}

// mulAddByFour is MulAdd. It takes some columns of some rows of B at a time, which stay in
// a near cache for all rows of A.
func mulAddByFour(dst []float64, ldd, m, n, k int, a []float64, ai, ap int, b []float64, ldb int) {
	const someRows, someCols = 64, 256
	for j := 0; j < n; j += someCols {
		cols := min(someCols, n-j)
		for p := 0; p < k; p += someRows {
			for i := range m {
				addChain(dst[i*ldd+j:][:cols], a[i*ai+p*ap:], ap, b[p*ldb+j:], ldb, min(someRows, k-p))
			}
		}
	}
}

// addChain adds steps rows of B to dst: row p, from b[p*ldb], times a[p*ap].
func addChain(dst, a []float64, ap int, b []float64, ldb, steps int) {
	n, p := len(dst), 0
	for ; p+4 <= steps; p += 4 {
		r0, r1, r2, r3 := b[p*ldb:][:n], b[(p+1)*ldb:][:n], b[(p+2)*ldb:][:n], b[(p+3)*ldb:][:n]
		a0, a1, a2, a3 := a[p*ap], a[(p+1)*ap], a[(p+2)*ap], a[(p+3)*ap]
		for q, sum := range dst {
			sum = fma(a0, r0[q], sum)
			sum = fma(a1, r1[q], sum)
			sum = fma(a2, r2[q], sum)
			dst[q] = fma(a3, r3[q], sum)
		}
	}
	for ; p < steps; p++ {
		f, row := a[p*ap], b[p*ldb:][:n]
		for q, sum := range dst {
			dst[q] = fma(f, row[q], sum)
		}
	}
}
