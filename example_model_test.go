package ksparse_test

import (
	"fmt"
	"log"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"gonum.org/v1/gonum/mat"
)

// A model that another library trained, whose weights are float32, is put together,
// used as it is, and made trainable.
func ExampleNew_weights() {
	net, err := ksparse.New(ksparse.Config{
		Classic:    true,
		Encoder:    ksparse.Weights{Rows: 3, Cols: 2, Float32: []float32{1, 0, 0, 1, -1, -1}},
		Decoder:    ksparse.Weights{Rows: 3, Cols: 2, Float32: []float32{1, 0, 0, 1, -0.5, -0.5}},
		K:          1,
		Activation: ksparse.ReLU,
	})
	if err != nil {
		log.Fatal(err)
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

// A network is taken apart, and a new one with two active latents is made of its
// weights.
func ExampleNetwork_Config() {
	net := compass(1)
	cfg, err := net.Config()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the latent for west detects", cfg.Encoder.Float64[4:6])
	cfg.K = 2
	wider, err := ksparse.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(net)
	fmt.Println(wider)
	// Output:
	// the latent for west detects [-1 0]
	// network 2 -> 4 (topk, k = 1, relu) -> 2, tied
	// network 2 -> 4 (topk, k = 2, relu) -> 2, tied
}

// A stack of layers becomes an autoencoder with tied weights, whose rows are scaled on
// the way in and back on the way out.
func ExampleNetwork_Wire() {
	net, err := ksparse.NewNetwork(
		ksparse.NewSparseLayer("encoder", 16, 64, 4, ksparse.Identity),
		ksparse.NewLinearLayer("decoder", 64, 16, ksparse.Identity),
	)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(net)
	w := net.Wiring()
	w.Tied, w.Normalization, w.Undo = true, ksparse.UnitRMS, true
	if err := net.Wire(w); err != nil {
		log.Fatal(err)
	}
	fmt.Println(net)
	// Output:
	// network 16 -> 64 (topk, k = 4) -> 16
	// network 16 -> 64 (topk, k = 4) -> 16, tied, unit_rms
}

// A frozen network stays as it is, whatever becomes of the network that it was made of.
func ExampleNetwork_Freeze() {
	net := compass(1) // latents for east, north, west and south
	frozen, err := net.Freeze()
	if err != nil {
		log.Fatal(err)
	}
	net.Init(7) // other weights

	var codes ksparse.Codes // its memory serves again for each row
	for _, row := range [][]float64{{3, 1}, {-1, -4}} {
		if err := frozen.EncodeInto(&codes, mat.NewDense(1, 2, row)); err != nil {
			log.Fatal(err)
		}
		latents, values := codes.Row(0)
		fmt.Println(latents, values)
	}
	// Output:
	// [0] [3]
	// [3] [4]
}

// One threshold is found by which one latent is active per sample on average: in some
// samples two, in others none.
func ExampleNetwork_Calibrate() {
	net := compass(4) // latents for east, north, west and south
	x := mat.NewDense(4, 2, []float64{5, 4, 3, 1, -2.5, 2, -1, -1})
	src, err := data.FromMatrix(x)
	if err != nil {
		log.Fatal(err)
	}
	threshold, err := net.Calibrate(src, 1)
	if err != nil {
		log.Fatal(err)
	}
	codes, err := net.Encode(x)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("threshold %.3f\n", threshold)
	for i := range 4 {
		latents, values := codes.Row(i)
		fmt.Println(x.RawRowView(i), latents, values)
	}
	// Output:
	// threshold 2.500
	// [5 4] [0 1] [5 4]
	// [3 1] [0] [3]
	// [-2.5 2] [2] [2.5]
	// [-1 -1] [] []
}

// The pre-bias begins at the mean of the samples, and each atom at what a sample has
// besides it.
func ExampleNetwork_StartFrom() {
	src, err := data.FromMatrix(mat.NewDense(2, 2, []float64{13, 10, 13, 20}))
	if err != nil {
		log.Fatal(err)
	}
	net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 2, Latents: 2, K: 1, PreBias: true})
	if err != nil {
		log.Fatal(err)
	}
	if err := net.StartFrom(src, ksparse.Start{PreBias: data.MeanRow, Atoms: true, Seed: 1}); err != nil {
		log.Fatal(err)
	}
	decoder := net.Layers()[1]
	fmt.Println("pre-bias", decoder.Biases().RawVector().Data)
	fmt.Println("atoms", decoder.Weights().RawRowView(0), decoder.Weights().RawRowView(1))
	// Output:
	// pre-bias [13 15]
	// atoms [0 -1] [0 1]
}
