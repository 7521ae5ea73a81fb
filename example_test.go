package ksparse_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/probe"
	"gonum.org/v1/gonum/mat"
)

// dictionaryData returns samples that are sums of a few atoms of a hidden
// dictionary, the kind of data that a sparse autoencoder is for.
func dictionaryData(rows, dim, atoms, active int, seed uint64) *mat.Dense {
	rng := rand.New(rand.NewPCG(seed, 1))
	dictionary := mat.NewDense(atoms, dim, nil)
	for j := range atoms {
		for d := range dim {
			dictionary.Set(j, d, rng.NormFloat64()/math.Sqrt(float64(dim)))
		}
	}
	x := mat.NewDense(rows, dim, nil)
	for i := range rows {
		for range active {
			atom, strength := dictionary.RawRowView(rng.IntN(atoms)), 0.5+rng.Float64()
			for d, v := range atom {
				x.Set(i, d, x.At(i, d)+strength*v)
			}
		}
	}
	return x
}

// A network made with its sizes alone is trained with what the library chooses.
func Example() {
	x := dictionaryData(5000, 20, 40, 2, 1)
	net, err := ksparse.New(ksparse.Config{Inputs: 20, Latents: 40, K: 2})
	if err != nil {
		log.Fatal(err)
	}
	history, err := net.Train(context.Background(), x, x, ksparse.TrainConfig{})
	if err != nil {
		log.Fatal(err)
	}
	codes, err := net.Encode(x)
	if err != nil {
		log.Fatal(err)
	}
	out, err := net.Decode(codes)
	if err != nil {
		log.Fatal(err)
	}
	fvu, err := ksparse.FVU(out, x)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(history.Epochs), "epochs,", history.Stop)
	fmt.Println("at most 2 latents per sample:", codes.L0() <= 2)
	fmt.Println("less than 8 % of the variance unexplained:", fvu < 0.08)
	fmt.Println("what could be better:", history.Advice)
	// Output:
	// 10 epochs, all done
	// at most 2 latents per sample: true
	// less than 8 % of the variance unexplained: true
	// what could be better: []
}

// compass returns an autoencoder of two numbers. Its four latents stand for the
// directions east, north, west and south, of which k are active in a sample.
func compass(k int) *ksparse.Network {
	directions := ksparse.Weights{Rows: 4, Cols: 2, Float64: []float64{1, 0, 0, 1, -1, 0, 0, -1}}
	net, err := ksparse.New(ksparse.Config{Classic: true, Encoder: directions, Tied: true, K: k, Activation: ksparse.ReLU})
	if err != nil {
		log.Fatal(err)
	}
	return net
}

func ExampleNetwork_Encode() {
	net := compass(1) // latents for east, north, west and south
	codes, err := net.Encode(mat.NewDense(2, 2, []float64{3, 1, -1, -4}))
	if err != nil {
		log.Fatal(err)
	}
	for i := range 2 {
		latents, values := codes.Row(i)
		fmt.Printf("sample %d: latents %v with the values %v\n", i, latents, values)
	}
	fmt.Println(codes)
	// Output:
	// sample 0: latents [0] with the values [3]
	// sample 1: latents [3] with the values [4]
	// codes of 2 samples by 4 latents, 2 entries
}

// A code is changed before it is decoded: the latent for north becomes three times as
// strong.
func ExampleNetwork_Decode() {
	net := compass(2) // latents for east, north, west and south
	codes, err := net.Encode(mat.NewDense(1, 2, []float64{3, 1}))
	if err != nil {
		log.Fatal(err)
	}
	latents, values := codes.Row(0)
	for t, latent := range latents {
		if latent == 1 {
			values[t] *= 3
		}
	}
	out, err := net.Decode(codes)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.RawRowView(0))
	// Output: [3 3]
}

// Codes that were stored, or made by hand, are decoded.
func ExampleNewCodes() {
	net := compass(2) // latents for east, north, west and south
	codes, err := ksparse.NewCodes(4, [][]int32{{0, 3}, {2}}, [][]float64{{5, 1}, {0.5}})
	if err != nil {
		log.Fatal(err)
	}
	out, err := net.Decode(codes)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.RawRowView(0))
	fmt.Println(out.RawRowView(1))
	// Output:
	// [5 -1]
	// [-0.5 0]
}

func ExampleTopK() {
	z := mat.NewDense(2, 5, []float64{
		0.1, 0.9, 0.3, 0.9, 0.5,
		2, 2, 2, 2, 2,
	})
	mask := ksparse.TopK(z, 2)
	fmt.Println(mask.Row(0))
	fmt.Println(mask.Row(1)) // ties go to the lowest index
	// Output:
	// [1 3]
	// [0 1]
}

func ExampleMask_Apply() {
	z := mat.NewDense(1, 4, []float64{3, -1, 4, 1})
	var sparse mat.Dense
	if err := ksparse.TopK(z, 2).Apply(&sparse, z); err != nil {
		log.Fatal(err)
	}
	fmt.Println(mat.Formatted(&sparse))
	// Output: [3  0  4  0]
}

func ExampleNetwork_Backprop() {
	net, err := ksparse.NewNetwork(
		ksparse.NewSparseLayer("encoder", 2, 3, 1, ksparse.Identity),
		ksparse.NewLinearLayer("decoder", 3, 2, ksparse.Identity),
	)
	if err != nil {
		log.Fatal(err)
	}
	// Latents 0 and 1 detect one input each, latent 2 the negative of the first.
	net.Layers()[0].Weights().Copy(mat.NewDense(3, 2, []float64{1, 0, 0, 1, -1, 0}))
	net.Layers()[1].Weights().Copy(mat.NewDense(3, 2, []float64{1, 0, 0, 1, -1, 0}))

	x := mat.NewDense(1, 2, []float64{2, 3})
	pass, err := net.Forward(x)
	if err != nil {
		log.Fatal(err)
	}
	g, err := net.Backprop(pass, x, ksparse.SquaredError)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("selected:", pass.Mask(0).Row(0))
	fmt.Println("output:", pass.Output().RawRowView(0))
	fmt.Println("loss:", g.Loss()) // 2² + 0²
	fmt.Println("decoder gradient:")
	fmt.Println(mat.Formatted(g.Weights(1)))
	// Output:
	// selected: [1]
	// output: [0 3]
	// loss: 4
	// decoder gradient:
	// ⎡  0    0⎤
	// ⎢-12    0⎥
	// ⎣  0    0⎦
}

func ExampleNetwork_Train_classifier() {
	// Which of two numbers is larger? Targets are one-hot rows.
	rng := rand.New(rand.NewPCG(1, 2))
	x, y := mat.NewDense(500, 2, nil), mat.NewDense(500, 2, nil)
	for i := range 500 {
		a, b := rng.NormFloat64(), rng.NormFloat64()
		x.SetRow(i, []float64{a, b})
		if a > b {
			y.Set(i, 0, 1)
		} else {
			y.Set(i, 1, 1)
		}
	}
	net, err := ksparse.NewNetwork(
		ksparse.NewSparseLayer("hidden", 2, 16, 4, ksparse.ReLU),
		ksparse.NewLinearLayer("logits", 16, 2, ksparse.Identity),
	)
	if err != nil {
		log.Fatal(err)
	}
	_, err = net.Train(context.Background(), x, y, ksparse.TrainConfig{
		Loss: ksparse.SoftmaxCrossEntropy, Epochs: 40, BatchSize: 25, LearningRate: 0.01,
	})
	if err != nil {
		log.Fatal(err)
	}
	logits, err := net.Predict(x)
	if err != nil {
		log.Fatal(err)
	}
	accuracy, err := probe.Accuracy(logits, y)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("more than 97 % right:", accuracy > 0.97)
	// Output: more than 97 % right: true
}

func ExampleNetwork_Save() {
	net, err := ksparse.New(ksparse.Config{Inputs: 4, Latents: 8, K: 2})
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer // SaveFile and LoadFile do the same with a path
	if err := net.Save(&file); err != nil {
		log.Fatal(err)
	}
	loaded, err := ksparse.Load(&file)
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range loaded.Layers() {
		fmt.Println(l.Name(), l.In(), l.Out())
	}
	// Output:
	// encoder 4 8
	// decoder 8 4
}
