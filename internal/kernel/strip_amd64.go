//go:build amd64 && !purego

package kernel

import (
	"math/bits"
	"unsafe"
)

// stripper is what one instruction set offers for strips. The kernels at [i] work on 2^i
// groups of 8 columns.
type stripper struct {
	decodes []decodeStrip
	dots    []dotStrip
	squares squareStrip
	fold    func(dst, lanes *float64, groups int) // of 8 products
}

// decodeStrip decodes a few columns of some rows: the assembly behind Strips.Decode.
type decodeStrip func(dst *float64, ldd, rows int, offsets *int, alpha *float64, idx *int32, w *float64, ldw int, bias, mask *float64)

// dotStrip multiplies a few columns of some rows: the assembly behind Strips.Dot.
type dotStrip func(lanes, dst *float64, ldd int, x *float64, ldx, rows int, offsets *int, idx *int32, w *float64, ldw int, mask *float64)

// squareStrip squares the errors of some rows: the assembly behind SquareStrip.
type squareStrip func(dst, lanes, x *float64, ldx int, y *float64, ldy, groups, rows int, scale float64, mask *float64)

var (
	avx512Strips = stripper{
		decodes: []decodeStrip{callStripDecode1AVX512F64, callStripDecode2AVX512F64, callStripDecode4AVX512F64, callStripDecode8AVX512F64},
		dots:    []dotStrip{callStripDot1AVX512F64, callStripDot2AVX512F64, callStripDot4AVX512F64, callStripDot8AVX512F64},
		squares: callStripSquaresAVX512F64, fold: callFoldAVX512F64,
	}
	avx2Strips = stripper{
		decodes: []decodeStrip{callStripDecode2AVX2F64, callStripDecode4AVX2F64, callStripDecode8AVX2F64},
		dots:    []dotStrip{callStripDot2AVX2F64, callStripDot4AVX2F64, callStripDot8AVX2F64},
		squares: callStripSquaresAVX2F64, fold: callFoldAVX2F64,
	}
)

// The kernels of strips of the instruction sets.
var strippingAVX512, strippingAVX2 = avx512Strips.stripping(), avx2Strips.stripping()

// stripping returns the kernels of strips for a path.
func (t *stripper) stripping() stripping {
	return stripping{fastStrips: true, stripDecode: t.decode, stripDot: t.dot, stripSquares: t.square, fold: t.foldAll}
}

// kernel picks a kernel where left columns of a strip remain, and returns how many of
// them it takes, and their mask.
func (t *stripper) kernel(left int) (which, cols int, rest *float64) {
	which = min(len(t.dots), bits.Len(uint(left+7)/8)) - 1
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

// decode is Strips.Decode.
func (t *stripper) decode(s *Strips, dst []float64, first, width, lo, hi int, bias []float64) {
	within(dst, hi-lo, width, width)
	alpha, idx := unsafe.SliceData(s.alpha), unsafe.SliceData(s.idx)
	for q := 0; q < width; {
		which, cols, rest := t.kernel(width - q)
		for i := lo; i < hi; {
			next := s.callEnd(i, hi)
			t.decodes[which](&dst[(i-lo)*width+q], 8*width, next-i, &s.offsets[i], alpha, idx, addr(s.w, first+q), 8*s.ldw, &bias[q], rest)
			i = next
		}
		q += cols
	}
}

// dot is Strips.Dot.
func (t *stripper) dot(s *Strips, lanes, dst, x []float64, ldx, first, width, lo, hi int) {
	within(lanes, s.offsets[hi]-s.offsets[lo], 8, 8)
	within(dst, hi-lo, s.cols, first+width)
	within(x, hi-lo, ldx, width)
	idx := unsafe.SliceData(s.idx)
	for q := 0; q < width; {
		which, cols, rest := t.kernel(width - q)
		for i := lo; i < hi; {
			next := s.callEnd(i, hi)
			t.dots[which](unsafe.SliceData(lanes[8*(s.offsets[i]-s.offsets[lo]):]), &dst[(i-lo)*s.cols+first+q], 8*s.cols, &x[(i-lo)*ldx+q], 8*ldx, next-i, &s.offsets[i], idx, addr(s.w, first+q), 8*s.ldw, rest)
			i = next
		}
		q += cols
	}
}

// square is SquareStrip.
func (t *stripper) square(dst, lanes, x []float64, width int, y []float64, ldy int, scale float64) {
	rows := len(x) / max(width, 1)
	within(lanes, rows, 8, 8)
	within(y, rows, ldy, width)
	for i := 0; i < rows; i += gatherRows {
		t.squares(&dst[i*width], &lanes[8*i], &x[i*width], 8*width, &y[i*ldy], 8*ldy, width/8, min(gatherRows, rows-i), scale, maskOf[float64](width%8))
	}
}

// foldAll is Fold.
func (t *stripper) foldAll(dst, lanes []float64) {
	const most = 1024 // elements of one call
	whole := len(dst) / 8 * 8
	for i := 0; i < whole; i += most {
		t.fold(&dst[i], &lanes[8*i], min(most, whole-i)/8)
	}
	foldGeneric(dst[whole:], lanes[8*whole:])
}
