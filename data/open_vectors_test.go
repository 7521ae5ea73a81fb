package data_test

import (
	"testing"

	"github.com/ksparse/ksparse/data"
)

// TestOpenVectors: the formats of collections for nearest-neighbour search, from their
// descriptions (corpus-texmex.irisa.fr; big-ann-benchmarks.com).
func TestOpenVectors(t *testing.T) {
	one := uint32(2) // the dimension
	for _, c := range []struct {
		name, want string
		contents   []byte
		numbers    []float64
	}{
		{"x.fvecs", "1 fvecs file, float32, 3 x 2", bytesOf(one, []float32{1, 2}, one, []float32{-3, 4.5}, one, []float32{5, 6}), []float64{1, 2, -3, 4.5, 5, 6}},
		{"x.BVECS", "1 bvecs file, uint8, 2 x 2", bytesOf(one, []uint8{1, 255}, one, []uint8{3, 4}), []float64{1, 255, 3, 4}},
		{"x.ivecs", "1 ivecs file, int32, 2 x 2", bytesOf(one, []int32{1, -2}, one, []int32{3, 1 << 30}), []float64{1, -2, 3, 1 << 30}},
		{"x.fbin", "1 fbin file, float32, 3 x 2", bytesOf(uint32(3), one, []float32{1, 2, 3, 4, 5, 6}), []float64{1, 2, 3, 4, 5, 6}},
		{"x.u8bin", "1 u8bin file, uint8, 2 x 2", bytesOf(uint32(2), one, []uint8{1, 255, 3, 4}), []float64{1, 255, 3, 4}},
		{"x.i8bin", "1 i8bin file, int8, 2 x 2", bytesOf(uint32(2), one, []int8{1, -128, 3, 4}), []float64{1, -128, 3, 4}},
		{"x.f32", "1 raw file, float32, 2 x 2", bytesOf([]float32{1, 2, 3, 4}), []float64{1, 2, 3, 4}},
		{"x.raw", "1 raw file, float32, 1 x 2", bytesOf([]float32{1, 2}), []float64{1, 2}},
		{"x.bin", "1 raw file, float32, 1 x 2", bytesOf([]float32{1, 2}), []float64{1, 2}},
		{"x", "1 raw file, float32, 1 x 2", bytesOf([]float32{1, 2}), []float64{1, 2}},
	} {
		f := open(t, data.Options{Cols: 2}, fileNamed(t, c.name, c.contents))
		wantString(t, f, c.want)
		wantRows(t, c.name, f, 2, c.numbers...)
	}
}

// TestOpenLooksLikeOther: vectors whose first bytes are also those of torch.save (dimension 128), of a
// gzip file, of a safetensors file or of text. The name decides.
func TestOpenLooksLikeOther(t *testing.T) {
	numbers := make([]float64, 128)
	numbers[3] = 9
	single := make([]float32, 128)
	single[3] = 9
	for name, contents := range map[string][]byte{
		"x.fvecs": bytesOf(uint32(128), single),
		"x.fbin":  bytesOf(uint32(1), uint32(128), single),
		"x.f32":   bytesOf(single),
	} {
		wantRows(t, name, open(t, data.Options{Cols: 128}, fileNamed(t, name, contents)), 128, numbers...)
	}
	brace := bytesOf(uint32(8), []uint8{0, 0, 0, 0, '{', 1, 2, 3})
	wantRows(t, "safetensors?", open(t, data.Options{}, fileNamed(t, "x.bvecs", brace)), 8, 0, 0, 0, 0, '{', 1, 2, 3)
	gzip := bytesOf(uint32(0x8b1f), uint32(1), make([]int8, 0x8b1f))
	if rows, cols := open(t, data.Options{}, fileNamed(t, "x.i8bin", gzip)).Dims(); rows != 0x8b1f || cols != 1 {
		t.Errorf("gzip?: %d x %d", rows, cols)
	}

	wantRows(t, "text?", open(t, data.Options{Cols: 1}, fileNamed(t, "x.raw", []byte("text"))), 1, 0x1.f0cae8p105) // the float32 of the bits 0x74786574
}
