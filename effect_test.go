package ksparse_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"gonum.org/v1/gonum/mat"
)

// TestLeftOutK: a K that was left out is an error, and -1 says that none are wanted, as
// Config says of a network without any.
func TestLeftOutK(t *testing.T) {
	encoder := ksparse.Weights{Rows: 6, Cols: 4, Float64: make([]float64, 24)}
	for _, s := range []ksparse.Selection{ksparse.SelectTopK, ksparse.SelectAbsTopK, ksparse.SelectBatchTopK, ksparse.SelectGroupMax} {
		for _, cfg := range []ksparse.Config{{Inputs: 4, Latents: 6, Selection: s}, {Encoder: encoder, Selection: s}, {Encoder: encoder, Tied: true, Selection: s}} {
			cfg.Classic = true
			if _, err := ksparse.New(cfg); !errors.Is(err, ksparse.ErrRange) {
				t.Errorf("%v without a K: error %v, want ErrRange", s, err)
			}
		}
	}
	for _, given := range []bool{false, true} {
		cfg := ksparse.Config{Classic: true, Inputs: 4, Latents: 6, K: -1}
		if given {
			cfg.Encoder = encoder
		}
		net, err := ksparse.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if k := net.Layers()[0].(*ksparse.SparseLayer).K(); k != 0 {
			t.Errorf("K: -1 gives k = %d", k)
		}
		again, err := net.Config()
		if err != nil || again.K != -1 {
			t.Errorf("Config has K = %d, error %v", again.K, err)
		}
		if _, err := ksparse.New(again); err != nil {
			t.Errorf("New of Config: %v", err)
		}
		var file bytes.Buffer
		if err := net.Save(&file); err != nil {
			t.Fatal(err)
		}
		loaded, err := ksparse.Load(&file)
		if err != nil {
			t.Fatal(err)
		}
		codes, err := loaded.Encode(mat.NewDense(2, 4, nil))
		if err != nil || codes.Mask().Count() != 0 {
			t.Errorf("a loaded network with k = 0: %v, error %v", codes, err)
		}
	}
	if _, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 4, Latents: 6, Selection: ksparse.SelectThreshold}); err != nil {
		t.Errorf("a network that selects by thresholds needs no K: %v", err)
	}
}

// TestSettingsWithoutEffect: what would change nothing is an error that says what to do.
func TestSettingsWithoutEffect(t *testing.T) {
	network := func(s ksparse.Selection) (*ksparse.Network, *ksparse.SparseLayer) {
		net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 4, Latents: 6, K: 2, Selection: s, Activation: ksparse.ReLU})
		if err != nil {
			t.Fatal(err)
		}
		return net, net.Layers()[0].(*ksparse.SparseLayer)
	}
	refused := func(what string, err error, says string) {
		t.Helper()
		if !errors.Is(err, ksparse.ErrRange) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v, want ErrRange that says %q", what, err, says)
		}
	}
	x := mat.NewDense(3, 4, []float64{1, 0, 2, 0, 0, 3, 0, 1, 2, 2, 0, 1})

	_, threshold := network(ksparse.SelectThreshold)
	refused("SetK with thresholds", threshold.SetK(3), "Calibrate")
	if err := threshold.SetK(2); err != nil { // which it is
		t.Error(err)
	}
	net, batch := network(ksparse.SelectBatchTopK)
	if err := batch.SetK(3); err != nil || batch.K() != 3 { // the training will go by it
		t.Errorf("SetK before the thresholds are known: %v", err)
	}
	if _, err := net.Train(t.Context(), x, x, ksparse.TrainConfig{Steps: 2}); err != nil {
		t.Fatal(err)
	}
	refused("SetK after the training", batch.SetK(2), "SetThresholds")
	if batch.K() != 3 {
		t.Error("a refused k was set")
	}
	for _, s := range []ksparse.Selection{ksparse.SelectTopK, ksparse.SelectGroupMax} {
		_, l := network(s)
		refused("SetThresholds", l.SetThresholds(1), "SetSelection")
		if l.Thresholds() != nil {
			t.Errorf("%v: refused thresholds were set", s)
		}
	}
	calibrated, l := network(ksparse.SelectTopK)
	if _, err := calibrated.Calibrate(sourceOf(t, x), 1); err != nil {
		t.Fatal(err)
	}
	refused("SetK after Calibrate", l.SetK(5), "Calibrate")

	train := func(cfg ksparse.TrainConfig) error {
		net, _ := network(ksparse.SelectTopK)
		_, err := net.Train(t.Context(), x, x, cfg)
		return err
	}
	refused("AuxWeight", train(ksparse.TrainConfig{Recipe: ksparse.Recipe{AuxWeight: 1}}), "AuxK")
	refused("KAnneal", train(ksparse.TrainConfig{Recipe: ksparse.Recipe{KAnneal: 0.2}}), "KStart")
	refused("MinDelta", train(ksparse.TrainConfig{Validation: ksparse.Validation{MinDelta: 1}}), "Patience")
	refused("Norm", calibrated.StartFrom(sourceOf(t, x), ksparse.Start{Norm: 1}), "Atoms")
	refused("PreBias", calibrated.StartFrom(sourceOf(t, x), ksparse.Start{PreBias: data.MeanRow}), "pre-bias")
	given := ksparse.Config{Classic: true, K: 1, Encoder: ksparse.Weights{Rows: 6, Cols: 4, Float64: make([]float64, 24)}}
	given.Mirrored = true
	_, err := ksparse.New(given)
	refused("Mirrored", err, "Mirrored")
	given.Mirrored, given.Seed = false, 3
	_, err = ksparse.New(given)
	refused("Seed", err, "Seed")
}
