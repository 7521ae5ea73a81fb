package tensor_test

import (
	"bytes"
	"errors"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ksparse/ksparse/internal/tensor"
)

// written returns what Write writes of the values, in runs of 7.
func written[T float32 | float64 | int64](d tensor.DType, count int, values ...T) (string, error) {
	var b bytes.Buffer
	err := tensor.Write(&b, d, count, slices.Chunk(values, 7))
	return b.String(), err
}

func TestWrite(t *testing.T) {
	for name, c := range map[string]struct {
		write     func() (string, error)
		want, err string
	}{
		"float32 as F32": {func() (string, error) { return written(tensor.F32, 2, float32(1), -0.5) }, "\x00\x00\x80\x3f\x00\x00\x00\xbf", ""},
		"float32 as F64": {func() (string, error) { return written(tensor.F64, 1, float32(0.1)) }, "\x00\x00\x00\xa0\x99\x99\xb9\x3f", ""},
		"float64 as F32": {func() (string, error) { return written(tensor.F32, 2, 0.1, math.Inf(-1)) }, "\xcd\xcc\xcc\x3d\x00\x00\x80\xff", ""},
		"float64 as F64": {func() (string, error) { return written(tensor.F64, 1, 0.1) }, "\x9a\x99\x99\x99\x99\x99\xb9\x3f", ""},
		"int64 as I64":   {func() (string, error) { return written(tensor.I64, 1, int64(math.MinInt64)) }, "\x00\x00\x00\x00\x00\x00\x00\x80", ""},
		"nothing":        {func() (string, error) { return written[float64](tensor.F64, 0) }, "", ""},
		"too large":      {func() (string, error) { return written(tensor.F32, 1, -1e39) }, "", "-1e+39 is too large for F32"},
		"too few":        {func() (string, error) { return written(tensor.F64, 3, 1.0, 2) }, "\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\x40", "2 values, want 3"},
		"too many":       {func() (string, error) { return written(tensor.F64, 1, 1.0, 2) }, "", "more than 1"},
		"float64 as I64": {func() (string, error) { return written(tensor.I64, 1, 1.0) }, "", "float64 cannot be written as I64"},
		"int64 as F64":   {func() (string, error) { return written(tensor.F64, 1, int64(1)) }, "", "int64 cannot be written as F64"},
		"float32 as F16": {func() (string, error) { return written(tensor.F16, 1, float32(1)) }, "", "float32 cannot be written as F16"},
	} {
		got, err := c.write()
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v, want %q, %q", name, got, err, c.want, c.err)
		}
	}
}

// TestWriteRead writes runs of values longer and shorter than the buffer, and reads
// them from several goroutines at once.
func TestWriteRead(t *testing.T) {
	const count = 100_000
	values := make([]float64, count)
	for i := range values {
		values[i] = math.Sqrt(float64(i))
	}
	for _, size := range []int{1, 999, count} {
		var b bytes.Buffer
		if err := tensor.Write(&b, tensor.F64, count, iter.Seq[[]float64](slices.Chunk(values, size))); err != nil {
			t.Fatal(err)
		}
		x := view(t, tensor.Layout{DType: tensor.F64, Shape: []int{count / 100, 100}}, b.Bytes())
		var group sync.WaitGroup
		for _, x := range []*tensor.Tensor{x, x.T().T(), x} {
			group.Add(1)
			go func() {
				defer group.Done()
				if got, err := x.Float64s(); err != nil || !slices.Equal(got, values) {
					t.Errorf("runs of %d: other values (%v)", size, err)
				}
			}()
		}
		group.Wait()
	}
	full := errors.New("full")
	if err := tensor.Write(writer(func([]byte) (int, error) { return 0, full }), tensor.F64, count, slices.Chunk(values, 10)); !errors.Is(err, full) {
		t.Errorf("error %v, want that of the writer", err)
	}
}

// writer is a function as an io.Writer.
type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

func TestDTypes(t *testing.T) {
	names := map[tensor.DType]string{
		tensor.F64: "F64 8", tensor.F32: "F32 4 exact", tensor.F16: "F16 2 exact", tensor.BF16: "BF16 2 exact",
		tensor.I64: "I64 8", tensor.I32: "I32 4", tensor.I16: "I16 2 exact", tensor.I8: "I8 1 exact",
		tensor.U64: "U64 8", tensor.U32: "U32 4", tensor.U16: "U16 2 exact", tensor.U8: "U8 1 exact", tensor.Bool: "BOOL 1 exact",
	}
	for d, want := range names {
		got := d.String() + " " + string(rune('0'+d.Size()))
		if d.Exact32() {
			got += " exact"
		}
		if got != want {
			t.Errorf("type %q, want %q", got, want)
		}
		if back, ok := tensor.ParseDType(d.String()); !ok || back != d {
			t.Errorf("%v is parsed as %v, %v", d, back, ok)
		}
	}
	for _, name := range []string{"", "f32", "F32 ", "no dtype", "F8_E4M3"} {
		if d, ok := tensor.ParseDType(name); ok {
			t.Errorf("%q is parsed as %v", name, d)
		}
	}
}

func TestBudget(t *testing.T) {
	if small, large := tensor.Budget(0), tensor.Budget(1<<20); small != 64<<10 || large != 64<<10+32<<20 {
		t.Errorf("budgets %d and %d", small, large)
	}
	if huge := tensor.Budget(math.MaxInt64); huge != 1<<62 {
		t.Errorf("budget %d of the largest file", huge)
	}
}
