package ksparse

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/data"
	"gonum.org/v1/gonum/mat"
)

// modelCases are networks with every part of the model that a file has to carry.
func modelCases(t *testing.T) map[string]*Network {
	t.Helper()
	rng := rand.New(rand.NewPCG(11, 12))
	x := gauss(rng, 50, 8)
	cases := make(map[string]*Network)
	for name, cfg := range map[string]Config{
		"pre-bias":           {PreBias: true},
		"tied":               {Tied: true},
		"tied, pre-bias":     {Tied: true, PreBias: true, Mirrored: true},
		"layer norm":         {Normalization: LayerNorm},
		"unit rms, pre-bias": {Normalization: UnitRMS, PreBias: true},
		"data set scale":     {Normalization: DatasetScale, PreBias: true},
		"signed":             {Selection: SelectAbsTopK},
		"batch":              {Selection: SelectBatchTopK, Activation: ReLU},
		"threshold":          {Selection: SelectThreshold, Activation: ReLU, Normalization: LayerNorm, PreBias: true},
	} {
		cfg.Classic = true
		cfg.Inputs, cfg.Latents, cfg.K, cfg.Seed = 8, 40, 3, 5
		net, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for i := range net.layers {
			copy(biasesOf(net, i), normals(rng, len(biasesOf(net, i)), 0.1))
		}
		l := net.layers[0].(*SparseLayer)
		switch cfg.Selection {
		case SelectThreshold:
			thresholds := make([]float64, l.out)
			for j := range thresholds {
				thresholds[j] = rng.Float64()
			}
			err = l.SetThresholds(thresholds...)
		case SelectBatchTopK:
			err = l.SetThresholds(0.7)
		}
		if err == nil && cfg.Normalization == DatasetScale {
			err = net.StartFrom(sourceOf(t, x), Start{PreBias: data.GeometricMedian})
		}
		if err != nil {
			t.Fatal(err)
		}
		cases[name] = net
	}
	return cases
}

// TestModelsSurvive: every network gives the same bits after saving and loading,
// frozen, row by row, and with any number of processors; and Decode of the codes
// is Predict.
func TestModelsSurvive(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(13, 14)), 70, 8)
	for name, net := range modelCases(t) {
		want, err := net.Encode(x)
		if err != nil {
			t.Fatal(name, err)
		}
		if want.L0() == 0 {
			t.Errorf("%s: empty codes show nothing", name)
		}
		output, err := net.Predict(x)
		if err != nil {
			t.Fatal(name, err)
		}
		decoded, err := net.Decode(want)
		if err != nil || !mat.Equal(decoded, output) {
			t.Errorf("%s: Decode of Encode is not Predict (%v)", name, err)
		}
		var file bytes.Buffer
		if err := net.Save(&file); err != nil {
			t.Fatal(name, err)
		}
		if v := file.Bytes()[8]; v != 2 {
			t.Errorf("%s: file version %d, want 2", name, v)
		}
		loaded, err := Load(bytes.NewReader(file.Bytes()))
		if err != nil {
			t.Fatal(name, err)
		}
		if loaded.Wiring() != net.Wiring() {
			t.Errorf("%s: what the network is was not kept", name)
		}
		frozen, err := net.Freeze()
		if err != nil {
			t.Fatal(name, err)
		}
		for what, encode := range map[string]func(mat.Matrix) (*Codes, error){"loaded": loaded.Encode, "frozen": frozen.Encode} {
			if got, err := encode(x); err != nil || !sameCodes(got, want) {
				t.Errorf("%s: the %s network has other codes (%v)", name, what, err)
			}
		}
		for i := range 70 {
			one, err := net.Encode(x.Slice(i, i+1, 0, 8))
			if err != nil {
				t.Fatal(name, err)
			}
			idx, val := want.Row(i)
			if !slices.Equal(one.entries.Indices, idx) || !slices.Equal(one.entries.Values, val) {
				t.Fatalf("%s: row %d alone has another code", name, i)
			}
			out, err := net.Decode(one)
			if err != nil || !slices.Equal(out.RawRowView(0), output.RawRowView(i)) {
				t.Fatalf("%s: row %d alone is decoded to something else (%v)", name, i, err)
			}
		}
		got, err := loaded.Predict(x)
		if err != nil || !mat.Equal(got, output) {
			t.Errorf("%s: the loaded network predicts something else (%v)", name, err)
		}
	}
}

// TestHostileVersion2: headers of version 2 that make no sense.
func TestHostileVersion2(t *testing.T) {
	for _, h := range []string{
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu","tied":true}]}`,
		`{"layers":[{"kind":"sparse","name":"a","in":1,"out":1,"k":1,"activation":"relu","tied":true}]}`,
		`{"layers":[{"kind":"sparse","name":"a","in":1,"out":1,"k":1,"activation":"relu","selection":"top"}]}`,
		`{"layers":[{"kind":"sparse","name":"a","in":1,"out":1,"k":1,"activation":"relu","thresholds":1}]}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu","thresholds":true}]}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu"}],"normalization":"z"}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu"}],"scale":-1,"normalization":"dataset_scale"}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu"}],"scale":2}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":2,"activation":"relu"}],"undo":true,"normalization":"layer_norm"}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":2,"activation":"relu"}],"pre_bias":true}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu"}],"pre_bias":1}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu"},{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu","tied":true}]}`,
		`{"layers":[{"kind":"sparse","name":"a","in":1,"out":1,"k":1,"activation":"relu","selection":"abs_topk"}]}`,
	} {
		for size := 0; size <= 32; size += 8 { // any number of parameters
			if _, err := Load(bytes.NewReader(networkFile(h, make([]byte, size)))); !errors.Is(err, ErrFormat) {
				t.Errorf("%s with %d bytes of parameters: error %v, want ErrFormat", h, size, err)
			}
		}
	}
}

// TestUnset: a network whose threshold or scale was never learned says so.
func TestUnset(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(1, 1)), 20, 4)
	for name, cfg := range map[string]Config{
		"batch":     {Selection: SelectBatchTopK},
		"threshold": {Selection: SelectThreshold},
		"scale":     {Normalization: DatasetScale},
	} {
		cfg.Classic = true
		cfg.Inputs, cfg.Latents, cfg.K = 4, 10, 2
		net, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		_, encode := net.Encode(x)
		_, predict := net.Predict(x)
		_, freeze := net.Freeze()
		for what, err := range map[string]error{"Encode": encode, "Predict": predict, "Freeze": freeze} {
			if !errors.Is(err, ErrUnset) {
				t.Errorf("%s: %s returned %v, want ErrUnset", name, what, err)
			}
		}
		_, err = net.Train(context.Background(), x, x, TrainConfig{Epochs: 1})
		if (err == nil) != (name == "batch") {
			t.Errorf("%s: Train returned %v", name, err)
		}
		if name == "batch" {
			if _, err := net.Encode(x); err != nil {
				t.Errorf("after training, Encode returned %v", err)
			}
		}
	}
}

// TestThresholdsSurviveLoading (BatchTopK files read as plain ReLU): see also
// TestModelsSurvive. A threshold of the file decides what the loaded network has
// active.
func TestThresholdsSurviveLoading(t *testing.T) {
	net := modelCases(t)["batch"]
	var file bytes.Buffer
	if err := net.Save(&file); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(&file)
	if err != nil {
		t.Fatal(err)
	}
	x := gauss(rand.New(rand.NewPCG(1, 2)), 100, 8)
	codes, err := loaded.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range codes.entries.Values {
		if v <= 0.7 {
			t.Fatalf("a value of %v is active, the threshold is 0.7", v)
		}
	}
	if err := loaded.layers[0].(*SparseLayer).SetThresholds(0); err != nil {
		t.Fatal(err)
	}
	all, err := loaded.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	if len(all.entries.Values) <= len(codes.entries.Values) {
		t.Error("the threshold makes no difference")
	}
}

// TestPrefix: codes of a prefix decode to what the prefix of the dictionary gives.
func TestPrefix(t *testing.T) {
	net := modelCases(t)["layer norm"]
	x := gauss(rand.New(rand.NewPCG(1, 3)), 20, 8)
	codes, err := net.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	got, err := net.Decode(codes.Prefix(15))
	if err != nil {
		t.Fatal(err)
	}
	for j := 15; j < 40; j++ {
		clear(weightsOf(net, 1).Row(j))
	}
	want, err := net.Decode(codes)
	if err != nil {
		t.Fatal(err)
	}
	if !mat.EqualApprox(got, want, 1e-14) {
		t.Error("a prefix decodes to something else than a dictionary of that width")
	}
	if codes.Prefix(0).Mask().Count() != 0 || codes.Prefix(-1).Mask().Count() != 0 || codes.Prefix(99).Mask().Count() != codes.Mask().Count() {
		t.Error("prefixes of none and of all")
	}
}
