//go:build !race

package tensor_test

import (
	"testing"

	"github.com/ksparse/ksparse/internal/tensor"
	"github.com/ksparse/ksparse/internal/tensor/tensortest"
)

// TestReadMemory: reading row ranges takes little memory, whatever the tensor.
func TestReadMemory(t *testing.T) {
	const rows, cols = 4096, 512
	data := make([]byte, 4*rows*cols)
	dst := make([]float64, rows*cols)
	for _, l := range []tensor.Layout{{Shape: []int{rows, cols}}, {Shape: []int{rows, cols}, Strides: []int{1, rows}}} {
		l.DType = tensor.F32
		x := view(t, l, data)
		taken := tensortest.Allocated(func() {
			if err := x.ReadRows(dst, 0, rows); err != nil {
				t.Error(err)
			}
		})
		if taken > 1536<<10 {
			t.Errorf("strides %v: %d bytes allocated", l.Strides, taken)
		}
	}
}
