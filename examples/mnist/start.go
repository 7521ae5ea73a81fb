package main

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
)

// start gives the network first weights that come from the data. From the random
// weights of New it learns too, but a latent that is never among the k largest
// never gets a gradient: with k = 5 most of the hundred would stay as they are,
// dead. Here all of them are wanted by some digits from the beginning.
func start(net *ksparse.Network, train *mat.Dense) {
	layers := net.Layers()
	encoder, decoder := layers[0], layers[1]
	mean := meanRow(train)

	// A latent draws, and looks for, what sets one training digit apart from the
	// mean digit. Both layers keep a latent in a row, so that is a plain copy.
	atom := mat.NewVecDense(mean.Len(), nil)
	for j := range encoder.Out() {
		atom.SubVec(train.RowView(j), mean)
		if norm := mat.Norm(atom, 2); norm > 0 {
			atom.ScaleVec(0.5/norm, atom) // larger ones drive each other out of the k
		}
		decoder.Weights().SetRow(j, atom.RawVector().Data)
	}
	encoder.Weights().Copy(decoder.Weights())

	// It looks at x - mean: w(x - mean) = wx + bias.
	bias := encoder.Biases()
	bias.MulVec(encoder.Weights(), mean)
	bias.ScaleVec(-1, bias)

	// Without any latent the decoder draws the mean digit: the sigmoid of this
	// bias. Pixels without ink keep to one part in a million, not to zero, of
	// which the sigmoid is never the value.
	for i := range mean.Len() {
		m := min(max(mean.AtVec(i), 1e-6), 1-1e-6)
		decoder.Biases().SetVec(i, math.Log(m/(1-m)))
	}
}

// meanRow returns the mean of the rows of x.
func meanRow(x *mat.Dense) *mat.VecDense {
	rows, cols := x.Dims()
	mean := mat.NewVecDense(cols, nil)
	for i := range rows {
		mean.AddScaledVec(mean, 1/float64(rows), x.RowView(i))
	}
	return mean
}
