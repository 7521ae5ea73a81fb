package kernel

// The numbers of files are widened here: elements of fewer bits, low byte first, to float64.
// Each value is exact; a signalling NaN becomes a quiet one.

// widening holds the kernels that widen. They take as many elements as dst has, at most
// maxSweep.
type widening struct {
	float32, float16, bfloat16, int8, uint8 func(dst []float64, src []byte)
}

// widening returns the kernels of the path. Plain Go has its own, all other paths share those of
// the architecture: half as long vectors are no slower, for memory sets the speed.
func (p *path) widening() *widening {
	if p.name == generic.name {
		return &wideningGeneric
	}
	return &wideningArch
}

// WidenFloat32 sets dst to the float32 numbers at the beginning of src, of 4 bytes each.
func WidenFloat32(dst []float64, src []byte) { widen(active.widening().float32, dst, src, 4) }

// WidenFloat16 sets dst to the float16 numbers at the beginning of src, of 2 bytes each.
func WidenFloat16(dst []float64, src []byte) { widen(active.widening().float16, dst, src, 2) }

// WidenBfloat16 sets dst to the bfloat16 numbers at the beginning of src, of 2 bytes each.
func WidenBfloat16(dst []float64, src []byte) { widen(active.widening().bfloat16, dst, src, 2) }

// WidenInt8 sets dst to the signed integers at the beginning of src, of a byte each.
func WidenInt8(dst []float64, src []byte) { widen(active.widening().int8, dst, src, 1) }

// WidenUint8 sets dst to the bytes at the beginning of src.
func WidenUint8(dst []float64, src []byte) { widen(active.widening().uint8, dst, src, 1) }

// widen calls f for dst and elements of size bytes, at most maxSweep elements a call.
func widen(f func(dst []float64, src []byte), dst []float64, src []byte, size int) {
	src = src[:size*len(dst)]
	raceWriteAll(dst)
	raceReadAll(src)
	for i := 0; i < len(dst); i += maxSweep {
		e := min(i+maxSweep, len(dst))
		f(dst[i:e], src[size*i:size*e])
	}
}
