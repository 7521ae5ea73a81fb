package ksparse

import (
	"fmt"
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/normal"
)

// Wiring is what joins the layers of a network besides their order. The zero value is
// a plain stack. For an autoencoder of New it follows from the Config.
type Wiring struct {
	// Tied makes the linear layer after the last sparse one use that layer's weights:
	// one matrix, whose row j is both what latent j detects and the dictionary atom
	// that it draws. Training moves it by the sum of both gradients, and Gradients
	// gives that sum for both layers. The decoder's own weights are lost.
	Tied bool
	// PreBias subtracts the last layer's biases from each (normalised) input row before
	// the first layer, too. The gradient of those biases then has both parts.
	PreBias bool
	// Normalization is what is done to input rows. Scale is the number of
	// DatasetScale, 0 where StartFrom should find it, and 0 for all others.
	Normalization Normalization
	Scale         float64
	// Undo scales the outputs back, each row by the numbers of its input, as an
	// autoencoder needs it; without, as for a transcoder, they are what the last layer
	// gives. Training with Undo measures its loss between normalised rows. It does
	// nothing without a Normalization.
	Undo bool
}

// Wiring returns how the network is wired.
func (n *Network) Wiring() Wiring {
	return Wiring{Tied: n.tied(), PreBias: n.rows.Shift != nil, Normalization: Normalization(n.rows.Kind), Scale: n.rows.Scale, Undo: n.rows.Undo}
}

// Wire changes how the network is wired. It must not run beside other calls. Errors leave it as it was and wrap
// ErrNoSparseLayer, for Tied; ErrRange, for an unknown normalisation, a scale that
// makes no sense, or Undo of a network without a decoder or with a skip connection; or
// ErrShape, where the layer after the last sparse one does not give as many outputs as
// that one has inputs (Tied), the last layer is not a linear one with as many outputs as the
// network has inputs (PreBias), or outputs are not as many as inputs (Undo).
func (n *Network) Wire(w Wiring) error {
	w.Undo = w.Undo && w.Normalization != NoNormalization
	if err := n.checkWiring(w); err != nil {
		return err
	}
	n.setTied(w.Tied)
	n.rows = normal.Transform{Kind: normal.Kind(w.Normalization), Scale: w.Scale, Undo: w.Undo, Shift: n.preBias(w.PreBias)}
	return nil
}

// checkWiring returns an error where the network cannot be wired so.
func (n *Network) checkWiring(w Wiring) error {
	if err := n.made(); err != nil {
		return err
	}
	return fault.First(n.checkTied(w), n.checkPreBias(w), n.checkNormalization(w))
}

// checkTied returns an error where the weights cannot be tied.
func (n *Network) checkTied(w Wiring) error {
	i, encoder := n.lastSparse()
	switch {
	case !w.Tied:
	case i < 0:
		return fault.Errorf(ErrNoSparseLayer, "tied weights need a sparse layer, this network has none")
	case i+1 == len(n.layers) || n.layers[i+1].Out() != encoder.in:
		return fault.Errorf(ErrShape, "tied weights need a linear layer after layer %q that gives %d outputs", encoder.name, encoder.in)
	}
	return nil
}

// setTied ties the weights, or gives a decoder that was tied weights of its own.
func (n *Network) setTied(tied bool) {
	i, encoder := n.lastSparse()
	switch {
	case tied:
		n.layers[i+1].parameters().share(&encoder.affine)
	case n.tied():
		a := n.layers[i+1].parameters()
		w := a.w
		w.Float64, w.Float32 = slices.Clone(w.Float64), slices.Clone(w.Float32)
		a.keep(w, a.b)
	}
}

// checkPreBias returns an error where there can be no pre-bias.
func (n *Network) checkPreBias(w Wiring) error {
	last := n.layers[len(n.layers)-1]
	switch {
	case !w.PreBias && n.noDecoder && n.rows.Shift != nil:
		return fault.Errorf(ErrRange, "the pre-bias of a network without a decoder is not turned off: its numbers would be lost")
	case !w.PreBias, n.noDecoder && n.rows.Shift != nil:
		return nil
	case last.sparse() != nil || last.Out() != n.In():
		return fault.Errorf(ErrShape, "a pre-bias needs a linear last layer with as many outputs as the network has inputs, %d; layer %q gives %d",
			n.In(), last.Name(), n.Out())
	}
	return nil
}

// preBias returns what is subtracted from input rows: the last biases, live, or what a
// network without a decoder has for it.
func (n *Network) preBias(on bool) []float64 {
	switch {
	case !on:
		return nil
	case n.noDecoder:
		return n.rows.Shift
	}
	return n.layers[len(n.layers)-1].parameters().b
}

// checkNormalization returns an error where rows cannot be normalised in that way.
func (n *Network) checkNormalization(w Wiring) error {
	switch {
	case w.Normalization >= normalizations:
		return fault.Errorf(ErrRange, "unknown normalization %d", w.Normalization)
	case !(w.Scale == 0 || w.Scale > 0 && 1/w.Scale > 0 && 1/w.Scale <= math.MaxFloat64) || w.Normalization != DatasetScale && w.Scale != 0:
		return fault.Errorf(ErrRange, "normalization %v with scale %v, want a positive number for %v and 0 for all others", w.Normalization, w.Scale, DatasetScale)
	case w.Undo && (n.noDecoder || !n.skip.Empty()):
		return fault.Errorf(ErrRange, "a normalization is not undone on codes, nor with a skip connection")
	case w.Undo && n.In() != n.Out():
		return fault.Errorf(ErrShape, "normalization of %d inputs cannot be undone on %d outputs", n.In(), n.Out())
	}
	return nil
}

// Normalization is what a network does to each row before its first layer, and
// undoes after its last one. The zero value is NoNormalization.
type Normalization uint8

const (
	// NoNormalization leaves rows as they are.
	NoNormalization Normalization = iota
	// LayerNorm subtracts the row's mean μ and divides by σ + 1e-5, where σ is the
	// row's standard deviation with n-1; undone, outputs are multiplied by σ, not by
	// σ + 1e-5 (openai/sparse_autoencoder).
	LayerNorm
	// UnitRMS scales each row to the norm sqrt(columns); rows of zeros stay so.
	// (SAELens calls it constant_norm_rescale.)
	UnitRMS
	// DatasetScale multiplies all rows by one number, so that their mean norm in
	// the data set that StartFrom was given is sqrt(columns). (SAELens:
	// expected_average_only_in.)
	DatasetScale
	normalizations // their number
)

var normalizationNames = [normalizations]string{"none", "layer_norm", "unit_rms", "dataset_scale"}

// String returns the normalisation's name in lower case, such as "layer_norm".
func (n Normalization) String() string {
	if n < normalizations {
		return normalizationNames[n]
	}
	return fmt.Sprintf("Normalization(%d)", uint8(n))
}
