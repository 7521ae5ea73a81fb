package kernel

import (
	"encoding/binary"
	"math"
)

// The kernels of the screen in plain Go: they define those of the other paths.

// extentGeneric is Extent.
func extentGeneric(x []float64) (largest, square float64) {
	var m uint64
	var s [32]float64
	lanes := 31
	for p, v := range x {
		m = max(m, math.Float64bits(v)&^(1<<63))
		if p == len(x)&^31 {
			lanes = 7
		}
		s[p&lanes] = math.FMA(v, v, s[p&lanes])
	}
	for l := range 8 {
		s[l] = (s[l] + s[l+16]) + (s[l+8] + s[l+24])
	}
	return math.Float64frombits(m), tree((*[8]float64)(s[:]))
}

// largestBlockGeneric is LargestBlock.
func largestBlockGeneric(x []float64) float64 {
	largest := 0.0
	for len(x) > 0 {
		var s [4]float64
		n := min(ScreenBlock, len(x))
		for p, v := range x[:n] {
			s[p&3] = math.FMA(v, v, s[p&3])
		}
		largest = max(largest, s[0]+s[1], s[2]+s[3])
		x = x[n:]
	}
	return largest
}

// nearest, added to a number below 2^51 and subtracted again, rounds it to an integer,
// ties to even.
const nearest = 0x1.8p52

// quantiseGeneric is Quantise.
func quantiseGeneric(dst []uint8, stride int, x []float64, inv float64, offset uint8) Quantised {
	z := quantised(x, inv, func(p int, q float64) { dst[p>>2*stride+p&3] = uint8(int8(q)) + offset })
	for p := len(x); p&3 != 0; p++ {
		dst[p>>2*stride+p&3] = offset
	}
	return z
}

// quantise16Generic is Quantise16.
func quantise16Generic(dst []uint8, stride int, x []float64, inv float64) Quantised {
	put := func(p int, q float64) {
		binary.LittleEndian.PutUint16(dst[p>>1*stride+p&1*2:], uint16(int16(q)))
	}
	z := quantised(x, inv, put)
	if p := len(x); p&1 != 0 {
		put(p, 0)
	}
	return z
}

// quantised rounds every x[p]*inv to an integer, calls put for it, and returns the sums
// in the order of Quantise.
func quantised(x []float64, inv float64, put func(p int, q float64)) Quantised {
	var r, s, q [16]float64
	sum := 0.0
	for p, v := range x {
		t := float64(v * inv)
		n := (t + nearest) - nearest
		e := t - n
		l := p & 15
		if p >= len(x)&^7 {
			l |= 8
		}
		r[l] = math.FMA(e, e, r[l])
		s[l] = math.FMA(t, t, s[l])
		q[l] = math.FMA(n, n, q[l])
		sum += n
		put(p, n)
	}
	for l := range 8 {
		r[l] += r[l+8]
		s[l] += s[l+8]
		q[l] += q[l+8]
	}
	first := func(l *[16]float64) *[8]float64 { return (*[8]float64)(l[:]) }
	return Quantised{Residual: tree(first(&r)), Square: tree(first(&s)), Integers: tree(first(&q)), Sum: int64(sum)}
}

// int16At returns the integer in the first two bytes of b.
func int16At(b []uint8) int32 { return int32(int16(binary.LittleEndian.Uint16(b))) }

// dotPairs16Generic is DotPairs16.
func dotPairs16Generic(dst []int32, x []uint8, ldx int, w []uint8, ldw, d int, pairs []Pair) {
	for t, p := range pairs {
		a, b := x[int(p.Row)*ldx:][:2*d], w[int(p.Latent)*ldw:][:2*d]
		var sum int32
		for q := 0; q < len(a); q += 2 {
			sum += int16At(a[q:]) * int16At(b[q:])
		}
		dst[t] = sum
	}
}

// screenPairsGeneric is ScreenPairs.
func screenPairsGeneric(pairs []Pair, codes, low, high []int16, row, latent int32, live uint32) int {
	n := 0
	for i, lo := range low {
		hi := high[i]
		for l, c := range codes[i*ScreenLatents:][:ScreenLatents] {
			if lo <= c && c <= hi && live>>l&1 != 0 {
				pairs[n] = Pair{row + int32(i), latent + int32(l)}
				n++
			}
		}
	}
	return n
}

// screenKthGeneric is ScreenKth: it finds the largest code that at least k codes reach,
// bit by bit from the top.
func screenKthGeneric(codes []int16, k int) int16 {
	t := math.MinInt16
	for step := 1 << 15; step > 0; step >>= 1 {
		n := 0
		for _, c := range codes {
			if int(c) >= t+step {
				n++
			}
		}
		if n >= k {
			t += step
		}
	}
	return int16(t)
}

// dotPairsBy returns DotPairs for a given dot product of one pair of rows.
func dotPairsBy(dot func(x, y []float64) float64) func(dst, x []float64, ldx int, w []float64, ldw, d int, pairs []Pair) {
	return func(dst, x []float64, ldx int, w []float64, ldw, d int, pairs []Pair) {
		for t, p := range pairs {
			dst[t] = dot(x[int(p.Row)*ldx:][:d], w[int(p.Latent)*ldw:][:d])
		}
	}
}

// dotPairs32Generic is DotPairs32. It converts the weights eight at a time, so that the
// order is that of dotGeneric, zeros at the end included.
func dotPairs32Generic(dst, x []float64, ldx int, w []float32, ldw, d int, pairs []Pair) {
	for t, p := range pairs {
		var l [8]float64
		xs, ws := x[int(p.Row)*ldx:][:d], w[int(p.Latent)*ldw:][:d]
		for len(xs) > 0 {
			var a, b [8]float64
			n := copy(a[:], xs)
			for q, v := range ws[:n] {
				b[q] = float64(v)
			}
			for q := range l {
				l[q] = math.FMA(a[q], b[q], l[q])
			}
			xs, ws = xs[n:], ws[n:]
		}
		dst[t] = tree(&l)
	}
}
