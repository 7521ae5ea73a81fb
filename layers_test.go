package ksparse_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// copied returns a copy by value of what p points at, in a way that go vet does not see.
func copied[T any](p *T) *T {
	to := new(T)
	reflect.ValueOf(to).Elem().Set(reflect.ValueOf(p).Elem())
	return to
}

// wrapped is a layer in a type of the caller's.
type wrapped struct{ *ksparse.SparseLayer }

// TestLayerOfOneNetwork: a layer that has learned is not drawn anew by another network, and
// a copy of a layer makes no network that shares memory.
func TestLayerOfOneNetwork(t *testing.T) {
	sparse, linear := ksparse.NewSparseLayer("s", 4, 6, 2, ksparse.ReLU), ksparse.NewLinearLayer("l", 6, 4, ksparse.Identity)
	if _, err := ksparse.NewNetwork(sparse, ksparse.NewLinearLayer("l", 7, 4, ksparse.Identity)); err == nil {
		t.Fatal("layers that do not fit")
	}
	net, err := ksparse.NewNetwork(sparse, linear) // what failed has not taken the layer
	if err != nil {
		t.Fatal(err)
	}
	before := mat.DenseCopyOf(sparse.Weights())
	given, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 4, Latents: 6, K: 2})
	if err != nil {
		t.Fatal(err)
	}
	fresh := func() *ksparse.LinearLayer { return ksparse.NewLinearLayer("new", 6, 4, ksparse.Identity) }
	once := ksparse.NewSparseLayer("once", 4, 4, 2, ksparse.ReLU)
	for what, layers := range map[string][]ksparse.Layer{
		"a layer of a network":            {sparse, fresh()},
		"the last layer of a network":     {ksparse.NewSparseLayer("new", 4, 6, 2, ksparse.ReLU), linear},
		"a layer of New":                  {given.Layers()[0], fresh()},
		"in another type":                 {wrapped{sparse}, fresh()},
		"a copy of a network's layer":     {copied(sparse), fresh()},
		"a copy of a network's linear":    {ksparse.NewSparseLayer("new", 4, 6, 2, ksparse.ReLU), copied(linear)},
		"a copy of a layer of New":        {copied(given.Layers()[0].(*ksparse.SparseLayer)), fresh()},
		"a copy of a new layer":           {copied(ksparse.NewSparseLayer("new", 4, 6, 2, ksparse.ReLU)), fresh()},
		"one layer twice":                 {once, once},
		"one layer twice, once in a type": {once, wrapped{once}},
	} {
		if n, err := ksparse.NewNetwork(layers...); n != nil || !errors.Is(err, ksparse.ErrShape) {
			t.Errorf("%s: error %v, want ErrShape", what, err)
		}
	}
	if !mat.Equal(before, sparse.Weights()) {
		t.Error("the network's weights were drawn anew")
	}
	if _, err := ksparse.NewNetwork(sparse, fresh()); err == nil || !strings.Contains(err.Error(), "make a new layer") {
		t.Errorf("the error does not say what to do: %v", err)
	}

	c := copied(sparse)
	for what, err := range map[string]error{"SetK": c.SetK(3), "SetSelection": c.SetSelection(ksparse.SelectAbsTopK), "SetThresholds": c.SetThresholds(1)} {
		if !errors.Is(err, ksparse.ErrShape) {
			t.Errorf("%s of a copy: error %v, want ErrShape", what, err)
		}
	}
	if sparse.K() != 2 || sparse.Thresholds() != nil {
		t.Error("a method of the copy has changed the layer")
	}
	if _, err := net.Predict(before.T().(mat.Transpose).Matrix); err != nil {
		t.Error(err)
	}
}
