package pretrained_test

import (
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/pretrained"
)

// savedNetwork saves a network and returns the path.
func savedNetwork(t *testing.T, net *ksparse.Network, err error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "net") // no extension is needed
	if err != nil {
		t.Fatal(err)
	}
	if err := net.SaveFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOpenNetworkFile opens what SaveFile wrote: by its path, by its folder, and once more
// when SaveAs has written it.
func TestOpenNetworkFile(t *testing.T) {
	net, err := ksparse.New(ksparse.Config{
		Classic: true,
		Inputs:  6, Latents: 20, K: 4, Activation: ksparse.ReLU, Selection: ksparse.SelectTopK, PreBias: true,
		Normalization: ksparse.LayerNorm, Seed: 7,
	})
	path := savedNetwork(t, net, err)
	x := noise(30, 6)
	want, err := net.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, filepath.Dir(path)} {
		m := mustOpen(t, p, pretrained.Options{})
		i := m.Info
		if i.Format != pretrained.NetworkFile || i.Weights != path || i.Inputs != 6 || i.Latents != 20 || i.Outputs != 6 || i.K != 4 ||
			i.Selection != "topk" || i.Normalization != "layer_norm" || !i.PreBias || i.NumberFormat != "F64" || i.Kept != "float64" || len(i.Notes) > 0 {
			t.Errorf("%+v", i)
		}
		if got, err := m.Predict(x); err != nil || !mat.Equal(got, want) {
			t.Errorf("another output (%v)", err)
		}
		if _, err := m.Check(x); err != nil {
			t.Error(err)
		}
		out := filepath.Join(t.TempDir(), "out.safetensors")
		if err := m.SaveAs(out, pretrained.Native, pretrained.SaveOptions{}); err != nil {
			t.Fatal(err)
		}
		if got, err := mustOpen(t, out, pretrained.Options{}).Predict(x); err != nil || !mat.Equal(got, want) {
			t.Errorf("another output of the converted network (%v)", err)
		}
	}
	if err := net.SaveFile(filepath.Join(filepath.Dir(path), "second")); err != nil {
		t.Fatal(err)
	}
	if _, err := pretrained.Open(filepath.Dir(path), pretrained.Options{}); !errors.Is(err, pretrained.ErrSeveral) {
		t.Errorf("two network files: %v", err)
	}
	mustOpen(t, filepath.Dir(path), pretrained.Options{Hookpoint: "second"})
	if notes := mustOpen(t, path, pretrained.Options{K: 3, Threshold: 2}).Info.Notes; len(notes) != 2 {
		t.Errorf("options that are not used: %q", notes)
	}
}

// TestOpenStack: a network of other layers opens, and what it is not for says so.
func TestOpenStack(t *testing.T) {
	net, err := ksparse.NewNetwork(ksparse.NewLinearLayer("a", 5, 7, ksparse.Sigmoid), ksparse.NewSparseLayer("b", 7, 9, 2, ksparse.ReLU), ksparse.NewLinearLayer("c", 9, 3, ksparse.Identity))
	m := mustOpen(t, savedNetwork(t, net, err), pretrained.Options{})
	if i := m.Info; i.Inputs != 5 || i.Outputs != 3 || i.Latents != 9 || i.K != 2 || i.Architecture != "a network of 3 layers" || !strings.Contains(strings.Join(i.Notes, ""), "no autoencoder") {
		t.Errorf("%+v", i)
	}
	if _, err := m.Predict(noise(2, 5)); err != nil {
		t.Error(err)
	}
	if _, err := m.Check(noise(2, 5)); !errors.Is(err, ksparse.ErrShape) {
		t.Errorf("checking: %v", err)
	}
	if err := m.SaveAs(filepath.Join(t.TempDir(), "x"), pretrained.Native, pretrained.SaveOptions{}); !errors.Is(err, ksparse.ErrShape) {
		t.Errorf("saving: %v", err)
	}
}

// TestNoNetwork: models without a network, and no rows, are errors.
func TestNoNetwork(t *testing.T) {
	for _, m := range []*pretrained.Model{nil, {}} {
		if _, err := m.Check(noise(2, 2)); !errors.Is(err, ksparse.ErrEmpty) {
			t.Errorf("checking: %v", err)
		}
		if err := m.SaveAs(filepath.Join(t.TempDir(), "x"), pretrained.Native, pretrained.SaveOptions{}); !errors.Is(err, ksparse.ErrEmpty) {
			t.Errorf("saving: %v", err)
		}
	}
	m, x := dictionary(t, nil)
	for name, rows := range map[string]mat.Matrix{"nil": nil, "a nil matrix": (*mat.Dense)(nil), "no rows": &mat.Dense{}} {
		if _, err := m.Check(rows); !errors.Is(err, ksparse.ErrEmpty) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := m.Check(noise(2, 9)); !errors.Is(err, ksparse.ErrShape) || !strings.Contains(err.Error(), "the rows are 2 x 9, the model takes 24 values per row") {
		t.Errorf("rows of another width: %v", err)
	}
	if _, err := m.CheckOutputs(x, noise(2, 24)); !errors.Is(err, ksparse.ErrShape) {
		t.Errorf("fewer targets: %v", err)
	}
	if _, err := m.CheckOutputs(x, &mat.Dense{}); !errors.Is(err, ksparse.ErrEmpty) {
		t.Errorf("no targets: %v", err)
	}
}

// unfinished are networks that were never given their threshold, or their scale.
func unfinished(t *testing.T) map[string]*ksparse.Network {
	t.Helper()
	out := make(map[string]*ksparse.Network)
	for name, cfg := range map[string]ksparse.Config{
		"batch": {Selection: ksparse.SelectBatchTopK, K: 3}, "threshold": {Selection: ksparse.SelectThreshold},
		"scale": {K: 3, Normalization: ksparse.DatasetScale},
	} {
		cfg.Classic = true
		cfg.Inputs, cfg.Latents, cfg.Activation, cfg.Seed = 6, 20, ksparse.ReLU, 1
		net, err := ksparse.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = net
	}
	stack, err := ksparse.NewNetwork(ksparse.NewLinearLayer("a", 6, 7, ksparse.Sigmoid), ksparse.NewSparseLayer("b", 7, 9, 2, ksparse.ReLU), ksparse.NewLinearLayer("c", 9, 6, ksparse.Identity))
	if err == nil {
		err = errors.Join(stack.Layers()[1].(*ksparse.SparseLayer).SetSelection(ksparse.SelectBatchTopK), stack.Wire(ksparse.Wiring{Normalization: ksparse.DatasetScale, Scale: 2}))
	}
	if err != nil {
		t.Fatal(err)
	}
	out["stack"] = stack
	return out
}

// TestOpenUnfinished: a file of our own without its threshold or scale wants the number, and
// takes it, as the files of others do.
func TestOpenUnfinished(t *testing.T) {
	for name, net := range unfinished(t) {
		path := savedNetwork(t, net, nil)
		paths := []string{path}
		if name != "stack" {
			paths = append(paths, path+".native")
			if err := pretrained.Save(paths[1], pretrained.Native, net, pretrained.SaveOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		o, missing := pretrained.Options{Threshold: 0.25}, "Threshold"
		if name == "scale" {
			o, missing = pretrained.Options{Scale: 2}, "Scale"
		}
		for _, p := range paths {
			_, err := pretrained.Open(p, pretrained.Options{})
			var option *pretrained.OptionError
			if !errors.As(err, &option) || option.Option != missing || !errors.Is(err, ksparse.ErrUnset) || strings.Contains(option.Reason, "Options") {
				t.Errorf("%s: %v", p, err)
			}
			m := mustOpen(t, p, pretrained.Options{Unset: true})
			if _, err := m.Encode(noise(2, 6)); !errors.Is(err, ksparse.ErrUnset) || len(m.Info.Notes) == 0 || strings.Contains(strings.Join(m.Info.Notes, ""), "not used") {
				t.Errorf("%s with Unset: %v, notes %q", p, err, m.Info.Notes)
			}
			m = mustOpen(t, p, o)
			if _, err := m.Predict(noise(2, 6)); err != nil || strings.Contains(strings.Join(m.Info.Notes, ""), "not used") {
				t.Errorf("%s with %+v: %v, notes %q", p, o, err, m.Info.Notes)
			}
			if w := m.Wiring(); name == "scale" && (w.Scale != 2 || m.Info.Normalization != "dataset_scale") || name == "batch" && (len(m.Info.Thresholds) != 2 || m.Info.Thresholds[0] != 0.25) {
				t.Errorf("%s with %+v: %+v, %+v", p, o, w, m.Info)
			}
			if name == "stack" {
				continue
			}
			again := filepath.Join(t.TempDir(), "again") // and then it is whole
			if err := m.SaveAs(again, pretrained.Native, pretrained.SaveOptions{}); err != nil {
				t.Fatal(err)
			}
			mustOpen(t, again, pretrained.Options{})
		}
		if name == "scale" {
			if i := mustOpen(t, path, pretrained.Options{Scale: 1}).Info; i.Normalization != "none" {
				t.Errorf("scale 1: %+v", i)
			}
		}
	}
	stack := savedNetwork(t, unfinished(t)["stack"], nil)
	if notes := strings.Join(mustOpen(t, stack, pretrained.Options{Threshold: 1, Scale: 3}).Info.Notes, ""); !strings.Contains(notes, "the scale 3 that was given is not used") {
		t.Errorf("a stack that has a scale: %q", notes)
	}
}

// TestOpenLargeK: what SaveAs writes after SetK opens, whatever k is.
func TestOpenLargeK(t *testing.T) {
	for _, k := range []int{0, 1, 48, 49, math.MaxInt32, math.MaxInt} {
		m, x := dictionary(t, nil)
		if err := m.Layers()[0].(*ksparse.SparseLayer).SetK(k); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "saved")
		if err := m.SaveAs(path, pretrained.Native, pretrained.SaveOptions{}); err != nil {
			t.Fatal(err)
		}
		again := mustOpen(t, path, pretrained.Options{})
		if got := again.Layers()[0].(*ksparse.SparseLayer).K(); got != k || again.Info.K != float64(k) {
			t.Errorf("k = %d: %d, %v", k, got, again.Info.K)
		}
		sameModel(t, again, m, x, false)
	}
}
