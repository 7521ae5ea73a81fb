package pretrained_test

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/pretrained"
)

// A model says what it is, and encodes rows as any network does.
func ExampleOpen() {
	m, err := pretrained.Open("testdata/saelens_topk_v4_named_standard", pretrained.Options{})
	if err != nil {
		panic(err)
	}
	i := m.Info
	fmt.Printf("%s (%s): %d inputs, %d latents, %s with k = %v\n", i.Format, i.Version, i.Inputs, i.Latents, i.Selection, i.K)

	codes, err := m.Encode(mat.NewDense(1, 8, []float64{1, -2, 0, 3, 1, 1, -1, 2}))
	if err != nil {
		panic(err)
	}
	latents, _ := codes.Row(0)
	fmt.Println("active:", latents)
	// Output:
	// saelens (5.9.1): 8 inputs, 24 latents, topk with k = 4
	// active: [5 7 9 15]
}

// A file that leaves something open is an error that says how to choose.
func ExampleOptions() {
	const path = "testdata/bad_configs/dictlearn_batchtopk_threshold_unset"
	_, err := pretrained.Open(path, pretrained.Options{})
	fmt.Println(errors.Is(err, ksparse.ErrUnset))

	m, err := pretrained.Open(path, pretrained.Options{Threshold: 1.5})
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Info.Selection, m.Info.Thresholds)
	// Output:
	// true
	// batch_topk [1.5 1.5]
}
