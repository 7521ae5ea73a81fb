package tensor

import "fmt"

// A DType is the type of a tensor's elements. The zero value is none of them.
type DType uint8

// The types whose values can be read.
const (
	F64 DType = iota + 1
	F32
	F16
	BF16 // the upper half of an F32
	I64
	I32
	I16
	I8
	U64
	U32
	U16
	U8
	Bool // one byte, 0 or 1
)

var dtypes = [...]struct {
	name    string
	size    int
	exact32 bool
}{
	0:    {"no dtype", 1, false},
	F64:  {"F64", 8, false},
	F32:  {"F32", 4, true},
	F16:  {"F16", 2, true},
	BF16: {"BF16", 2, true},
	I64:  {"I64", 8, false},
	I32:  {"I32", 4, false},
	I16:  {"I16", 2, true},
	I8:   {"I8", 1, true},
	U64:  {"U64", 8, false},
	U32:  {"U32", 4, false},
	U16:  {"U16", 2, true},
	U8:   {"U8", 1, true},
	Bool: {"BOOL", 1, true},
}

// String returns the name of d as safetensors spell it.
func (d DType) String() string {
	if int(d) >= len(dtypes) {
		return fmt.Sprintf("dtype %d", uint8(d))
	}
	return dtypes[d].name
}

// Size returns the bytes of one element.
func (d DType) Size() int { return dtypes[d].size }

// Exact32 reports whether float32 holds every value of the type.
func (d DType) Exact32() bool { return dtypes[d].exact32 }

// Floating reports whether the elements are floating-point numbers.
func (d DType) Floating() bool { return d >= F64 && d <= BF16 }

// ParseDType returns the type of that name, spelt exactly as String spells it.
func ParseDType(name string) (DType, bool) {
	for d := F64; int(d) < len(dtypes); d++ {
		if dtypes[d].name == name {
			return d, true
		}
	}
	return 0, false
}
