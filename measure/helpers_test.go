package measure_test

import (
	"cmp"
	"context"
	"math/rand/v2"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/measure"
	"gonum.org/v1/gonum/mat"
)

// autoencoder returns one that keeps the k largest of its latents.
func autoencoder(t testing.TB, in, latents, k int, act ksparse.Activation) *ksparse.Network {
	t.Helper()
	net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: in, Latents: latents, K: cmp.Or(k, -1), Activation: act})
	if err != nil {
		t.Fatal(err)
	}
	return net
}

func networkOf(t testing.TB, layers ...ksparse.Layer) *ksparse.Network {
	t.Helper()
	net, err := ksparse.NewNetwork(layers...)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// train trains net for one epoch.
func train(t testing.TB, net *ksparse.Network, x mat.Matrix) {
	t.Helper()
	if _, err := net.Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 1}); err != nil {
		t.Fatal(err)
	}
}

func evaluate(t testing.TB, m measure.Model, x mat.Matrix) *measure.Report {
	t.Helper()
	src, err := data.FromMatrix(x)
	if err != nil {
		t.Fatal(err)
	}
	r, err := measure.Evaluate(m, src)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// normal returns a matrix of normal numbers.
func normal(rng *rand.Rand, rows, cols int) *mat.Dense {
	m := mat.NewDense(rows, cols, nil)
	for i := range m.RawMatrix().Data {
		m.RawMatrix().Data[i] = rng.NormFloat64()
	}
	return m
}
