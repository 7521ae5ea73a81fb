//go:build amd64 && !purego

package kernel

import "unsafe"

// dotPairs is DotPairs, with four pairs a call.
func (s screenSet) dotPairs(dst, x []float64, ldx int, w []float64, ldw, d int, pairs []Pair) {
	var rx, rw [8]*float64 // the rows of four pairs, and of the next four
	for len(pairs) > 0 {
		// A row of w that several of the next pairs share is prefetched as a whole.
		for t := 4; t < min(8, len(pairs)-1); t++ {
			if p := pairs[t].Latent; p != pairs[t-1].Latent && p == pairs[t+1].Latent {
				prefetchAVX2Go(w[int(p)*ldw:][:d])
			}
		}
		for t := range rx {
			p := pairs[min(t, len(pairs)-1)]
			rx[t] = unsafe.SliceData(x[int(p.Row)*ldx:][:d])
			rw[t] = unsafe.SliceData(w[int(p.Latent)*ldw:][:d])
		}
		if len(pairs) < 4 {
			var few [4]float64
			s.callDotPairs(&few, &rx, &rw, d)
			copy(dst[:len(pairs)], few[:])
			return
		}
		s.callDotPairs((*[4]float64)(dst), &rx, &rw, d)
		dst, pairs = dst[4:], pairs[4:]
	}
}

// callDotPairs multiplies the first four pairs of rows and prefetches the other four.
//
//go:noinline
func (s screenSet) callDotPairs(dst *[4]float64, x, w *[8]*float64, d int) {
	if s == screenAVX512 {
		dotPairsAVX512(&dst[0], &x[0], &w[0], d/8, 1<<(d%8)-1)
	} else {
		dotPairsAVX2(&dst[0], &x[0], &w[0], d/8, d%8)
	}
}

// dotPairs32 is DotPairs32, with four pairs a call.
func (s screenSet) dotPairs32(dst, x []float64, ldx int, w []float32, ldw, d int, pairs []Pair) {
	var rx [8]*float64
	var rw [8]*float32
	for len(pairs) > 0 {
		for t := range rx {
			p := pairs[min(t, len(pairs)-1)]
			rx[t] = unsafe.SliceData(x[int(p.Row)*ldx:][:d])
			rw[t] = unsafe.SliceData(w[int(p.Latent)*ldw:][:d])
		}
		if len(pairs) < 4 {
			var few [4]float64
			s.callDotPairs32(&few, &rx, &rw, d)
			copy(dst[:len(pairs)], few[:])
			return
		}
		s.callDotPairs32((*[4]float64)(dst), &rx, &rw, d)
		dst, pairs = dst[4:], pairs[4:]
	}
}

// callDotPairs32 is callDotPairs for rows of w in float32.
//
//go:noinline
func (s screenSet) callDotPairs32(dst *[4]float64, x *[8]*float64, w *[8]*float32, d int) {
	if s == screenAVX512 {
		dotPairs32AVX512(&dst[0], &x[0], &w[0], d/8, 1<<(d%8)-1)
	} else {
		dotPairs32AVX2(&dst[0], &x[0], &w[0], d/8, d%8)
	}
}

// pairVectors is the most vectors of 32 integers, of all its pairs together, that one
// call multiplies: some 5 us where rows come from the third-level cache.
const pairVectors = 4096

// dotPairs16 is DotPairs16.
func (s screenSet) dotPairs16(dst []int32, x []uint8, ldx int, w []uint8, ldw, d int, pairs []Pair) {
	vectors := d / 32
	if vectors == 0 || d%32 != 0 {
		dotPairs16Generic(dst, x, ldx, w, ldw, d, pairs)
		return
	}
	for _, p := range pairs { // panics where a row is outside
		_, _ = x[int(p.Row)*ldx:][:2*d], w[int(p.Latent)*ldw:][:2*d]
	}
	most := max(4, pairVectors/vectors&^3)
	for len(pairs) > 0 {
		n := min(most, len(pairs))
		s.callDotPairs16(dst[:n], x, ldx, w, ldw, vectors, pairs[:n])
		dst, pairs = dst[n:], pairs[n:]
	}
}

// callDotPairs16 multiplies as many pairs of rows as one call takes.
//
//go:noinline
func (s screenSet) callDotPairs16(dst []int32, x []uint8, ldx int, w []uint8, ldw, vectors int, pairs []Pair) {
	switch s {
	case screenAVX512:
		dotPairs16AVX512(&dst[0], &x[0], ldx, &w[0], ldw, vectors, &pairs[0].Row, len(pairs))
	case screenAVXVNNI:
		dotPairs16AVXVNNI(&dst[0], &x[0], ldx, &w[0], ldw, vectors, &pairs[0].Row, len(pairs))
	default:
		dotPairs16AVX2(&dst[0], &x[0], ldx, &w[0], ldw, vectors, &pairs[0].Row, len(pairs))
	}
}
