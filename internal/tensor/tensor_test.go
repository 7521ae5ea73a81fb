package tensor_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/tensor"
)

// view returns the tensor of that layout in data.
func view(t testing.TB, l tensor.Layout, data []byte) *tensor.Tensor {
	t.Helper()
	x, err := tensor.New("x", l, tensor.Section(bytes.NewReader(data), 0, int64(len(data))))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestHalf compares every float16 with its definition.
func TestHalf(t *testing.T) {
	data := make([]byte, 2<<16)
	for i := range 1 << 16 {
		binary.LittleEndian.PutUint16(data[2*i:], uint16(i))
	}
	values, err := view(t, tensor.Layout{DType: tensor.F16, Shape: []int{1 << 16}}, data).Float64s()
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range values {
		fraction, exponent := float64(i&0x3ff), i>>10&0x1f
		var want float64
		switch {
		case exponent == 0x1f && fraction != 0:
			want = math.NaN()
		case exponent == 0x1f:
			want = math.Inf(1)
		case exponent == 0:
			want = math.Ldexp(fraction, -24)
		default:
			want = math.Ldexp(1024+fraction, exponent-25)
		}
		want = math.Copysign(want, float64(1-2*(i>>15)))
		if math.IsNaN(want) != math.IsNaN(got) || !math.IsNaN(want) && math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("float16 %04x is %v, want %v", i, got, want)
		}
	}
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		dtype tensor.DType
		bytes string // big-endian
		want  float64
		err   string
	}{
		{tensor.F64, "\x3f\xb9\x99\x99\x99\x99\x99\x9a", 0.1, ""},
		{tensor.F32, "\xc0\x49\x0f\xdb", -math.Float64frombits(0x400921fb60000000), ""},
		{tensor.F32, "\x00\x00\x00\x01", 0x1p-149, ""},
		{tensor.BF16, "\xc0\x49", -3.140625, ""},
		{tensor.BF16, "\x00\x01", 0x1p-133, ""},
		{tensor.BF16, "\x7f\x80", math.Inf(1), ""},
		{tensor.I64, "\x00\x20\x00\x00\x00\x00\x00\x00", 1 << 53, ""},
		{tensor.I64, "\xff\xe0\x00\x00\x00\x00\x00\x00", -1 << 53, ""},
		{tensor.I64, "\x00\x20\x00\x00\x00\x00\x00\x01", 0, "9007199254740993"},
		{tensor.I64, "\xff\xdf\xff\xff\xff\xff\xff\xff", 0, "-9007199254740993"},
		{tensor.I64, "\x80\x00\x00\x00\x00\x00\x00\x00", 0, "-9223372036854775808"},
		{tensor.U64, "\x00\x20\x00\x00\x00\x00\x00\x00", 1 << 53, ""},
		{tensor.U64, "\xff\xff\xff\xff\xff\xff\xff\xff", 0, "18446744073709551615"},
		{tensor.I32, "\x80\x00\x00\x00", -1 << 31, ""},
		{tensor.U32, "\xff\xff\xff\xff", 1<<32 - 1, ""},
		{tensor.I16, "\xff\xfe", -2, ""},
		{tensor.U16, "\xff\xfe", 65534, ""},
		{tensor.I8, "\xff", -1, ""},
		{tensor.U8, "\xff", 255, ""},
		{tensor.Bool, "\x01", 1, ""},
		{tensor.Bool, "\x02", 0, "want 0 or 1"},
	} {
		little := []byte(c.bytes)
		for i, j := 0, len(little)-1; i < j; i, j = i+1, j-1 {
			little[i], little[j] = little[j], little[i]
		}
		for _, big := range []bool{false, true} {
			data := little
			if big {
				data = []byte(c.bytes)
			}
			for _, l := range []tensor.Layout{{}, {Shape: []int{1, 2}, Strides: []int{0, 0}}} { // read as a run, gathered
				l.DType, l.BigEndian = c.dtype, big
				x := view(t, l, data)
				got, err := x.Float64s()
				if c.err != "" {
					if err == nil || !strings.Contains(err.Error(), c.err) {
						t.Errorf("%v %x: error %v, want %q", c.dtype, c.bytes, err, c.err)
					}
				} else if err != nil || len(got) != x.Count() || got[0] != c.want || got[len(got)-1] != c.want {
					t.Errorf("%v %x (big-endian %v): %v, %v, want %v", c.dtype, c.bytes, big, got, err, c.want)
				}
			}
		}
	}
}

// at returns the element at index of a tensor whose storage holds 0, 1, 2, ...
func at(l tensor.Layout, index []int) float64 {
	n := l.Offset
	for i, stride := range l.Strides {
		n += index[i] * stride
	}
	return float64(n)
}

// TestStrides reads tensors of random shapes and strides, by ranges of rows, and
// compares them with the formula. Sizes lie around those of the runs and tiles that
// are read at a time.
func TestStrides(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const elements = 1 << 19
	data := make([]byte, 0, 4*elements)
	for i := range elements {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(i)))
	}
	layouts := []tensor.Layout{
		{Shape: []int{5000, 70}, Strides: []int{1, 5000}},
		{Shape: []int{2049, 65}, Strides: []int{1, 2049}, Offset: 7},
		{Shape: []int{2048, 64}, Strides: []int{1, 4000}},
		{Shape: []int{3, 130}, Strides: []int{1, 3}},
		{Shape: []int{130, 3}, Strides: []int{1, 130}},
		{Shape: []int{70, 5000}, Strides: []int{5000, 1}},
		{Shape: []int{40, 5000}, Strides: []int{6000, 1}, Offset: 3},
		{Shape: []int{1000, 1}, Strides: []int{17, 1}},
		{Shape: []int{1, 1000}, Strides: []int{1, 17}},
		{Shape: []int{1000}, Strides: []int{3}},
		{Shape: []int{9, 6}, Strides: []int{0, 1}, Offset: 12},
		{Shape: []int{9, 6}, Strides: []int{1, 0}},
		{Shape: []int{4, 2, 3}, Strides: []int{1, 12, 4}},
		{Shape: []int{4, 2, 3}, Strides: []int{6, 3, 1}},
		{Shape: []int{4, 2, 3}, Strides: []int{1, 12, 4}},
		{Shape: []int{4, 2, 3}, Strides: []int{1, 24, 8}},
		{Shape: []int{4, 2, 1, 3}, Strides: []int{1, 12, 99, 4}},
		{Shape: []int{}, Strides: []int{}, Offset: elements - 1},
		{Shape: []int{0, 5}, Strides: []int{5, 1}},
		{Shape: []int{5, 0}, Strides: []int{1, 1}},
	}
	for range 300 {
		l := tensor.Layout{Offset: random.IntN(10)}
		for range random.IntN(5) {
			l.Shape = append(l.Shape, 1+random.IntN(6))
			l.Strides = append(l.Strides, []int{0, 1, 1, 2, 3, 6, 30, 200}[random.IntN(8)])
		}
		layouts = append(layouts, l)
	}
	for _, l := range layouts {
		l.DType = tensor.F32
		x := view(t, l, data)
		rows, cols := x.Rows(), x.Cols()
		if rows*cols != x.Count() {
			t.Errorf("%v: %d rows of %d values, want %d in all", l, rows, cols, x.Count())
		}
		ranges := [][2]int{{0, rows}, {0, 0}, {rows, rows}}
		if rows > 0 {
			from := random.IntN(rows)
			ranges = append(ranges, [2]int{from, from + 1}, [2]int{from, from + random.IntN(rows-from+1)})
		}
		for _, r := range ranges {
			got := make([]float64, (r[1]-r[0])*cols)
			if err := x.ReadRows(got, r[0], r[1]); err != nil {
				t.Errorf("%v: %v", l, err)
				continue
			}
			singles := make([]float32, len(got))
			if err := x.ReadRows32(singles, r[0], r[1]); err != nil {
				t.Errorf("%v: %v", l, err)
			}
			for i := range got {
				index, n := make([]int, len(l.Shape)), r[0]*cols+i
				for k := len(index) - 1; k >= 0; k-- {
					index[k], n = n%l.Shape[k], n/l.Shape[k]
				}
				if want := at(l, index); got[i] != want || float64(singles[i]) != want {
					t.Fatalf("%v: element %v of rows %v is %v and %v, want %v", l, index, r, got[i], singles[i], want)
				}
			}
		}
	}
}

func TestNewErrors(t *testing.T) {
	const big = math.MaxInt
	for _, c := range []struct {
		layout tensor.Layout
		want   string
	}{
		{tensor.Layout{Shape: []int{4}}, "reach element 3 of a storage of 3"},
		{tensor.Layout{Shape: []int{3}, Offset: 1}, "reach"},
		{tensor.Layout{Shape: []int{2, 2}, Strides: []int{2, 1}}, "reach"},
		{tensor.Layout{Shape: []int{2}, Strides: []int{big}}, "reach"},
		{tensor.Layout{Shape: []int{3, 3}, Strides: []int{big, big}}, "reach"},
		{tensor.Layout{Offset: big}, "reach"},
		{tensor.Layout{Offset: -1}, "negative"},
		{tensor.Layout{Shape: []int{2}, Strides: []int{-1}}, "negative"},
		{tensor.Layout{Shape: []int{-1}}, "negative"},
		{tensor.Layout{Shape: []int{big, big}}, "too large"},
		{tensor.Layout{Shape: []int{big/8 + 1}, Strides: []int{0}}, "too large"},
		{tensor.Layout{Shape: []int{1}, Strides: []int{1, 1}}, "2 strides for 1"},
		{tensor.Layout{Shape: make([]int, 65)}, "65 dimensions"},
	} {
		c.layout.DType = tensor.F32
		_, err := tensor.New("weight", c.layout, tensor.Section(bytes.NewReader(nil), 0, 15))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "weight") {
			t.Errorf("%v: error %v, want %q", c.layout, err, c.want)
		}
	}
	if _, err := tensor.New("weight", tensor.Layout{}, tensor.Section(bytes.NewReader(nil), 0, 15)); err == nil {
		t.Error("a tensor without a dtype was made")
	}
	if _, err := tensor.New("weight", tensor.Layout{DType: 99}, tensor.Section(bytes.NewReader(nil), 0, 15)); err == nil {
		t.Error("a tensor of an unknown dtype was made")
	}
}

func TestReadErrors(t *testing.T) {
	x := view(t, tensor.Layout{DType: tensor.I32, Shape: []int{3, 2}}, make([]byte, 24))
	for _, c := range []struct {
		size, from, to int
		want           string
	}{{2, 3, 4, "rows 3 to 4 of 3"}, {2, -1, 0, "rows"}, {2, 2, 1, "rows"}, {3, 0, 1, "slice of 3"}, {1, 1, 1, "slice of 1"}} {
		if err := x.ReadRows(make([]float64, c.size), c.from, c.to); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("rows %d to %d into %d: error %v, want %q", c.from, c.to, c.size, err, c.want)
		}
	}
	if err := x.ReadRows32(make([]float32, 2), 0, 1); err == nil || !strings.Contains(err.Error(), "I32") {
		t.Errorf("I32 as float32: error %v", err)
	}
	for _, strides := range [][]int{{2, 1}, {1, 3}, {2, 2}} { // every way of reading
		storage := tensor.Section(bytes.NewReader(make([]byte, 20)), 0, 28) // a file that was cut after it was opened
		x, err := tensor.New("x", tensor.Layout{DType: tensor.F32, Shape: []int{3, 2}, Strides: strides}, storage)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Float64s(); err == nil || !strings.Contains(err.Error(), io.ErrUnexpectedEOF.Error()) {
			t.Errorf("strides %v: error %v, want an unexpected EOF", strides, err)
		}
	}
}

func TestSame(t *testing.T) {
	storage := tensor.Section(bytes.NewReader(make([]byte, 24)), 0, 24)
	make := func(l tensor.Layout) *tensor.Tensor {
		l.DType = tensor.F32
		x, err := tensor.New("x", l, storage)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	x := make(tensor.Layout{Shape: []int{2, 3}})
	for _, c := range []struct {
		y    *tensor.Tensor
		want bool
	}{
		{x.Named("y"), true},
		{x.T().T(), true},
		{make(tensor.Layout{Shape: []int{2, 3}}), true},
		{x.T(), false},
		{make(tensor.Layout{Shape: []int{2, 2}}), false},
		{make(tensor.Layout{Shape: []int{2, 3}, Strides: []int{1, 2}}), false},
	} {
		if got := x.Same(c.y); got != c.want {
			t.Errorf("%v %v is the same: %v, want %v", c.y.Name(), c.y.Shape(), got, c.want)
		}
	}
}

// BenchmarkReadRows reads a matrix by rows that is stored by rows, and one that is
// stored by columns.
func BenchmarkReadRows(b *testing.B) {
	const rows, cols = 32768, 768
	file := bytes.NewReader(make([]byte, 4*rows*cols))
	for name, strides := range map[string][]int{"rows": {cols, 1}, "columns": {1, rows}} {
		x, err := tensor.New("x", tensor.Layout{DType: tensor.F32, Shape: []int{rows, cols}, Strides: strides}, tensor.Section(file, 0, file.Size()))
		if err != nil {
			b.Fatal(err)
		}
		dst := make([]float32, rows*cols)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(file.Size())
			for b.Loop() {
				if err := x.ReadRows32(dst, 0, rows); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWrite writes rows of float32 and of float64 as F32.
func BenchmarkWrite(b *testing.B) {
	const rows, cols = 1024, 768
	b.Run("float32", func(b *testing.B) { benchmarkWrite[float32](b, rows, cols) })
	b.Run("float64", func(b *testing.B) { benchmarkWrite[float64](b, rows, cols) })
}

// benchmarkWrite writes rows of zeros, one run a row.
func benchmarkWrite[T float32 | float64](b *testing.B, rows, cols int) {
	row := make([]T, cols)
	all := func(yield func([]T) bool) {
		for range rows {
			if !yield(row) {
				return
			}
		}
	}
	b.SetBytes(int64(4 * rows * cols))
	for b.Loop() {
		if err := tensor.Write(io.Discard, tensor.F32, rows*cols, all); err != nil {
			b.Fatal(err)
		}
	}
}
