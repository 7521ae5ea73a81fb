//go:build amd64 && !purego

package kernel

// wideningArch serves all paths with AVX2, which are all but plain Go.
var wideningArch = widening{
	float32:  widenBy(widenFloat32AVX2, widenFloat32Generic, 4),
	float16:  widenBy(widenFloat16AVX2, widenFloat16Generic, 2),
	bfloat16: widenBy(widenBfloat16AVX2, widenBfloat16Generic, 2),
	int8:     widenBy(widenInt8AVX2, widenInt8Generic, 1),
	uint8:    widenBy(widenUint8AVX2, widenUint8Generic, 1),
}

// widenBy widens whole groups of 16 elements, of size bytes each, by assembly, and the last ones
// by rest.
func widenBy(groups16 func(dst *float64, src *byte, groups int), rest func(dst []float64, src []byte), size int) func(dst []float64, src []byte) {
	return func(dst []float64, src []byte) {
		groups := len(dst) / 16
		if groups > 0 {
			groups16(&dst[0], &src[0], groups)
		}
		rest(dst[16*groups:], src[16*groups*size:])
	}
}
