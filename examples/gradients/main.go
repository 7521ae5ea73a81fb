// Command gradients shows, with numbers small enough to read, how the gradient
// passes a top-k selection: the mask that the forward pass chose, the delta that
// arrives at the sparse layer, and the part of it that the mask lets through. It
// compares the result with differences of the loss, which shows that it is the true
// gradient.
//
//	go run ./gradients
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/examples/program"
)

const (
	inputs  = 5
	latents = 8
	k       = 2 // latents that are kept
	samples = 3
)

// main runs the program.
func main() { program.Main("gradients", run) }

// run is the program with the given flags. It writes to w.
func run(_ context.Context, args []string, w io.Writer) error {
	flags := flag.NewFlagSet("gradients", flag.ContinueOnError)
	seed := flags.Uint64("seed", 1, "of the weights and the data")
	if _, err := program.Parse(flags, args); err != nil {
		return err
	}
	net, err := ksparse.New(ksparse.Config{
		Classic: true,
		Inputs:  inputs, Latents: latents, K: k, Activation: ksparse.Sigmoid, Seed: *seed,
	})
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(*seed, 0))
	x := mat.NewDense(samples, inputs, nil)
	x.Apply(func(_, _ int, _ float64) float64 { return rng.NormFloat64() }, x)

	// Forward, and back. The pass keeps the mask, which is a constant on the way back.
	pass, err := net.Forward(x)
	if err != nil {
		return err
	}
	grads, err := net.Backprop(pass, x, ksparse.SquaredError)
	if err != nil {
		return err
	}

	fmt.Fprintf(w, "An autoencoder %d-%d-%d that keeps the k = %d largest of its %d latents z, on %d samples.\n",
		inputs, latents, inputs, k, latents, samples)
	arriving, passed, err := printWayBack(w, net, pass, grads)
	if err != nil {
		return err
	}

	// What passed, times the slope of the activation, is the delta at the
	// pre-activations. The encoder's gradients come from that delta.
	pre := preActivations(net.Layers()[0], x)
	withMask, withoutMask := timesSlope(passed, pre), timesSlope(arriving, pre)
	if !mat.EqualApprox(withMask, grads.Delta(0), 1e-14) {
		return errors.New("the library's delta is another one")
	}
	if err := checkUnselected(w, net, x); err != nil {
		return err
	}
	return checkGradients(w, net, x, grads, columnSums(withoutMask))
}

// printWayBack prints the mask, the delta that arrives at the sparse layer and the
// delta that passes the mask. It returns the two deltas.
func printWayBack(w io.Writer, net *ksparse.Network, pass *ksparse.Pass, grads *ksparse.Gradients) (arriving, passed *mat.Dense, err error) {
	mask := pass.Mask(0)
	fmt.Fprintln(w, "\nThe mask M that the forward pass chose (rows are samples, columns latents):")
	printMask(w, mask)

	// The decoder's delta, back through the decoder's weights.
	arriving, passed = new(mat.Dense), new(mat.Dense)
	arriving.Mul(grads.Delta(1), net.Layers()[1].Weights().T())
	fmt.Fprintln(w, "\nThe delta dL/dz that arrives at the sparse layer. Every latent has one:")
	printMatrix(w, arriving, nil)

	if err := mask.Apply(passed, arriving); err != nil {
		return nil, nil, err
	}
	fmt.Fprintln(w, "\nWhat the mask lets through, dL/dz ⊙ M. The output does not depend on a latent that was")
	fmt.Fprintln(w, "not selected, so neither does the loss, and its share is exactly zero:")
	printMatrix(w, passed, mask)
	return arriving, passed, nil
}

// preActivations returns xWᵀ + b, row by row.
func preActivations(encoder ksparse.Layer, x *mat.Dense) *mat.Dense {
	var pre mat.Dense
	pre.Mul(x, encoder.Weights().T())
	pre.Apply(func(_, j int, v float64) float64 { return v + encoder.Biases().AtVec(j) }, &pre)
	return &pre
}

// timesSlope returns delta ⊙ f'(pre).
func timesSlope(delta, pre *mat.Dense) *mat.Dense {
	var d mat.Dense
	d.Apply(func(i, j int, v float64) float64 { return v * ksparse.Sigmoid.Derivative(pre.At(i, j)) }, delta)
	return &d
}

// columnSums returns the gradient of the biases that belongs to a delta.
func columnSums(delta *mat.Dense) []float64 {
	_, cols := delta.Dims()
	sums := make([]float64, cols)
	for j := range sums {
		sums[j] = mat.Sum(delta.ColView(j))
	}
	return sums
}

// printMask prints m with a 1 for each entry that is selected.
func printMask(w io.Writer, m *ksparse.Mask) {
	rows, cols := m.Dims()
	for i := range rows {
		for j := range cols {
			cell := "."
			if m.At(i, j) {
				cell = "1"
			}
			fmt.Fprintf(w, "%9s", cell)
		}
		fmt.Fprintln(w)
	}
}

// printMatrix prints m, with a bare 0 in the places that the mask blocks.
func printMatrix(w io.Writer, m *mat.Dense, mask *ksparse.Mask) {
	rows, cols := m.Dims()
	for i := range rows {
		for j := range cols {
			if mask != nil && !mask.At(i, j) {
				fmt.Fprintf(w, "%9s", "0")
				continue
			}
			fmt.Fprintf(w, "%9.4f", m.At(i, j))
		}
		fmt.Fprintln(w)
	}
}
