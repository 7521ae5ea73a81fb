// Command gradients shows, with numbers small enough to read, how the gradient
// passes a top-k selection: the mask that the forward pass chose, the delta that
// arrives at the sparse layer and the part of it that the mask lets through,
// and that the result is the true gradient, by comparison with differences of
// the loss itself.
//
//	go run ./gradients
package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil && err != flag.ErrHelp {
		fmt.Fprintln(os.Stderr, "gradients:", err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) error {
	flags := flag.NewFlagSet("gradients", flag.ContinueOnError)
	inputs := flags.Int("inputs", 5, "width of the data")
	latents := flags.Int("latents", 8, "width of the code")
	k := flags.Int("k", 2, "latents that are kept")
	samples := flags.Int("samples", 3, "rows of the batch")
	seed := flags.Uint64("seed", 1, "of the weights and the data")
	if err := flags.Parse(args); err != nil {
		return err
	}

	net, err := ksparse.New(ksparse.Config{
		Inputs: *inputs, Latents: *latents, K: *k, Activation: ksparse.Sigmoid, Seed: *seed,
	})
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(*seed, 0))
	x := mat.NewDense(*samples, *inputs, nil)
	x.Apply(func(_, _ int, _ float64) float64 { return rng.NormFloat64() }, x)

	// One pass forward and back. The pass remembers the mask; going back, the
	// mask is a constant.
	pass, err := net.Forward(x)
	if err != nil {
		return err
	}
	grads, err := net.Backprop(pass, x, ksparse.SquaredError)
	if err != nil {
		return err
	}
	mask := pass.Mask(0)
	fmt.Fprintf(w, "An autoencoder %d-%d-%d keeps the k = %d largest of %d latents. One batch of %d samples.\n",
		*inputs, *latents, *inputs, *k, *latents, *samples)

	fmt.Fprintln(w, "\nThe mask M that the forward pass chose (a row is a sample, a column a latent):")
	printMask(w, mask)

	arriving := arrivingDelta(net, grads)
	fmt.Fprintln(w, "\nThe delta dL/dz that arrives at the sparse layer. Every latent has one:")
	printMatrix(w, arriving, nil)

	var passed mat.Dense
	if err := mask.Apply(&passed, arriving); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nWhat the mask lets through, dL/dz * M. A latent that was not selected changed nothing,")
	fmt.Fprintln(w, "so the loss does not depend on it and its share is exactly zero:")
	printMatrix(w, &passed, mask)

	if err := checkUnselected(w, net, x); err != nil {
		return err
	}
	return compare(w, net, x, grads)
}

// arrivingDelta is the derivative of the loss with respect to the output of the
// sparse layer: the delta of the decoder, back through the decoder's weights.
func arrivingDelta(net *ksparse.Network, grads *ksparse.Gradients) *mat.Dense {
	var arriving mat.Dense
	arriving.Mul(grads.Delta(1), net.Layers()[1].Weights().T())
	return &arriving
}

// checkUnselected goes through the samples one by one, as a batch of one row
// each, and looks at the gradient of every weight and bias of every latent that
// the sample did not select.
func checkUnselected(w io.Writer, net *ksparse.Network, x *mat.Dense) error {
	rows, _ := x.Dims()
	entries, nonZero := 0, 0
	for i := range rows {
		row := x.Slice(i, i+1, 0, x.RawMatrix().Cols)
		pass, err := net.Forward(row)
		if err != nil {
			return err
		}
		g, err := net.Backprop(pass, row, ksparse.SquaredError)
		if err != nil {
			return err
		}
		encoder, bias, decoder := g.Weights(0), g.Biases(0), g.Weights(1)
		for j := range bias.Len() {
			if pass.Mask(0).At(0, j) {
				continue
			}
			all := append([]float64{bias.AtVec(j)}, encoder.RawRowView(j)...)
			all = append(all, decoder.RawRowView(j)...) // its dictionary atom
			for _, v := range all {
				entries++
				if v != 0 {
					nonZero++
				}
			}
		}
	}
	fmt.Fprintf(w, "\nSample by sample, the unselected latents have %d weights and biases; gradients that are not zero: %d.\n",
		entries, nonZero)
	if nonZero != 0 {
		return fmt.Errorf("%d unselected entries have a gradient", nonZero)
	}
	return nil
}

// compare changes each parameter a little up and down and sets the difference
// of the loss against the gradient of back-propagation.
func compare(w io.Writer, net *ksparse.Network, x *mat.Dense, grads *ksparse.Gradients) error {
	fmt.Fprintln(w, "\nBack-propagation against central differences (L(p+h) - L(p-h)) / 2h with h = 1e-5:")
	fmt.Fprintf(w, "  %-16s %7s   %13s %13s   %s\n", "parameters", "number", "back-prop.", "difference", "largest relative error")
	worst := 0.0
	for i, layer := range net.Layers() {
		weights, biases := layer.Weights(), layer.Biases()
		for _, p := range []struct {
			name         string
			values, grad []float64
		}{
			{layer.Name() + " weights", weights.RawMatrix().Data, grads.Weights(i).RawMatrix().Data},
			{layer.Name() + " biases", biases.RawVector().Data, grads.Biases(i).RawVector().Data},
		} {
			numeric, err := differences(net, x, p.values)
			if err != nil {
				return err
			}
			at, largest := 0, 0.0
			for j := range numeric {
				if e := relativeError(p.grad[j], numeric[j]); e >= largest {
					at, largest = j, e
				}
			}
			fmt.Fprintf(w, "  %-16s %7d   %13.9f %13.9f   %.1e\n", p.name, len(p.values), p.grad[at], numeric[at], largest)
			worst = max(worst, largest)
		}
	}
	fmt.Fprintf(w, "Largest relative error: %.1e\n", worst)
	if worst > 1e-6 {
		return fmt.Errorf("gradients differ: relative error %.1e", worst)
	}
	return nil
}

// differences returns the numerical derivative of the loss by each of the
// parameters, which are the network's own memory.
func differences(net *ksparse.Network, x *mat.Dense, parameters []float64) ([]float64, error) {
	const h = 1e-5
	d := make([]float64, len(parameters))
	for j, p := range parameters {
		parameters[j] = p + h
		up, err := loss(net, x)
		if err != nil {
			return nil, err
		}
		parameters[j] = p - h
		down, err := loss(net, x)
		if err != nil {
			return nil, err
		}
		parameters[j] = p
		d[j] = (up - down) / (2 * h)
	}
	return d, nil
}

func loss(net *ksparse.Network, x *mat.Dense) (float64, error) {
	pass, err := net.Forward(x)
	if err != nil {
		return 0, err
	}
	g, err := net.Backprop(pass, x, ksparse.SquaredError)
	if err != nil {
		return 0, err
	}
	return g.Loss(), nil
}

// relativeError compares with the larger of the two, or with 1e-3 where both
// are smaller: below that the difference quotient itself has no more digits.
func relativeError(a, b float64) float64 {
	return math.Abs(a-b) / max(math.Abs(a), math.Abs(b), 1e-3)
}

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

// printMatrix prints m, with a dot in the places that the mask blocks.
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
