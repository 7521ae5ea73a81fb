package ksparse

import (
	"fmt"
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
)

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

// frame is what happens to a row before the first layer and after the last one:
//
//	in:  t = (x - mean) / spread, then t - shift
//	out: y·spread + mean          (LayerNorm: its σ for spread; y has the shift already: it is the last biases)
type frame struct {
	normalization Normalization
	scale         float64   // of DatasetScale; 0 until it is known
	undo          bool      // outputs are scaled back
	shift         []float64 // the pre-bias: the last layer's biases, live; nil for none
}

// none says that rows go in as they are.
func (f *frame) none() bool { return f.normalization == NoNormalization && f.shift == nil }

// scales says that outputs are scaled back.
func (f *frame) scales() bool { return f.undo }

// framed is a batch on its way through a frame.
type framed struct {
	normal       topk.Rows // the normalised rows, before the shift
	mean, spread []float64 // of each row, where there is a normalisation

	scaled, shifted topk.Rows // memory

	f     *frame // of the rows under way
	x, in topk.Rows
	rows  func(worker, lo, hi int) // a method value, kept: a new one would be garbage
}

// enter sets m and returns what the first layer sees of x.
func (f *frame) enter(m *framed, x topk.Rows) topk.Rows {
	if f.none() {
		m.normal = x
		return x
	}
	m.normal = x
	if f.normalization != NoNormalization {
		resize(&m.scaled, x.Rows, x.Cols)
		m.normal = m.scaled
		m.mean, m.spread = resized(m.mean, x.Rows), resized(m.spread, x.Rows)
	}
	in := m.normal
	if f.shift != nil {
		resize(&m.shifted, x.Rows, x.Cols)
		in = m.shifted
	}
	if m.rows == nil {
		m.rows = m.enterRows
	}
	m.f, m.x, m.in = f, x, in
	parallel.For(x.Rows, rowGrain(4*x.Cols), m.rows)
	return in
}

// layerNormEpsilon keeps LayerNorm from dividing by zero.
const layerNormEpsilon = 1e-5

func (m *framed) enterRows(_, lo, hi int) {
	f := m.f
	for i := lo; i < hi; i++ {
		if f.normalization != NoNormalization {
			m.mean[i], m.spread[i] = f.numbers(m.x.Row(i))
			normalize(m.normal.Row(i), m.x.Row(i), m.mean[i], m.spread[i])
		}
		if f.shift != nil {
			kernel.Subtract(m.in.Row(i), m.normal.Row(i), f.shift)
		}
	}
}

// numbers returns what is subtracted from a row, and what it is then divided by.
func (f *frame) numbers(row []float64) (mean, spread float64) {
	n := float64(len(row))
	switch f.normalization {
	case LayerNorm:
		mean = kernel.Sum(row) / n
		square := 0.0
		for _, v := range row {
			square += float64((v - mean) * (v - mean))
		}
		return mean, math.Sqrt(square/max(n-1, 1)) + layerNormEpsilon
	case UnitRMS:
		if norm := math.Sqrt(kernel.Dot(row, row)); norm > 0 {
			return 0, norm / math.Sqrt(n)
		}
	case DatasetScale:
		return 0, 1 / f.scale
	}
	return 0, 1
}

// sameNumbers returns the numbers of so many rows where they do not depend on the
// row.
func (f *frame) sameNumbers(rows int) (mean, spread []float64) {
	mean, spread = make([]float64, rows), make([]float64, rows)
	for i := range spread {
		mean[i], spread[i] = f.numbers(nil)
	}
	return mean, spread
}

func normalize(dst, row []float64, mean, spread float64) {
	for j, v := range row {
		dst[j] = (v - mean) / spread
	}
}

// target returns y in the space in which losses are measured: normalised as the
// rows of the pass were, where the output will be scaled back.
func (f *frame) target(p *Pass, y topk.Rows) topk.Rows {
	switch {
	case !f.scales():
		return y
	case same(p.x, y):
		return p.framed.normal
	}
	resize(&p.target, y.Rows, y.Cols)
	parallel.For(y.Rows, rowGrain(4*y.Cols), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			normalize(p.target.Row(i), y.Row(i), p.framed.mean[i], p.framed.spread[i])
		}
	})
	return p.target
}

// leave scales the rows of out back, in place: those of LayerNorm by σ itself, as
// openai/sparse_autoencoder and all who took it over do.
func (f *frame) leave(out topk.Rows, mean, spread []float64) {
	if !f.scales() {
		return
	}
	extra := 0.0
	if f.normalization == LayerNorm {
		extra = layerNormEpsilon
	}
	parallel.For(out.Rows, rowGrain(out.Cols), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			row := out.Row(i)
			for j, v := range row {
				row[j] = float64(v*(spread[i]-extra)) + mean[i]
			}
		}
	})
}

// SetNormalization makes the network normalise its input rows. scale is the number
// of DatasetScale, 0 where StartFrom should find it, and 0 for all others. With
// undo the outputs are scaled back, each row by the numbers of its input, as an
// autoencoder needs it; without, as for a transcoder, they are what the last layer
// gives. Training with undo measures its loss between normalised rows. Errors wrap
// ErrRange, also where undo is asked of a network without a decoder or with a skip
// connection, and ErrShape where its outputs are not as many as its inputs.
func (n *Network) SetNormalization(kind Normalization, scale float64, undo bool) error {
	switch {
	case kind >= normalizations:
		return errorf(ErrRange, "unknown normalization %d", kind)
	case !(scale >= 0 && scale <= math.MaxFloat64) || kind != DatasetScale && scale != 0:
		return errorf(ErrRange, "normalization %v with scale %v, want a positive number for %v and 0 for all others", kind, scale, DatasetScale)
	case undo && kind != NoNormalization && (n.noDecoder || n.hasSkip()):
		return errorf(ErrRange, "a normalization is not undone on codes, nor with a skip connection")
	case undo && kind != NoNormalization && n.In() != n.Out():
		return errorf(ErrShape, "normalization of %d inputs cannot be undone on %d outputs", n.In(), n.Out())
	}
	n.frame.normalization, n.frame.scale, n.frame.undo = kind, scale, undo && kind != NoNormalization
	return nil
}

// Normalization returns how the network normalises its input rows, the number of
// DatasetScale (else 0), and whether outputs are scaled back.
func (n *Network) Normalization() (kind Normalization, scale float64, undo bool) {
	return n.frame.normalization, n.frame.scale, n.frame.undo
}

// SetPreBias turns the pre-bias on or off: with it the last layer's biases are
// also subtracted from each (normalised) input row before the first layer. The
// gradient of those biases then has both parts. Errors wrap ErrShape where the
// last layer is not a LinearLayer with as many outputs as the network has inputs.
func (n *Network) SetPreBias(on bool) error {
	if !on {
		n.frame.shift = nil
		return nil
	}
	last, ok := n.layers[len(n.layers)-1].(*LinearLayer)
	if !ok || last.out != n.In() {
		return errorf(ErrShape, "a pre-bias needs a linear last layer with as many outputs as the network has inputs, %d; layer %q gives %d",
			n.In(), n.layers[len(n.layers)-1].Name(), n.Out())
	}
	n.frame.shift = last.b
	return nil
}

// PreBias reports whether the last layer's biases are subtracted from the input.
func (n *Network) PreBias() bool { return n.frame.shift != nil }

// ready returns an error where something was never learned that the network
// needs: for training (where training learns it, and if it can be trained at all)
// or for all other uses.
func (n *Network) ready(training bool) error {
	if training {
		if err := n.trainable(); err != nil {
			return err
		}
	}
	if err := n.scaleKnown(); err != nil {
		return err
	}
	for _, l := range n.layers {
		if err := thresholdsKnown(l, training); err != nil {
			return err
		}
	}
	return nil
}

func (n *Network) scaleKnown() error {
	if n.frame.normalization == DatasetScale && n.frame.scale == 0 {
		return errorf(ErrUnset, "the network's data set scale is not known: StartFrom finds it, SetNormalization sets it")
	}
	return nil
}

// thresholdsKnown returns an error where l needs thresholds and has none.
func thresholdsKnown(layer Layer, training bool) error {
	l, ok := layer.(*SparseLayer)
	switch {
	case !ok || l.thresholds != nil:
	case l.selection == SelectThreshold:
		return errorf(ErrUnset, "layer %q selects by thresholds and has none: set them with SetThresholds", l.name)
	case l.selection == SelectBatchTopK && !training:
		return errorf(ErrUnset, "the threshold of layer %q was never learned: train it, or set one with SetThreshold or Calibrate", l.name)
	}
	return nil
}
