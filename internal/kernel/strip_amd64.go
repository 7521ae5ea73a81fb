//go:build amd64 && !purego

package kernel

import (
	"math/bits"
	"unsafe"
)

// strippingAVX512 holds the kernels of strips for AVX-512.
var strippingAVX512 = stripping{
	fastStrips:   true,
	stripDecode:  stripDecodeAVX512Go,
	stripDot:     stripDotAVX512Go,
	stripSquares: stripSquaresAVX512Go,
	fold:         foldAVX512Go,
}

// decodeStrip decodes a few columns of some rows: the assembly behind Strips.Decode.
type decodeStrip func(dst *float64, ldd, rows int, offsets *int, alpha *float64, idx *int32, w *float64, ldw int, bias, mask *float64)

// dotStrip multiplies a few columns of some rows: the assembly behind Strips.Dot.
type dotStrip func(lanes, dst *float64, ldd int, x *float64, ldx, rows int, offsets *int, idx *int32, w *float64, ldw int, mask *float64)

// The kernels for 1, 2, 4 and 8 vectors.
var (
	stripDecodes = [...]decodeStrip{callStripDecode1AVX512F64, callStripDecode2AVX512F64, callStripDecode4AVX512F64, callStripDecode8AVX512F64}
	stripDots    = [...]dotStrip{callStripDot1AVX512F64, callStripDot2AVX512F64, callStripDot4AVX512F64, callStripDot8AVX512F64}
)

// stripKernel picks a kernel where left columns of a strip remain, and returns how many
// of them it takes, and their mask.
func stripKernel(left int) (which, cols int, rest *float64) {
	which = min(len(stripDots), bits.Len(uint(left+7)/8)) - 1
	if cols = 8 << which; cols > left {
		cols, rest = left, maskOf[float64](left%8)
	}
	return which, cols, rest
}

// stripCall is the most entries that one call takes: some 2 us from a near cache, and
// well below 20 us from memory.
const stripCall = 512

// callEnd returns the end of the rows, from lo on, that one call takes.
func (s *Strips) callEnd(lo, hi int) int {
	next := lo + 1
	for next < min(lo+gatherRows, hi) && s.offsets[next+1]-s.offsets[lo] <= stripCall {
		next++
	}
	return next
}

// stripDecodeAVX512Go is Strips.Decode.
func stripDecodeAVX512Go(s *Strips, dst []float64, first, width, lo, hi int, bias []float64) {
	within(dst, hi-lo, width, width)
	alpha, idx := unsafe.SliceData(s.alpha), unsafe.SliceData(s.idx)
	for q := 0; q < width; {
		which, cols, rest := stripKernel(width - q)
		for i := lo; i < hi; {
			next := s.callEnd(i, hi)
			stripDecodes[which](&dst[(i-lo)*width+q], 8*width, next-i, &s.offsets[i], alpha, idx, addr(s.w, first+q), 8*s.ldw, &bias[q], rest)
			i = next
		}
		q += cols
	}
}

// stripDotAVX512Go is Strips.Dot.
func stripDotAVX512Go(s *Strips, lanes, dst, x []float64, ldx, first, width, lo, hi int) {
	within(lanes, s.offsets[hi]-s.offsets[lo], 8, 8)
	within(dst, hi-lo, s.cols, first+width)
	within(x, hi-lo, ldx, width)
	idx := unsafe.SliceData(s.idx)
	for q := 0; q < width; {
		which, cols, rest := stripKernel(width - q)
		for i := lo; i < hi; {
			next := s.callEnd(i, hi)
			stripDots[which](unsafe.SliceData(lanes[8*(s.offsets[i]-s.offsets[lo]):]), &dst[(i-lo)*s.cols+first+q], 8*s.cols, &x[(i-lo)*ldx+q], 8*ldx, next-i, &s.offsets[i], idx, addr(s.w, first+q), 8*s.ldw, rest)
			i = next
		}
		q += cols
	}
}

// stripSquaresAVX512Go is SquareStrip.
func stripSquaresAVX512Go(dst, lanes, x []float64, width int, y []float64, ldy int, scale float64) {
	rows := len(x) / max(width, 1)
	within(lanes, rows, 8, 8)
	within(y, rows, ldy, width)
	for i := 0; i < rows; i += gatherRows {
		callStripSquaresAVX512F64(&dst[i*width], &lanes[8*i], &x[i*width], width/8, &y[i*ldy], 8*ldy, min(gatherRows, rows-i), scale, maskOf[float64](width%8))
	}
}

// foldAVX512Go is Fold.
func foldAVX512Go(dst, lanes []float64) {
	const most = 1024 // elements of one call
	whole := len(dst) / 8 * 8
	for t := 0; t < whole; t += most {
		callFoldAVX512F64(&dst[t], &lanes[8*t], min(most, whole-t)/8)
	}
	foldGeneric(dst[whole:], lanes[8*whole:])
}
