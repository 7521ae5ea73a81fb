package pretrained_test

import (
	"errors"
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
		Inputs: 6, Latents: 20, K: 4, Activation: ksparse.ReLU, Selection: ksparse.SelectTopK, PreBias: true,
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
