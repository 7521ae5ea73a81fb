package kernel

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// widenKernels lists the kernels that widen.
var widenKernels = []struct {
	name string
	size int
	of   func(w *widening) func(dst []float64, src []byte)
	use  func(dst []float64, src []byte)
}{
	{"float32", 4, func(w *widening) func([]float64, []byte) { return w.float32 }, WidenFloat32},
	{"float16", 2, func(w *widening) func([]float64, []byte) { return w.float16 }, WidenFloat16},
	{"bfloat16", 2, func(w *widening) func([]float64, []byte) { return w.bfloat16 }, WidenBfloat16},
	{"int8", 1, func(w *widening) func([]float64, []byte) { return w.int8 }, WidenInt8},
	{"uint8", 1, func(w *widening) func([]float64, []byte) { return w.uint8 }, WidenUint8},
}

// valueOf returns the value of bits by the definition of IEEE 754, in arithmetic without rounding:
// a sign, so many bits of an exponent, and a fraction.
func valueOf(bits uint32, exponentBits, fractionBits int) float64 {
	fraction := int64(bits & (1<<fractionBits - 1))
	exponent := int(bits>>fractionBits) & (1<<exponentBits - 1)
	bias := 1<<(exponentBits-1) - 1
	negative := bits>>(exponentBits+fractionBits)&1 == 1
	var v float64
	switch {
	case exponent == 1<<exponentBits-1 && fraction != 0:
		return math.NaN()
	case exponent == 1<<exponentBits-1:
		v = math.Inf(1)
	default:
		if exponent == 0 {
			exponent = 1
		} else {
			fraction += 1 << fractionBits
		}
		v, _ = new(big.Float).SetMantExp(new(big.Float).SetInt64(fraction), exponent-bias-fractionBits).Float64()
	}
	if negative {
		v = -v
	}
	return v
}

// TestWidenValues compares all numbers of 16 bits, and float32 numbers of every exponent, with their
// definition.
func TestWidenValues(t *testing.T) {
	check := func(name string, use func([]float64, []byte), src []byte, size int, want func(i int) float64) {
		t.Helper()
		got := make([]float64, len(src)/size)
		use(got, src)
		for i, v := range got {
			if w := want(i); math.Float64bits(v) != math.Float64bits(w) && !(math.IsNaN(v) && math.IsNaN(w)) {
				t.Fatalf("%s: bytes %x are %v, want %v", name, src[i*size:(i+1)*size], v, w)
			}
		}
	}
	var all, single, ramp []byte
	for i := range 1 << 8 {
		ramp = append(ramp, byte(i))
	}
	for i := range 1 << 16 {
		all = binary.LittleEndian.AppendUint16(all, uint16(i))
	}
	var bits []uint32
	for high := range uint32(1 << 9) { // sign and exponent
		for _, fraction := range []uint32{0, 1, 0x2aaaaa, 0x400000, 0x7fffff} {
			bits = append(bits, high<<23|fraction)
			single = binary.LittleEndian.AppendUint32(single, high<<23|fraction)
		}
	}
	for _, path := range Available() {
		restore := Use(path)
		check(path+" float16", WidenFloat16, all, 2, func(i int) float64 { return valueOf(uint32(i), 5, 10) })
		check(path+" bfloat16", WidenBfloat16, all, 2, func(i int) float64 { return valueOf(uint32(i), 8, 7) })
		check(path+" uint8", WidenUint8, ramp, 1, func(i int) float64 { return float64(i) })
		check(path+" int8", WidenInt8, ramp, 1, func(i int) float64 { return float64((i+128)%256 - 128) })
		check(path+" float32", WidenFloat32, single, 4, func(i int) float64 { return valueOf(bits[i], 8, 23) })
		restore()
	}
}

// TestWidenParity compares the kernels of the architecture with plain Go, to the bit, NaNs
// included: of random bytes, at every length around a group of 16 and at every offset, and that
// they write nothing else.
func TestWidenParity(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 0))
	for _, k := range widenKernels {
		fast, plain := k.of(&wideningArch), k.of(&wideningGeneric)
		for n := 0; n <= 70; n++ {
			for offset := range 9 {
				src := make([]byte, offset+n*k.size)
				for i := range src {
					src[i] = byte(rng.Uint32())
				}
				got, want := make([]float64, n+3), make([]float64, n+3)
				fast(got[1:1+n], src[offset:])
				plain(want[1:1+n], src[offset:])
				for i := range got {
					if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
						t.Fatalf("%s: %d elements at offset %d: element %d is %v, want %v", k.name, n, offset, i-1, got[i], want[i])
					}
				}
			}
		}
	}
}

// TestWidenLong: what is longer than one call of a kernel, without garbage.
func TestWidenLong(t *testing.T) {
	const n = 2*maxSweep + 37
	for _, k := range widenKernels {
		src := make([]byte, n*k.size)
		for i := range src {
			src[i] = byte(i*7) & 0x3f
		}
		got, want := make([]float64, n), make([]float64, n)
		k.of(&wideningGeneric)(want, src)
		k.use(got, src)
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%s: element %d of %d is %v, want %v", k.name, i, n, got[i], want[i])
			}
		}
		if allocs := testing.AllocsPerRun(10, func() { k.use(got, src) }); allocs != 0 {
			t.Errorf("%s: %v allocations a call", k.name, allocs)
		}
	}
}

// BenchmarkWiden widens 64 Ki elements that are in a near cache, by plain Go and by the active path. MB/s are of
// the narrow numbers.
func BenchmarkWiden(b *testing.B) {
	const n = 64 << 10
	dst := make([]float64, n)
	for _, k := range widenKernels {
		src := make([]byte, n*k.size)
		for i := range src {
			src[i] = byte(i*7) & 0x3f
		}
		for _, path := range []string{"go", Active()} {
			b.Run(k.name+"/"+path, func(b *testing.B) {
				defer Use(path)()
				b.SetBytes(int64(len(src)))
				for b.Loop() {
					k.use(dst, src)
				}
			})
		}
	}
}
