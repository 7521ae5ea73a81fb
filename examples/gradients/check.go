package main

import (
	"fmt"
	"io"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
)

// checkUnselected runs each sample as a batch of one row. It counts the gradients
// that are not zero among those of all weights and biases of all latents that the
// sample did not select.
func checkUnselected(w io.Writer, net *ksparse.Network, x *mat.Dense) error {
	rows, cols := x.Dims()
	entries, nonZero := 0, 0
	for i := range rows {
		sample := x.Slice(i, i+1, 0, cols)
		pass, err := net.Forward(sample)
		if err != nil {
			return err
		}
		g, err := net.Backprop(pass, sample, ksparse.SquaredError)
		if err != nil {
			return err
		}
		encoder, bias, atoms := g.Weights(0), g.Biases(0), g.Weights(1)
		for j := range bias.Len() {
			if pass.Mask(0).At(0, j) {
				continue
			}
			all := append([]float64{bias.AtVec(j)}, encoder.RawRowView(j)...)
			all = append(all, atoms.RawRowView(j)...)
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

// checkGradients compares every gradient with the differences of the loss. It does
// the same with biasWithoutMask, the gradient of the encoder's biases that would come
// from a way back without the mask.
func checkGradients(w io.Writer, net *ksparse.Network, x *mat.Dense, grads *ksparse.Gradients, biasWithoutMask []float64) error {
	fmt.Fprintln(w, "\nBack-propagation against central differences (L(p+h) - L(p-h)) / 2h with h = 1e-5,")
	fmt.Fprintln(w, "where the two are furthest apart:")
	fmt.Fprintf(w, "  %-28s %3s %15s %15s %15s\n", "parameters", "n", "back-propagated", "difference", "relative error")
	compare := func(name string, parameters, grad []float64) (largest float64, err error) {
		numeric, err := differences(net, x, parameters)
		if err != nil {
			return 0, err
		}
		at := 0
		for j := range numeric {
			if e := relativeError(grad[j], numeric[j]); e > largest {
				at, largest = j, e
			}
		}
		fmt.Fprintf(w, "  %-28s %3d %15.9f %15.9f %15.1e\n", name, len(grad), grad[at], numeric[at], largest)
		return largest, nil
	}

	worst := 0.0
	for i, layer := range net.Layers() {
		weights, biases := layer.Weights().RawMatrix().Data, layer.Biases().RawVector().Data
		ofWeights, err := compare(layer.Name()+" weights", weights, grads.Weights(i).RawMatrix().Data)
		if err != nil {
			return err
		}
		ofBiases, err := compare(layer.Name()+" biases", biases, grads.Biases(i).RawVector().Data)
		if err != nil {
			return err
		}
		worst = max(worst, ofWeights, ofBiases)
	}
	fmt.Fprintf(w, "Largest relative error: %.1e\n", worst)

	fmt.Fprintln(w, "\nThe same if the mask were forgotten on the way back, as if nothing had been selected:")
	if _, err := compare("encoder biases, no mask", net.Layers()[0].Biases().RawVector().Data, biasWithoutMask); err != nil {
		return err
	}
	if worst > 1e-6 {
		return fmt.Errorf("gradients differ: relative error %.1e", worst)
	}
	return nil
}

// differences returns the numerical derivative of the loss with respect to each of
// the parameters, which are the network's own memory.
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

// loss returns the squared error of the reconstructions, summed over the columns and
// averaged over the rows. It is computed here, not by the library.
func loss(net *ksparse.Network, x *mat.Dense) (float64, error) {
	out, err := net.Predict(x)
	if err != nil {
		return 0, err
	}
	rows, _ := x.Dims()
	out.Sub(out, x)
	norm := mat.Norm(out, 2) // of all entries
	return norm * norm / float64(rows), nil
}

// relativeError returns |a-b| over the larger of |a| and |b|, or over 1e-3 where both
// are smaller: below that the differences have no digits left.
func relativeError(a, b float64) float64 {
	return math.Abs(a-b) / max(math.Abs(a), math.Abs(b), 1e-3)
}
