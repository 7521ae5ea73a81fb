//go:build !purego

package kernel

import "unsafe"

// strippingNEON holds the kernels of strips. That strips are faster than whole rows was
// measured with AVX-512; here they save as much memory traffic.
var strippingNEON = stripping{
	fastStrips:   true,
	stripDecode:  stripDecodeNEON,
	stripDot:     stripDotNEON,
	stripSquares: stripSquaresNEON,
	fold:         foldNEON,
}

// The tiles of strips, widest first: 32 columns and fewer.
var (
	stripDecodes = [...]func(dst *float64, ldd, rows int, offsets *int, alpha *float64, idx *int32, w *float64, ldw int, bias *float64, rest int){
		callStripDecode16NEONF64, callStripDecode8NEONF64, callStripDecode4NEONF64, callStripDecode2NEONF64, callStripDecode1NEONF64}
	stripDots = [...]func(lanes, x *float64, ldx, rows int, offsets *int, idx *int32, w *float64, ldw int){
		callStripDot4NEONF64, callStripDot2NEONF64, callStripDot1NEONF64}
)

// stripCall is the most entries that one call takes: well below 20 us, even from memory.
const stripCall = 256

// callEnd returns the end of the rows, from lo on, that one call takes.
func (s *Strips) callEnd(lo, hi int) int {
	next := lo + 1
	for next < min(lo+gatherRows, hi) && s.offsets[next+1]-s.offsets[lo] <= stripCall {
		next++
	}
	return next
}

// stripDecodeNEON is Strips.Decode.
func stripDecodeNEON(s *Strips, dst []float64, first, width, lo, hi int, bias []float64) {
	within(dst, hi-lo, width, width)
	alpha, idx := unsafe.SliceData(s.alpha), unsafe.SliceData(s.idx)
	which, cols := 0, 32
	for q := 0; q < width; q += cols {
		for cols > width-q+1 {
			which, cols = which+1, cols/2
		}
		rest := max(0, cols-(width-q))
		for i := lo; i < hi; {
			next := s.callEnd(i, hi)
			stripDecodes[which](&dst[(i-lo)*width+q], 8*width, next-i, &s.offsets[i], alpha, idx, addr(s.w, first+q), 8*s.ldw, &bias[q], rest)
			i = next
		}
	}
}

// stripDotNEON is Strips.Dot. The columns beyond the last whole group are left to plain Go.
func stripDotNEON(s *Strips, lanes, dst, x []float64, ldx, first, width, lo, hi int) {
	within(lanes, s.offsets[hi]-s.offsets[lo], 8, 8)
	within(dst, hi-lo, s.cols, first+width)
	within(x, hi-lo, ldx, width)
	idx, whole := unsafe.SliceData(s.idx), width/8*8
	which, cols := 0, 32
	for q := 0; q < whole; q += cols {
		for cols > whole-q {
			which, cols = which+1, cols/2
		}
		for i := lo; i < hi; {
			next := s.callEnd(i, hi)
			stripDots[which](unsafe.SliceData(lanes[8*(s.offsets[i]-s.offsets[lo]):]), &x[(i-lo)*ldx+q], 8*ldx, next-i, &s.offsets[i], idx, addr(s.w, first+q), 8*s.ldw)
			i = next
		}
	}
	for i := lo; i < hi; i++ {
		row := x[(i-lo)*ldx:][:width]
		if whole < width {
			for t := s.offsets[i]; t < s.offsets[i+1]; t++ {
				addLanes((*[8]float64)(lanes[8*(t-s.offsets[lo]):]), row[whole:], s.w[int(s.idx[t])*s.ldw+first+whole:])
			}
		}
		copy(dst[(i-lo)*s.cols+first:], row)
	}
}

// stripSquaresNEON is SquareStrip. The columns beyond the last whole group are left to
// plain Go.
func stripSquaresNEON(dst, lanes, x []float64, width int, y []float64, ldy int, scale float64) {
	rows := len(x) / max(width, 1)
	within(lanes, rows, 8, 8)
	within(y, rows, ldy, width)
	for i := 0; i < rows; i += gatherRows {
		callStripSquaresNEONF64(&dst[i*width], &lanes[8*i], &x[i*width], 8*width, width/8, &y[i*ldy], 8*ldy, min(gatherRows, rows-i), scale)
	}
	whole := width / 8 * 8
	for i := 0; i < rows && whole < width; i++ {
		at := i*width + whole
		stripSquaresGeneric(dst[at:at+width-whole], lanes[8*i:], x[at:at+width-whole], width-whole, y[i*ldy+whole:], ldy, scale)
	}
}

// foldNEON is Fold.
func foldNEON(dst, lanes []float64) {
	const most = 1024 // elements of one call
	whole := len(dst) / 2 * 2
	for t := 0; t < whole; t += most {
		callFoldNEONF64(&dst[t], &lanes[8*t], min(most, whole-t)/2)
	}
	foldGeneric(dst[whole:], lanes[8*whole:])
}
