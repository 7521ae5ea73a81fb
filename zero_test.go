package ksparse_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/measure"
	"gonum.org/v1/gonum/mat"
)

// TestZeroNetwork: a Network or Frozen that nobody made is an error, not a panic.
func TestZeroNetwork(t *testing.T) {
	x := mat.NewDense(2, 3, nil)
	n, f := new(ksparse.Network), new(ksparse.Frozen)
	errs := map[string]error{}
	_, errs["Encode"] = n.Encode(x)
	_, errs["Predict"] = n.Predict(x)
	_, _, errs["Reconstruct"] = n.Reconstruct(x)
	_, errs["Forward"] = n.Forward(x)
	_, errs["Config"] = n.Config()
	_, errs["Freeze"] = n.Freeze()
	_, errs["Train"] = n.Train(context.Background(), x, x, ksparse.TrainConfig{})
	_, errs["TrainSource"] = n.TrainSource(context.Background(), sourceOf(t, x), ksparse.TrainConfig{})
	_, errs["Pretrain"] = n.Pretrain(context.Background(), x, ksparse.PretrainConfig{})
	_, errs["NewTrainer"] = ksparse.NewTrainer(n, ksparse.TrainConfig{})
	_, errs["Calibrate"] = n.Calibrate(sourceOf(t, x), 1)
	_, errs["Evaluate"] = measure.Evaluate(n, sourceOf(t, x))
	errs["StartFrom"] = n.StartFrom(sourceOf(t, x), ksparse.Start{})
	errs["Save"] = n.Save(io.Discard)
	errs["Wire"] = n.Wire(ksparse.Wiring{PreBias: true})
	_, errs["Frozen.Encode"] = f.Encode(x)
	_, errs["Frozen.Predict"] = f.Predict(x)
	errs["Frozen.EncodeRow"] = f.EncodeRow(new(ksparse.Codes), []float64{1, 2, 3})
	_, errs["Evaluate frozen"] = measure.Evaluate(f, sourceOf(t, x))
	_, errs["Step"] = new(ksparse.Trainer).Step(x, x)
	for call, err := range errs {
		if err == nil {
			t.Errorf("%s has no error", call)
		}
		known := false
		for _, cause := range []error{ksparse.ErrEmpty, ksparse.ErrShape, ksparse.ErrNoSparseLayer, ksparse.ErrRange} {
			known = known || errors.Is(err, cause)
		}
		if !known {
			t.Errorf("%s: %v", call, err)
		}
	}
	n.Init(1)
	n.Widen()
	if s := n.String() + f.String(); s == "" {
		t.Error("no text")
	}
}
