package ksparse

import (
	"math"
	"math/rand/v2"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/topk"
	"gonum.org/v1/gonum/mat"
)

// Start says which parameters StartFrom takes from data, and how. The zero value
// only finds the number of DatasetScale where the network has that.
type Start struct {
	// PreBias is where the pre-bias begins; the zero value is ZeroPreBias.
	PreBias PreBiasStart
	// Atoms makes the decoder's rows, and the encoder's with them, begin as samples:
	// normalised, less the pre-bias, scaled to Norm. So every latent is wanted by
	// some sample from the beginning. Samples are drawn by Seed; where there are
	// fewer than latents, or a sample has no norm, the latent keeps its weights.
	Atoms bool
	// Norm is what those samples are scaled to; 0 stands for 1. Where many latents are
	// active per sample, 1 makes the first reconstructions far too long.
	Norm float64
	// Seed draws the samples of Atoms.
	Seed uint64
}

// PreBiasStart says where a pre-bias begins.
type PreBiasStart uint8

const (
	ZeroPreBias   PreBiasStart = iota // zero, as Init left it
	MeanPreBias                       // the mean of the (normalised) rows
	MedianPreBias                     // their geometric median: see GeometricMedian
	preBiasStarts                     // their number
)

// StartFrom sets what should begin from data rather than from zero or chance,
// before the first training. x holds samples, some ten thousand are enough. Errors
// wrap ErrEmpty, ErrShape, ErrNotFinite or ErrRange; the network is as it was then.
func (n *Network) StartFrom(x mat.Matrix, start Start) error {
	rows, err := rowsOf("x", x, n.In())
	if err != nil {
		return err
	}
	if start.PreBias >= preBiasStarts {
		return errorf(ErrRange, "Start.PreBias is the unknown %d", start.PreBias)
	}
	if err := checkNotNegative("Start.Norm", start.Norm); err != nil {
		return err
	}
	if start.PreBias != ZeroPreBias && n.frame.shift == nil {
		return errorf(ErrRange, "Start.PreBias is for a network with a pre-bias, see SetPreBias")
	}
	sparse := n.lastSparse()
	if start.Atoms && (sparse != 0 || len(n.layers) != 2 || n.Out() != n.In()) {
		return errorf(ErrShape, "Start.Atoms is for an autoencoder of one sparse and one linear layer")
	}
	if start.Atoms {
		if err := n.trainable(); err != nil {
			return err
		}
	}
	f := n.frame
	if f.normalization == DatasetScale {
		if f.scale, err = datasetScale(rows); err != nil {
			return err
		}
	}
	f.shift = nil
	normal := f.enter(new(framed), rows)
	bias := make([]float64, n.In())
	switch start.PreBias {
	case MeanPreBias, MedianPreBias:
		begin := MeanRow
		if start.PreBias == MedianPreBias {
			begin = GeometricMedian
		}
		v, err := begin(dense(normal))
		if err != nil {
			return err
		}
		copy(bias, v.RawVector().Data)
	}
	n.frame.scale = f.scale
	if n.frame.shift != nil {
		copy(n.frame.shift, bias)
	}
	if start.Atoms {
		n.startAtoms(normal, bias, start)
	}
	return nil
}

// datasetScale returns sqrt(columns) over the mean norm of the rows.
func datasetScale(x topk.Rows) (float64, error) {
	sum := 0.0
	for i := range x.Rows {
		sum += math.Sqrt(kernel.Dot(x.Row(i), x.Row(i)))
	}
	scale := math.Sqrt(float64(x.Cols)) * float64(x.Rows) / sum
	if !(scale > 0 && scale <= math.MaxFloat64) {
		return 0, errorf(ErrRange, "the data set's scale is %v: its rows have a mean norm of %v", scale, sum/float64(x.Rows))
	}
	return scale, nil
}

// startAtoms makes both layers' rows samples.
func (n *Network) startAtoms(x topk.Rows, bias []float64, start Start) {
	encoder, decoder := n.layers[0].base(), n.layers[1].base()
	order := make([]int, x.Rows)
	for i := range order {
		order[i] = i
	}
	shuffle(rand.New(rand.NewPCG(start.Seed, 0x61746f6d73)), order) // "atoms"
	atom := make([]float64, x.Cols)
	for j := range min(encoder.w.Rows, len(order)) {
		kernel.Subtract(atom, x.Row(order[j]), bias)
		if unit(atom) {
			kernel.Scale(atom, or(start.Norm, 1))
			copy(encoder.w.Row(j), atom)
			copy(decoder.w.Row(j), atom)
		}
	}
}

// mirror gives the encoder's rows norm 1 and makes the decoder's the same.
func (n *Network) mirror() {
	encoder, decoder := n.layers[0].base(), n.layers[1].base()
	for j := range encoder.w.Rows {
		unit(encoder.w.Row(j))
		copy(decoder.w.Row(j), encoder.w.Row(j))
	}
}

// unit scales v to norm 1 and reports whether that is possible.
func unit(v []float64) bool {
	norm := math.Sqrt(kernel.Dot(v, v))
	if !(norm > 0 && 1/norm > 0 && 1/norm <= math.MaxFloat64) {
		return false
	}
	kernel.Scale(v, 1/norm)
	return true
}
