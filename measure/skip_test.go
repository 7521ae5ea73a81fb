package measure_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksparse/ksparse"
)

// TestEvaluateWithSkip: Evaluate sees the skip connection, as Predict does.
func TestEvaluateWithSkip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	weights := func(rows int) ksparse.Weights {
		return ksparse.Weights{Rows: rows, Cols: 3, Float64: normal(rng, rows, 3).RawMatrix().Data}
	}
	n, err := ksparse.New(ksparse.Config{Classic: true, K: 2, Activation: ksparse.ReLU, Encoder: weights(4), Decoder: weights(4), Skip: weights(3)})
	if err != nil {
		t.Fatal(err)
	}
	x := normal(rng, 30, 3)
	report := evaluate(t, n, x)
	out, err := n.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	fvu, err := ksparse.FVU(out, x)
	if err != nil || math.Abs(report.FVU-fvu) > 1e-12*fvu {
		t.Errorf("Evaluate gives the FVU %v, Predict %v (%v)", report.FVU, fvu, err)
	}
}
