package kernel

import (
	"encoding/binary"
	"math"
)

// wideningGeneric is in plain Go.
var wideningGeneric = widening{widenFloat32Generic, widenFloat16Generic, widenBfloat16Generic, widenInt8Generic, widenUint8Generic}

// Float16 returns the value of a float16.
func Float16(h uint16) float32 {
	sign, rest := uint32(h&0x8000)<<16, uint32(h&0x7fff)<<13
	switch h & 0x7c00 {
	case 0: // 0 or subnormal: the fraction times 2^-24
		rest = math.Float32bits(float32(h&0x3ff) * 0x1p-24)
	case 0x7c00: // infinity or NaN
		rest |= 0x7f800000
	default: // the exponent, with the bias of float32
		rest += (127 - 15) << 23
	}
	return math.Float32frombits(sign | rest)
}

// Bfloat16 returns the value of a bfloat16, the upper half of a float32.
func Bfloat16(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// widenFloat32Generic is WidenFloat32.
func widenFloat32Generic(dst []float64, src []byte) {
	le := binary.LittleEndian
	for ; len(dst) >= 4 && len(src) >= 16; dst, src = dst[4:], src[16:] {
		to, from := dst[:4], src[:16]
		to[0] = float64(math.Float32frombits(le.Uint32(from)))
		to[1] = float64(math.Float32frombits(le.Uint32(from[4:])))
		to[2] = float64(math.Float32frombits(le.Uint32(from[8:])))
		to[3] = float64(math.Float32frombits(le.Uint32(from[12:])))
	}
	for i := range dst {
		dst[i] = float64(math.Float32frombits(le.Uint32(src[4*i:])))
	}
}

// widenFloat16Generic is WidenFloat16.
func widenFloat16Generic(dst []float64, src []byte) {
	for i := range dst {
		dst[i] = float64(Float16(binary.LittleEndian.Uint16(src[2*i:])))
	}
}

// widenBfloat16Generic is WidenBfloat16.
func widenBfloat16Generic(dst []float64, src []byte) {
	le := binary.LittleEndian
	for ; len(dst) >= 4 && len(src) >= 8; dst, src = dst[4:], src[8:] {
		to, from := dst[:4], src[:8]
		to[0] = float64(Bfloat16(le.Uint16(from)))
		to[1] = float64(Bfloat16(le.Uint16(from[2:])))
		to[2] = float64(Bfloat16(le.Uint16(from[4:])))
		to[3] = float64(Bfloat16(le.Uint16(from[6:])))
	}
	for i := range dst {
		dst[i] = float64(Bfloat16(le.Uint16(src[2*i:])))
	}
}

// widenInt8Generic is WidenInt8.
func widenInt8Generic(dst []float64, src []byte) {
	for i := range dst {
		dst[i] = float64(int8(src[i]))
	}
}

// widenUint8Generic is WidenUint8.
func widenUint8Generic(dst []float64, src []byte) {
	for i := range dst {
		dst[i] = float64(src[i])
	}
}
