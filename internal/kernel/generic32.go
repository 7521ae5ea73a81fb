package kernel

import "math"

// The float32 products in plain Go: they define those of the other paths.

// fma32 returns x*y + z with one rounding to float32. The product is exact in
// float64. The sum is rounded to odd there: that leaves a trace of what was lost, so
// that the second rounding has the error of one rounding.
func fma32(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := p + c
	// What the sum lost, exactly (Knuth's two-sum).
	v := s - p
	lost := float64(p-float64(s-v)) + float64(c-v)
	if b := math.Float64bits(s); lost != 0 && b&1 == 0 && !math.IsNaN(lost) {
		if (lost > 0) == (s > 0) {
			b++
		} else {
			b--
		}
		s = math.Float64frombits(b)
	}
	return float32(s)
}

// dot32Generic is the dot product of float32: the definition of its order.
func dot32Generic(x, y []float32) float32 {
	var l [16]float32
	y = y[:len(x)]
	for p := 0; p < len(x); p += 16 {
		for i := range l {
			var a, b float32
			if p+i < len(x) {
				a, b = x[p+i], y[p+i]
			}
			l[i] = fma32(a, b, l[i])
		}
	}
	for half := 8; half > 0; half /= 2 {
		for i := range half {
			l[i] += l[i+half]
		}
	}
	return l[0]
}

// mulT32Generic is MulT32.
func mulT32Generic(dst []float32, ldd int, a []float32, lda, m int, b []float32, ldb, n, k int) {
	for i := range m {
		ai := a[i*lda:][:k]
		for j := range n {
			dst[i*ldd+j] = dot32Generic(ai, b[j*ldb:])
		}
	}
}

// mulAdd32Generic is MulAdd32.
func mulAdd32Generic(dst []float32, ldd, m, n, k int, a []float32, ai, ap int, b []float32, ldb int) {
	for i := range m {
		row := dst[i*ldd:][:n]
		for p := range k {
			f := a[i*ai+p*ap]
			bp := b[p*ldb:][:n]
			for j := range row {
				row[j] = fma32(f, bp[j], row[j])
			}
		}
	}
}
