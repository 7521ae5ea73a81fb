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

// nearest, added to a number below 2^51 and subtracted again, rounds it to an integer,
// ties to even.
const nearest = 0x1.8p52

// quantiseGeneric is Quantise.
func quantiseGeneric(dst []uint8, stride int, x []float64, inv float64, flip uint8) Quantised {
	z := quantised(x, inv, func(p int, q float64) { dst[p>>2*stride+p&3] = uint8(int8(q)) ^ flip })
	for p := len(x); p&3 != 0; p++ {
		dst[p>>2*stride+p&3] = flip
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

// screenTilesGeneric is ScreenTiles.
func screenTilesGeneric(codes, lanes []int16, laneStride int, q []uint8, rows []ScreenRow, panel []uint8, fine bool, w *ScreenPanel, columns []float32) {
	tile := 4 * ScreenRows * (len(panel) / (4 * ScreenLatents))
	for i := range rows {
		x := q[i/ScreenRows*tile:][:tile]
		screenRowGeneric(codes[i*ScreenLatents:], lanes[i*laneStride:], x[i%ScreenRows*4:], 4*ScreenRows, &rows[i], panel, fine, w, columns)
	}
}

// screenOneGeneric is ScreenOne.
func screenOneGeneric(codes, lanes []int16, q []uint8, row *ScreenRow, panel []uint8, fine bool, w *ScreenPanel, columns []float32) {
	screenRowGeneric(codes, lanes, q, 4, row, panel, fine, w, columns)
}

// screenRowGeneric screens one row, whose groups lie stride bytes apart.
func screenRowGeneric(codes, lanes []int16, q []uint8, stride int, row *ScreenRow, panel []uint8, fine bool, w *ScreenPanel, columns []float32) {
	var acc [ScreenLatents]int32
	for l := range acc {
		acc[l] = row.Start
	}
	for g := 0; len(panel) >= 4*ScreenLatents; g++ {
		x := q[g*stride:][:4]
		p := panel[:4*ScreenLatents]
		panel = panel[4*ScreenLatents:]
		if fine {
			x0, x1 := int16At(x), int16At(x[2:])
			for l := range acc {
				c := p[4*l : 4*l+4 : 4*l+4]
				acc[l] += x0*int16At(c) + x1*int16At(c[2:])
			}
			continue
		}
		x0, x1, x2, x3 := int32(int8(x[0])), int32(int8(x[1])), int32(int8(x[2])), int32(int8(x[3]))
		for l := range acc {
			c := p[4*l : 4*l+4 : 4*l+4]
			acc[l] += x0*int32(c[0]) + x1*int32(c[1]) + x2*int32(c[2]) + x3*int32(c[3])
		}
	}
	codes, lanes = codes[:ScreenLatents], lanes[:ScreenLatents]
	for l, a := range acc {
		y := float32(float32(float32(a)*row.Scale) * w.Scale[l])
		y = fma32(row.Bias, w.Bias[l], y)
		for o := 0; o*ScreenLatents < len(columns); o++ {
			y = fma32(row.Outlier[o], columns[o*ScreenLatents+l], y)
		}
		y = math.Float32frombits(math.Float32bits(y) & row.Mask)
		y = fma32(row.Norm, w.Norm[l], y)
		y = fma32(row.Residual, w.Residual[l], y)
		y += screenRound
		c := int16(math.MinInt16)
		if y >= math.MaxInt16 {
			c = math.MaxInt16
		} else if y > math.MinInt16 {
			c = int16(y)
		}
		codes[l] = c
		lanes[l] = max(lanes[l], c)
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
