package ksparse

import (
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// SparseLayer computes f(xWᵀ + b) and keeps the K largest values of each row,
// the others become zero (the k-sparse layer of Makhzani and Frey 2013,
// arXiv:1312.5663), or what another Selection keeps. Its Weights are Out x In: row
// j is the direction that latent j detects.
//
// With SelectTopK exactly K entries are selected per row: none for K = 0, all for
// K >= Out, and the lowest index first among equal values. So a ReLU layer with
// fewer than K positive values selects some zeros too.
type SparseLayer struct {
	affine
	k          int
	selection  Selection
	thresholds []float64 // of the selections that have them, one per latent; nil until known
	gate       *gate     // of a gated layer, which selects by thresholds; else nil
}

// NewSparseLayer returns a layer of zeros that maps in values to out latents, k
// of them active. NewNetwork checks the sizes and k, and draws the weights. A layer is for
// one network, and must not be copied by value.
func NewSparseLayer(name string, in, out, k int, act Activation) *SparseLayer {
	l := &SparseLayer{k: k}
	l.zeros(name, in, out, out, in, act)
	return l
}

func (l *SparseLayer) sparse() *SparseLayer { return l }

// forward: z = xWᵀ + b, out = f(z) ⊙ M, where M marks what is selected.
func (l *SparseLayer) forward(x matrix.Rows) layerPass {
	z := matrix.New(x.Rows, l.out)
	matrix.MulT(z.Data, x, l.w)
	out := l.activate(z)
	mask := l.selected(z, out)
	mask.apply(out, out)
	return layerPass{in: x, pre: z, out: out, mask: mask}
}

// selected returns the mask M of a batch in training, of which z are the
// pre-activations and values = f(z).
func (l *SparseLayer) selected(z, values matrix.Rows) *Mask {
	switch l.selection {
	case SelectAbsTopK:
		magnitudes := matrix.New(values.Rows, values.Cols)
		for i := range values.Rows {
			for j, v := range values.Row(i) {
				magnitudes.Row(i)[j] = math.Abs(v)
			}
		}
		return topKMask(magnitudes, l.k)
	case SelectBatchTopK:
		return batchMask(values, min(l.k, l.out)*values.Rows)
	case SelectThreshold:
		return maskWhere(z, func(j int, v float64) bool { return v > l.thresholds[j] })
	case SelectGroupMax:
		return groupMask(values, l.k)
	}
	return topKMask(values, l.k)
}

// weightGradient: dL/dW = deltaᵀ x. Where the mask has made delta zero for every
// sample, the latent's row is exactly zero.
func (l *SparseLayer) weightGradient(x, delta matrix.Rows) matrix.Rows {
	g := matrix.New(l.out, l.in)
	kernel.MulAdd(g.Data, l.in, l.out, l.in, x.Rows, delta.Data, 1, delta.Stride, x.Data, x.Stride)
	return g
}

// deltaBelow: dL/dx = delta W.
func (l *SparseLayer) deltaBelow(delta matrix.Rows) matrix.Rows {
	below := matrix.New(delta.Rows, l.in)
	matrix.AddProduct(below.Data, l.in, delta, l.w)
	return below
}

// K returns how many latents the layer keeps per row.
func (l *SparseLayer) K() int { return l.k }

// SetK changes how many latents the layer keeps per row: encoding with another k
// than that of the training, such as the α·k of the 2013 paper. It must not run beside
// other calls to the layer or its network. Errors wrap
// ErrRange, as for SetSelection, and where the layer selects by thresholds, so that
// another k would change nothing: SetThresholds and Calibrate change what those keep. (To
// go on training a layer of SelectBatchTopK with another k set SelectTopK, the k and
// SelectBatchTopK again.)
func (l *SparseLayer) SetK(k int) error {
	if k != l.k && (l.selection == SelectThreshold || l.selection == SelectBatchTopK && l.thresholds != nil) {
		return fault.Errorf(ErrRange, "layer %q selects by its thresholds (%v), so another k would change nothing: use SetThresholds or Calibrate", l.name, l.selection)
	}
	old := l.k
	l.k = k
	if err := fault.First(l.notCopied(), l.checkSelection()); err != nil {
		l.k = old
		return err
	}
	return nil
}

// Selection returns what the layer selects by.
func (l *SparseLayer) Selection() Selection { return l.selection }

// SetSelection changes what the layer selects by. Thresholds and k stay as they are; a
// selection by thresholds that are not known is ErrUnset when it is used. It must not run
// beside other calls to the layer or its network. Errors wrap ErrRange where the selection is unknown or not defined for the
// layer's activation, size or gate.
func (l *SparseLayer) SetSelection(s Selection) error {
	old := l.selection
	l.selection = s
	if err := fault.First(l.notCopied(), l.checkSelection()); err != nil {
		l.selection = old
		return err
	}
	return nil
}

// checkSelection returns an error where k or the selection are not possible for the
// layer.
func (l *SparseLayer) checkSelection() error {
	switch {
	case l.k < 0:
		return fault.Errorf(ErrRange, "layer %q has k = %d, want how many latents are active per sample", l.name, l.k)
	case l.selection >= selections:
		return fault.Errorf(ErrRange, "layer %q has the unknown selection %d", l.name, l.selection)
	case l.selection == SelectAbsTopK && l.activation != Identity:
		return fault.Errorf(ErrRange, "layer %q selects by magnitude, which needs the activation %v, not %v", l.name, Identity, l.activation)
	case l.gate != nil && l.selection != SelectThreshold:
		return fault.Errorf(ErrRange, "layer %q has a gate, which selects by %v, not %v", l.name, SelectThreshold, l.selection)
	case l.selection == SelectGroupMax && (l.k < 1 || l.out%l.k != 0):
		return fault.Errorf(ErrRange, "layer %q of %d latents cannot be cut into k = %d groups of as many each", l.name, l.out, l.k)
	case (l.selection == SelectBatchTopK || l.selection == SelectGroupMax) && l.activation != Identity && l.activation != ReLU:
		return fault.Errorf(ErrRange, "layer %q selects by %v, which needs the activation %v or %v, not %v", l.name, l.selection, Identity, ReLU, l.activation)
	}
	return nil
}

// Thresholds returns a copy of the thresholds of SelectThreshold or
// SelectBatchTopK, one per latent: a latent is active where its pre-activation is
// larger. It is nil until training has learned them, or SetThresholds set them. For
// a gated layer they are what w·x is compared with: see Config.
func (l *SparseLayer) Thresholds() []float64 { return slices.Clone(l.thresholds) }

// SetThresholds sets the thresholds, one per latent; a single one stands for all
// latents. It copies them. It must not run beside other calls to the layer or its network.
// Errors wrap ErrShape, ErrNotFinite for NaN and infinities, and
// ErrRange where the layer does not select by thresholds: SetSelection comes first.
func (l *SparseLayer) SetThresholds(thresholds ...float64) error {
	if err := l.notCopied(); err != nil {
		return err
	}
	if l.selection != SelectThreshold && l.selection != SelectBatchTopK {
		return fault.Errorf(ErrRange, "layer %q selects by %v, for which thresholds do nothing: SetSelection(SelectThreshold) first", l.name, l.selection)
	}
	if len(thresholds) != l.out && len(thresholds) != 1 {
		return fault.Errorf(ErrShape, "layer %q has %d latents, not %d thresholds", l.name, l.out, len(thresholds))
	}
	for j, t := range thresholds {
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return fault.Errorf(ErrNotFinite, "threshold %d of layer %q is %v", j, l.name, t)
		}
	}
	if len(thresholds) == 1 {
		thresholds = slices.Repeat(thresholds, l.out)
	}
	l.thresholds = append(l.thresholds[:0], thresholds...)
	return nil
}

// thresholdsKnown returns an error where the layer needs thresholds and has none.
// Training learns those of SelectBatchTopK.
func (l *SparseLayer) thresholdsKnown(training bool) error {
	switch {
	case l.thresholds != nil:
	case l.selection == SelectThreshold:
		return fault.Errorf(ErrUnset, "layer %q selects by thresholds and has none: set them with SetThresholds", l.name)
	case l.selection == SelectBatchTopK && !training:
		return fault.Errorf(ErrUnset, "the threshold of layer %q was never learned: train it, or set one with SetThresholds or Calibrate", l.name)
	}
	return nil
}

// gate makes a latent active by w·x alone, and gives it the value f(gain·(w·x) + b). The
// layer's thresholds are what w·x is compared with.
type gate struct {
	logGain []float64
	gain    []float64 // exp(logGain)
	zeros   []float64 // what is added to w·x before the selection
}

// newGate returns the gate with these logarithms of gains, which it takes over.
func newGate(logGain []float64) (*gate, error) {
	g := &gate{logGain: logGain, gain: make([]float64, len(logGain)), zeros: make([]float64, len(logGain))}
	for j, v := range logGain {
		if g.gain[j] = kernel.Exp(v); g.gain[j] > math.MaxFloat64 {
			return nil, fault.Errorf(ErrRange, "the logarithm of a gate's gain is %v for latent %d: exp of it overflows", v, j)
		}
	}
	return g, nil
}

// lastSparse returns the position of the last sparse layer, and the layer; -1 and nil
// where there is none.
func lastSparse(layers []Layer) (int, *SparseLayer) {
	for i := len(layers) - 1; i >= 0; i-- {
		if l := layers[i].sparse(); l != nil {
			return i, l
		}
	}
	return -1, nil
}
