package tensor_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/tensor"
)

// TestReshape: the same elements in the same order, or an error.
func TestReshape(t *testing.T) {
	var b bytes.Buffer
	numbers := []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	if err := binary.Write(&b, binary.LittleEndian, numbers); err != nil {
		t.Fatal(err)
	}
	storage := tensor.Section(bytes.NewReader(b.Bytes()), 0, int64(b.Len()))
	for _, c := range []struct {
		shape, strides, to []int
		ok                 bool
	}{
		{[]int{2, 3, 2}, nil, []int{6, 2}, true},
		{[]int{2, 3, 2}, nil, []int{2, 6}, true},
		{[]int{12}, nil, []int{3, 4}, true},
		{[]int{1, 12, 1}, []int{99, 1, 0}, []int{12, 1}, true}, // strides that are never used
		{[]int{2, 3, 2}, nil, []int{5, 2}, false},
		{[]int{2, 3, 2}, nil, []int{-6, -2}, false},
		{[]int{2, 3}, []int{1, 2}, []int{6, 1}, false}, // column-major
		{[]int{2, 3}, []int{6, 1}, []int{6, 1}, false}, // with gaps
		{[]int{2, 3}, []int{0, 1}, []int{6, 1}, false}, // repeated
	} {
		whole, err := tensor.New("x", tensor.Layout{DType: tensor.F32, Shape: c.shape, Strides: c.strides}, storage)
		if err != nil {
			t.Fatal(err)
		}
		got, err := whole.Reshape(c.to...)
		if (err == nil) != c.ok {
			t.Errorf("%v with strides %v as %v: error %v", c.shape, c.strides, c.to, err)
		}
		if err != nil {
			continue
		}
		if values, err := got.Float32s(); err != nil || !slices.Equal(values, numbers) || !slices.Equal(got.Shape(), c.to) {
			t.Errorf("%v as %v: %v, %v", c.shape, c.to, values, err)
		}
	}
}

// TestReadRowsMakesNoGarbage: reading again and again allocates nothing.
func TestReadRowsMakesNoGarbage(t *testing.T) {
	x := make([]byte, 4*1000*6)
	whole, err := tensor.New("x", tensor.Layout{DType: tensor.F32, Shape: []int{1000, 6}}, tensor.Section(bytes.NewReader(x), 0, int64(len(x))))
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float64, 600)
	if n := testing.AllocsPerRun(100, func() {
		if err := whole.ReadRows(dst, 100, 200); err != nil {
			t.Fatal(err)
		}
	}); n > 0.5 { // the race detector drops what is pooled at random
		t.Errorf("%v allocations a call", n)
	}
}
