package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// float is a type that elements are decoded to.
type float interface{ float32 | float64 }

// maxInteger is the integer up to which float64 holds every integer.
const maxInteger = 1 << 53

// Decode sets dst to the first len(dst) elements of src, little-endian ones of type d. It is an
// error when one is an integer above 2^53, or a Bool that is neither 0 nor 1.
func Decode(dst []float64, src []byte, d DType) error { return decode(dst, src, d) }

// widen has the types for which there is a kernel that decodes them to float64.
var widen = [len(dtypes)]func(dst []float64, src []byte){
	F32: kernel.WidenFloat32, F16: kernel.WidenFloat16, BF16: kernel.WidenBfloat16, I8: kernel.WidenInt8, U8: kernel.WidenUint8,
}

// decode sets dst to the little-endian elements of src. T holds every value of d,
// or is float64.
func decode[T float](dst []T, src []byte, d DType) error {
	src = src[:len(dst)*d.Size()]
	if wide, ok := any(dst).([]float64); ok && widen[d] != nil {
		widen[d](wide, src)
		return nil
	}
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
		return decode(dst, src, U8)
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
		for i := range dst {
			dst[i] = T(math.Float32frombits(le.Uint32(src[4*i:])))
		}
	case F16:
		for i := range dst {
			dst[i] = T(kernel.Float16(le.Uint16(src[2*i:])))
		}
	case BF16:
		for i := range dst {
			dst[i] = T(kernel.Bfloat16(le.Uint16(src[2*i:])))
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

// decodeSwapped is decode for elements whose high byte comes first.
func decodeSwapped[T float](dst []T, src []byte, d DType) error {
	size := d.Size()
	buf := runs.Get().(*[]byte)
	defer runs.Put(buf)
	*buf = matrix.Resized(*buf, min(len(src), runBytes))
	for len(dst) > 0 {
		b := (*buf)[:copy(*buf, src)]
		swap(b, size)
		n := len(b) / size
		if err := decode(dst[:n], b, d); err != nil {
			return err
		}
		dst, src = dst[n:], src[len(b):]
	}
	return nil
}

// swap reverses the bytes of each element of size bytes.
func swap(b []byte, size int) {
	for len(b) >= size && size > 1 {
		slices.Reverse(b[:size])
		b = b[size:]
	}
}
