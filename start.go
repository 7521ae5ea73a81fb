package ksparse

import (
	"math"
	"math/rand/v2"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/engine"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/feed"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/normal"
	"gonum.org/v1/gonum/mat"
)

// Start says which parameters StartFrom takes from data, and how. The zero value
// only finds the number of DatasetScale where the network has that.
type Start struct {
	// PreBias returns where the pre-bias begins, given the (normalised) rows:
	// data.MeanRow or data.GeometricMedian. nil stands for zero, as Init left it.
	PreBias func(x mat.Matrix) (*mat.VecDense, error)
	// Atoms makes the decoder's rows, and the encoder's with them, begin as samples:
	// normalised, less the pre-bias, scaled to Norm. So every latent is wanted by
	// some sample from the beginning. Samples are drawn by Seed; where there are
	// fewer than latents, or a sample has no norm, the latent keeps its weights.
	Atoms bool
	// Norm, for Atoms only, is what those samples are scaled to; 0 stands for 1. Where many latents are
	// active per sample, 1 makes the first reconstructions far too long.
	Norm float64
	// Seed draws the samples of Atoms.
	Seed uint64
}

// StartFrom sets what should begin from data rather than from zero or chance,
// before the first training. x holds samples, some ten thousand are enough. It must not
// run beside other calls to the network. Errors wrap ErrEmpty, ErrShape, ErrNotFinite or ErrRange; the network is as it was then.
func (n *Network) StartFrom(x mat.Matrix, start Start) error {
	rows, err := dense.Rows("x", x, n.In())
	if err != nil {
		return err
	}
	if err := n.checkStart(start); err != nil {
		return err
	}
	rows = n.apart(rows)
	t := normal.Transform{Kind: n.rows.Kind, Scale: n.rows.Scale}
	if t.Kind == normal.DatasetScale {
		if t.Scale, err = datasetScale(rows); err != nil {
			return err
		}
	}
	normalised := t.Enter(new(normal.Batch), rows)
	bias := make([]float64, n.In())
	if start.PreBias != nil {
		v, err := start.PreBias(dense.Of(normalised))
		if err != nil {
			return err
		}
		if v == nil || v.Len() != n.In() {
			return fault.Errorf(ErrShape, "Start.PreBias returned another number of values than the %d of a row", n.In())
		}
		for j := range bias {
			bias[j] = v.AtVec(j)
		}
		if !kernel.AllFinite(bias) {
			return fault.Errorf(ErrNotFinite, "Start.PreBias returned NaN or an infinity")
		}
	}
	n.rows.Scale = t.Scale
	if n.rows.Shift != nil {
		copy(n.rows.Shift, bias)
	}
	if start.Atoms {
		n.startAtoms(normalised, bias, start)
	}
	return nil
}

// checkStart returns an error where start is not for this network.
func (n *Network) checkStart(start Start) error {
	if err := fault.First(fault.NotNegative("Start.Norm", start.Norm), n.finite()); err != nil {
		return err
	}
	if start.Norm != 0 && !start.Atoms {
		return fault.Errorf(ErrRange, "Start.Norm is for Atoms, which is not set")
	}
	if start.PreBias != nil && n.rows.Shift == nil {
		return fault.Errorf(ErrRange, "Start.PreBias is for a network with a pre-bias, see Wire")
	}
	if !start.Atoms {
		return nil
	}
	if sparse, _ := n.lastSparse(); sparse != 0 || len(n.layers) != 2 || n.Out() != n.In() {
		return fault.Errorf(ErrShape, "Start.Atoms is for an autoencoder of one sparse and one linear layer")
	}
	return n.trainable()
}

// datasetScale returns sqrt(columns) over the mean norm of the rows.
func datasetScale(x matrix.Rows) (float64, error) {
	sum := 0.0
	for i := range x.Rows {
		sum += math.Sqrt(kernel.Dot(x.Row(i), x.Row(i)))
	}
	scale := math.Sqrt(float64(x.Cols)) * float64(x.Rows) / sum
	if !(scale > 0 && scale <= math.MaxFloat64) {
		return 0, fault.Errorf(ErrRange, "the data set's scale is %v: its rows have a mean norm of %v", scale, sum/float64(x.Rows))
	}
	return scale, nil
}

// startAtoms makes both layers' rows samples.
func (n *Network) startAtoms(x matrix.Rows, bias []float64, start Start) {
	encoder, decoder := matrix.WideRows(n.layers[0].parameters().w), matrix.WideRows(n.layers[1].parameters().w)
	order := make([]int, x.Rows)
	for i := range order {
		order[i] = i
	}
	feed.Shuffle(rand.NewPCG(start.Seed, 0x61746f6d73), order) // "atoms"
	norm := start.Norm
	if norm == 0 {
		norm = 1
	}
	atom := make([]float64, x.Cols)
	for j := range min(encoder.Rows, len(order)) {
		kernel.Subtract(atom, x.Row(order[j]), bias)
		if engine.Unit(atom) {
			kernel.Scale(atom, norm)
			copy(encoder.Row(j), atom)
			copy(decoder.Row(j), atom)
		}
	}
}

// Calibrate sets one threshold for the last sparse layer, such that of the rows of
// x, on average, l0 latents are active, and returns it. From then on the layer
// selects by threshold (SelectThreshold), unless it is one of SelectBatchTopK,
// which does so anyway. Equal values can make a few more latents active. It must not run
// beside other calls to the network. Errors wrap ErrEmpty, ErrShape, ErrNotFinite, ErrNoSparseLayer, and ErrRange where l0 is
// not positive, more positive values than there are would be needed, or the
// layer's activation is not ReLU or Identity.
func (n *Network) Calibrate(x mat.Matrix, l0 float64) (threshold float64, err error) {
	last, l := n.lastSparse()
	if l == nil {
		return 0, fault.Errorf(ErrNoSparseLayer, "Calibrate needs a sparse layer, this network has none")
	}
	rows, err := dense.Rows("x", x, n.In())
	if err != nil {
		return 0, err
	}
	if !(l0 > 0 && l0 <= float64(l.out)) {
		return 0, fault.Errorf(ErrRange, "Calibrate was asked for %v active latents, want more than 0 and at most %d", l0, l.out)
	}
	want := int(math.Round(l0 * float64(rows.Rows)))
	if want < 1 {
		return 0, fault.Errorf(ErrRange, "Calibrate was asked for %v active latents, which is none in all %d rows together", l0, rows.Rows)
	}
	if l.activation != ReLU && l.activation != Identity {
		return 0, fault.Errorf(ErrRange, "Calibrate needs the activation %v or %v, layer %q has %v", ReLU, Identity, l.name, l.activation)
	}
	if l.gate != nil {
		return 0, fault.Errorf(ErrRange, "layer %q has a gate, which Calibrate does not move", l.name)
	}
	if err := n.scaleKnown(); err != nil {
		return 0, err
	}
	for _, below := range n.layers[:last] {
		if s := below.sparse(); s != nil {
			if err := s.thresholdsKnown(false); err != nil {
				return 0, err
			}
		}
	}
	// All rows are under way at once: their memory is not for the pool.
	threshold, positive, ok := n.newPass().Calibrated(rows, last, want, l0)
	if math.IsNaN(threshold) {
		return 0, fault.First(n.finite(), fault.Errorf(ErrNotFinite, "Calibrate: a pre-activation overflows, data or weights are too large"))
	}
	if !ok {
		return 0, fault.Errorf(ErrRange, "Calibrate was asked for %v active latents, but only %v values per row are positive", l0, float64(positive)/float64(rows.Rows))
	}
	if l.selection != SelectBatchTopK {
		l.selection = SelectThreshold
	}
	return threshold, l.SetThresholds(threshold)
}
