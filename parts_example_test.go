package ksparse_test

import (
	"fmt"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// A model that another library trained, whose weights are float32, is put together,
// used as it is, and made trainable.
func ExampleAssemble() {
	net, err := ksparse.Assemble(ksparse.Parts{
		Encoder:    ksparse.Matrix{Rows: 3, Cols: 2, Float32: []float32{1, 0, 0, 1, -1, -1}},
		Decoder:    ksparse.Matrix{Rows: 3, Cols: 2, Float32: []float32{1, 0, 0, 1, -0.5, -0.5}},
		K:          1,
		Activation: ksparse.ReLU,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := mat.NewDense(2, 2, []float64{3, 1, -2, -2})
	out, err := net.Predict(x)
	fmt.Println(out.RawMatrix().Data, err)
	_, err = net.Forward(x)
	fmt.Println(err)
	net.Widen()
	_, err = net.Forward(x)
	fmt.Println(err)
	// Output:
	// [3 0 -2 -2] <nil>
	// ksparse: layer "encoder" holds its weights in float32 and cannot be trained so: call Widen first
	// <nil>
}
