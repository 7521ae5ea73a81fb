package kernel

import "sync"

// The products and searches in plain Go. They define those of every path: a faster kernel
// returns these bits or it is wrong. The path "go" has faster ones of some of them
// (generic_product.go, generic_rows.go).

// dotGeneric is Dot: the definition of dot order.
func dotGeneric(x, y []float64) float64 {
	var l0, l1, l2, l3, l4, l5, l6, l7 float64
	n := len(x)
	y = y[:n]
	p := 0
	for ; p+8 <= n; p += 8 {
		xs, ys := x[p:p+8:p+8], y[p:p+8:p+8]
		l0 = fma(xs[0], ys[0], l0)
		l1 = fma(xs[1], ys[1], l1)
		l2 = fma(xs[2], ys[2], l2)
		l3 = fma(xs[3], ys[3], l3)
		l4 = fma(xs[4], ys[4], l4)
		l5 = fma(xs[5], ys[5], l5)
		l6 = fma(xs[6], ys[6], l6)
		l7 = fma(xs[7], ys[7], l7)
	}
	if p < n {
		var xs, ys [8]float64
		copy(xs[:], x[p:])
		copy(ys[:], y[p:])
		l0 = fma(xs[0], ys[0], l0)
		l1 = fma(xs[1], ys[1], l1)
		l2 = fma(xs[2], ys[2], l2)
		l3 = fma(xs[3], ys[3], l3)
		l4 = fma(xs[4], ys[4], l4)
		l5 = fma(xs[5], ys[5], l5)
		l6 = fma(xs[6], ys[6], l6)
		l7 = fma(xs[7], ys[7], l7)
	}
	return ((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7))
}

// tree adds the lanes of a sum in dot order.
func tree(l *[8]float64) float64 {
	return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}

// dotRowsGeneric is DotRows.
func dotRowsGeneric(dst, x, w []float64, ldw int, idx []int32) {
	for t, j := range idx {
		dst[t] = dotGeneric(x, w[int(j)*ldw:])
	}
}

// rowSquaresGeneric is RowSquares.
func rowSquaresGeneric(dst, x []float64, cols int) {
	for i := range dst {
		row := x[i*cols:][:cols]
		dst[i] = dotGeneric(row, row)
	}
}

// addRowsGeneric is AddRows.
func addRowsGeneric(dst, alpha, w []float64, ldw int, idx []int32) {
	for t, j := range idx {
		a := alpha[t]
		row := w[int(j)*ldw:][:len(dst)]
		for q := range dst {
			dst[q] = fma(a, row[q], dst[q])
		}
	}
}

// addRowsBatchGeneric is AddRowsBatch.
func addRowsBatchGeneric(dst []float64, ldd, cols int, offsets []int, alpha, w []float64, ldw int, idx []int32) {
	for i := range len(offsets) - 1 {
		from, to := offsets[i], offsets[i+1]
		addRowsGeneric(dst[i*ldd:][:cols], alpha[from:to], w, ldw, idx[from:to])
	}
}

// addRowsBatch32Generic is AddRowsBatch32.
func addRowsBatch32Generic(dst []float64, ldd, cols int, offsets []int, alpha []float64, w []float32, ldw int, idx []int32) {
	for i := range len(offsets) - 1 {
		to := dst[i*ldd:][:cols]
		for t := offsets[i]; t < offsets[i+1]; t++ {
			a, row := alpha[t], w[int(idx[t])*ldw:][:cols]
			for q := range to {
				to[q] = fma(a, float64(row[q]), to[q])
			}
		}
	}
}

// mulTGeneric is MulT.
func mulTGeneric(dst []float64, ldd int, a []float64, lda, m int, b []float64, ldb, n, k int) {
	for i := range m {
		ai := a[i*lda:][:k]
		for j := range n {
			dst[i*ldd+j] = dotGeneric(ai, b[j*ldb:])
		}
	}
}

// mulAddGeneric is MulAdd.
func mulAddGeneric(dst []float64, ldd, m, n, k int, a []float64, ai, ap int, b []float64, ldb int) {
	for i := range m {
		row := dst[i*ldd:][:n]
		for p := range k {
			f := a[i*ai+p*ap]
			bp := b[p*ldb:][:n]
			for j := range row {
				row[j] = fma(f, bp[j], row[j])
			}
		}
	}
}

// aboveGeneric is Above.
func aboveGeneric(hits []int32, z []float64, t float64) int {
	n := 0
	for j, v := range z {
		if v > t {
			hits[n] = int32(j)
			n++
		}
	}
	return n
}

// kthLargestGeneric is KthLargest: it partitions a copy. The partition has no branch
// that depends on an element: on random values a processor guesses every second one
// wrong, which cost three times as much as moving every element.
func kthLargestGeneric(v []float64, k int) float64 {
	memory, _ := copyPool.Get().(*[]float64)
	if memory == nil {
		memory = new([]float64)
	}
	defer copyPool.Put(memory)
	*memory = append((*memory)[:0], v...)
	v = *memory
	for {
		// The median of three keeps sorted rows, the common bad case, linear.
		a, b, c := v[0], v[len(v)/2], v[len(v)-1]
		pivot := max(min(a, b), min(max(a, b), c))
		larger := 0
		for i, x := range v {
			v[i] = v[larger]
			v[larger] = x
			if x > pivot {
				larger++
			}
		}
		if k <= larger {
			v = v[:larger]
			continue
		}
		v, k = v[larger:], k-larger
		equal := 0
		for i, x := range v {
			v[i] = v[equal]
			v[equal] = x
			if x == pivot {
				equal++
			}
		}
		if k <= equal {
			return pivot
		}
		v, k = v[equal:], k-equal
	}
}

// copyPool keeps the copies of kthLargestGeneric.
var copyPool sync.Pool
