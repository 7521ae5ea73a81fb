package codefile

import (
	"encoding/binary"
	"math"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/tensor"
)

// Precision is how exactly the values of codes are kept in a .ksc file.
type Precision uint8

// The precisions. A value is rounded to the nearest number that the precision has, of two equally
// near ones to the one whose last bit is 0. Where its magnitude is at least the smallest normal
// number, that is a relative error of at most half a unit in the last place; where it is smaller, an
// absolute error of at most half the distance between the smallest numbers.
const (
	Float64 Precision = iota // 8 bytes a value: exactly as it is
	Float32                  // 4 bytes: relative error up to 2^-24 from 2^-126 on, absolute error up to 2^-150 below; values up to 3.4e38
	Float16                  // 2 bytes (IEEE half): relative error up to 2^-11 from 2^-14 on, absolute error up to 2^-25 below; values up to 65504
)

// precisions has what each precision is called, how it is stored, and its smallest normal number.
var precisions = [...]struct {
	name   string
	dtype  tensor.DType
	normal float64
}{
	Float64: {"float64", tensor.F64, 0},
	Float32: {"float32", tensor.F32, 0x1p-126},
	Float16: {"float16", tensor.F16, 0x1p-14},
}

// String returns the name, such as "float32".
func (p Precision) String() string {
	if !p.valid() {
		return "an unknown precision"
	}
	return precisions[p].name
}

// valid reports whether there is such a precision.
func (p Precision) valid() bool { return int(p) < len(precisions) }

// check returns an error unless there is such a precision.
func (p Precision) check() error {
	if !p.valid() {
		return fault.Errorf(fault.ErrRange, "the precision of values is %d, want Float64, Float32 or Float16", p)
	}
	return nil
}

// size returns how many bytes a value takes.
func (p Precision) size() int { return precisions[p].dtype.Size() }

// put writes a finite value to the beginning of b, little-endian, and returns the number that was kept.
// It is infinite where the value is too large.
func (p Precision) put(b []byte, v float64) float64 {
	switch p {
	case Float32:
		f := float32(v)
		binary.LittleEndian.PutUint32(b, math.Float32bits(f))
		return float64(f)
	case Float16:
		h, kept := float16(v)
		binary.LittleEndian.PutUint16(b, h)
		return kept
	}
	binary.LittleEndian.PutUint64(b, math.Float64bits(v))
	return v
}

// float16 returns the IEEE half that is nearest to a finite v, ties to even, and its value. That is
// infinite from 65520 on, which lies half way between the largest half and what would come next.
func float16(v float64) (bits uint16, value float64) {
	sign := uint16(math.Float64bits(v)>>48) & 0x8000
	switch a := math.Abs(v); {
	case a >= 65520:
		return sign | 0x7c00, math.Copysign(math.Inf(1), v)
	case a < 0x1p-14: // a multiple of 2^-24; the product is exact
		n := math.RoundToEven(a * 0x1p24)
		return sign | uint16(n), math.Copysign(n*0x1p-24, v)
	default: // of 52 bits behind the point 10 stay; a carry goes to the exponent
		const drop, bias = 42, (1023 - 15) << 10
		b := math.Float64bits(a)
		b += 1<<(drop-1) - 1 + b>>drop&1
		return sign | uint16(b>>drop-bias), math.Copysign(math.Float64frombits(b>>drop<<drop), v)
	}
}
