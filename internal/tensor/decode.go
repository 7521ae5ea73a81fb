package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// float is a type that elements are decoded to.
type float interface{ float32 | float64 }

// maxInteger is the integer up to which float64 holds every integer.
const maxInteger = 1 << 53

// Decode sets dst to the first len(dst) elements of src, little-endian ones of type d. It is an
// error when one is an integer above 2^53, or a Bool that is neither 0 nor 1.
func Decode(dst []float64, src []byte, d DType) error { return decode(dst, src, d) }

// decode sets dst to the little-endian elements of src. T holds every value of d,
// or is float64.
func decode[T float](dst []T, src []byte, d DType) error {
	src = src[:len(dst)*d.Size()]
	switch d {
	case F64, F32, F16, BF16:
		decodeFloats(dst, src, d)
	case I64, U64:
		return decodeLong(dst, src, d)
	case Bool:
		for _, b := range src {
			if b > 1 {
				return fmt.Errorf("a %v is the byte %d, want 0 or 1", d, b)
			}
		}
		decodeShort(dst, src, U8)
	default:
		decodeShort(dst, src, d)
	}
	return nil
}

// decodeFloats decodes floating-point elements.
func decodeFloats[T float](dst []T, src []byte, d DType) {
	le := binary.LittleEndian
	switch d {
	case F64:
		for i := range dst {
			dst[i] = T(math.Float64frombits(le.Uint64(src[8*i:])))
		}
	case F32:
		for ; len(dst) >= 4 && len(src) >= 16; dst, src = dst[4:], src[16:] {
			to, from := dst[:4], src[:16]
			to[0] = T(math.Float32frombits(le.Uint32(from)))
			to[1] = T(math.Float32frombits(le.Uint32(from[4:])))
			to[2] = T(math.Float32frombits(le.Uint32(from[8:])))
			to[3] = T(math.Float32frombits(le.Uint32(from[12:])))
		}
		for i := range dst {
			dst[i] = T(math.Float32frombits(le.Uint32(src[4*i:])))
		}
	case F16:
		for i := range dst {
			dst[i] = T(half(le.Uint16(src[2*i:])))
		}
	case BF16:
		for i := range dst {
			dst[i] = T(math.Float32frombits(uint32(le.Uint16(src[2*i:])) << 16))
		}
	}
}

// decodeLong decodes integers of eight bytes. One above 2^53 is an error.
func decodeLong[T float](dst []T, src []byte, d DType) error {
	const tooLarge = "the integer %d is above 2^53, which float64 may not hold"
	le := binary.LittleEndian
	switch d {
	case I64:
		for i := range dst {
			v := int64(le.Uint64(src[8*i:]))
			if v > maxInteger || v < -maxInteger {
				return fmt.Errorf(tooLarge, v)
			}
			dst[i] = T(v)
		}
	case U64:
		for i := range dst {
			v := le.Uint64(src[8*i:])
			if v > maxInteger {
				return fmt.Errorf(tooLarge, v)
			}
			dst[i] = T(v)
		}
	}
	return nil
}

// decodeShort decodes integers of at most four bytes.
func decodeShort[T float](dst []T, src []byte, d DType) {
	le := binary.LittleEndian
	switch d {
	case I32:
		for i := range dst {
			dst[i] = T(int32(le.Uint32(src[4*i:])))
		}
	case U32:
		for i := range dst {
			dst[i] = T(le.Uint32(src[4*i:]))
		}
	case I16:
		for i := range dst {
			dst[i] = T(int16(le.Uint16(src[2*i:])))
		}
	case U16:
		for i := range dst {
			dst[i] = T(le.Uint16(src[2*i:]))
		}
	case I8:
		for i := range dst {
			dst[i] = T(int8(src[i]))
		}
	case U8:
		for i := range dst {
			dst[i] = T(src[i])
		}
	}
}

// half returns the value of a float16. Its exponent and fraction, moved to their
// places in a float32, make the value divided by 2^112, subnormal ones included.
func half(h uint16) float32 {
	sign, rest := uint32(h&0x8000)<<16, uint32(h&0x7fff)<<13
	if h&0x7c00 == 0x7c00 { // infinity or NaN
		return math.Float32frombits(sign | 0x7f800000 | rest)
	}
	return math.Float32frombits(sign|rest) * 0x1p112
}

// swap reverses the bytes of each element of size bytes.
func swap(b []byte, size int) {
	for len(b) >= size && size > 1 {
		slices.Reverse(b[:size])
		b = b[size:]
	}
}
