package ksparse_test

import (
	"testing"

	"github.com/ksparse/ksparse"
)

// TestGroupGradients: gradients that pass the selection of one latent from each
// group are exact too.
func TestGroupGradients(t *testing.T) {
	for _, act := range []ksparse.Activation{ksparse.Identity, ksparse.ReLU} {
		sparse := ksparse.NewSparseLayer("sparse", 5, 12, 4, act)
		if err := sparse.SetSelection(ksparse.SelectGroupMax); err != nil {
			t.Fatal(err)
		}
		net, err := ksparse.NewNetwork(sparse, ksparse.NewLinearLayer("linear", 12, 4, ksparse.Identity))
		if err != nil {
			t.Fatal(err)
		}
		checkGradients(t, net, 5, ksparse.SquaredError)
	}
}
