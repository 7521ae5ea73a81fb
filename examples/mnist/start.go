package main

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
)

// start gives the network first weights that come from the data. A network with the
// random weights of New learns too, but a latent that is never among the k largest
// never gets a gradient. With k = 5 most of the hundred latents would never change:
// they would stay dead. With these weights each latent is active on some digits from
// the beginning.
func start(net *ksparse.Network, training *mat.Dense) {
	layers := net.Layers()
	encoder, decoder := layers[0], layers[1]
	mean := meanRow(training)

	// A latent begins as the difference of one training digit from the mean digit, in
	// both layers. Both have one row of weights per latent, so the rows are copied.
	atom := mat.NewVecDense(mean.Len(), nil)
	for j := range encoder.Out() {
		atom.SubVec(training.RowView(j), mean)
		if norm := mat.Norm(atom, 2); norm > 0 {
			atom.ScaleVec(0.5/norm, atom) // with larger ones, fewer latents would be among the k largest
		}
		decoder.Weights().SetRow(j, atom.RawVector().Data)
	}
	encoder.Weights().Copy(decoder.Weights())

	// The encoder takes the mean from its input: w(x - mean) = wx + bias.
	bias := encoder.Biases()
	bias.MulVec(encoder.Weights(), mean)
	bias.ScaleVec(-1, bias)

	// Without any active latent the output is the mean digit: the sigmoid of this
	// bias. A sigmoid is never 0, so pixels without ink get one part in a million.
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
