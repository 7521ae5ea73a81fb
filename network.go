package ksparse

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/normal"
	"gonum.org/v1/gonum/mat"
)

// Network is a stack of layers, the output of each going into the next. Linear
// and sparse layers may stand in any order and number.
//
// Forward, Backprop, Predict, Reconstruct, Encode, Decode, Freeze, Save and Config may be
// called from any number of goroutines at once, as long as none changes the network
// meanwhile: trains it, writes to its weights or biases, or calls Init, Widen, Wire,
// StartFrom, Calibrate or Pretrain, or SetK, SetSelection or SetThresholds of a layer. A
// Frozen has nothing that could change.
//
// Forward and Backprop are the meaning of a network, written as the mathematics has it,
// in whole matrices. Encode, Decode, Predict and training give the same bits, faster.
type Network struct{ model }

// NewNetwork makes a network of the layers and draws their weights with Init(1).
// It returns an error that wraps ErrShape where a layer does not take what the
// layer before it gives, has no size, is there twice, belongs to a network already or
// is a copy of a layer by value, and ErrRange for a negative k or an unknown activation.
//
// To begin with what another network has learned make layers of the same sizes, and copy
// its Weights and Biases into theirs after NewNetwork.
func NewNetwork(layers ...Layer) (*Network, error) {
	n, err := newNetwork(layers)
	if err != nil {
		return nil, err
	}
	n.Init(1)
	return n, nil
}

// newNetwork is NewNetwork without drawing the weights.
func newNetwork(layers []Layer) (*Network, error) {
	if len(layers) == 0 {
		return nil, fault.Errorf(ErrEmpty, "a network needs at least one layer")
	}
	for i, l := range layers {
		if isNil(l) {
			return nil, fault.Errorf(ErrEmpty, "layer %d is nil", i)
		}
		a := l.parameters()
		if s := l.sparse(); s != nil {
			if err := s.checkSelection(); err != nil {
				return nil, err
			}
		}
		if err := fault.First(a.check(), a.notCopied()); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(layers[:i], func(before Layer) bool { return before.parameters() == a }) {
			return nil, fault.Errorf(ErrShape, "layer %q is in the network twice", a.name)
		}
		if a.taken {
			return nil, fault.Errorf(ErrShape, "layer %q belongs to a network already, and its weights would be drawn anew: make a new layer, and copy Weights and Biases into it after NewNetwork", a.name)
		}
		if i > 0 && layers[i-1].Out() != a.in {
			return nil, fault.Errorf(ErrShape, "layer %q takes %d inputs, the layer before it gives %d", a.name, a.in, layers[i-1].Out())
		}
	}
	for _, l := range layers {
		a := l.parameters()
		a.self, a.taken = a, true
	}
	return &Network{model{layers: slices.Clone(layers)}}, nil
}

// isNil also finds a nil pointer to a layer.
func isNil(l Layer) bool { return l == nil || l == (*LinearLayer)(nil) || l == (*SparseLayer)(nil) }

// Init draws all weights anew and sets all biases to zero. The same seed gives
// the same weights on every machine, and a layer's weights do not depend on the
// layers above it. Weights are uniform in ±sqrt(6/(in+out)) (Glorot and Bengio
// 2010), for the ReLU-like activations in ±sqrt(6/in) (He et al. 2015). Weights that
// were held in float32 become float64, as by Widen. It must not run beside other calls.
func (n *Network) Init(seed uint64) {
	n.Widen()
	for i, l := range n.layers {
		a := l.parameters()
		if !n.sharesWeights(i) {
			a.init(rand.New(rand.NewPCG(seed, uint64(i))))
		}
		clear(a.b)
	}
}

// Layers returns the layers in order, the first takes the input. The slice is a
// copy, the layers are the network's own.
func (n *Network) Layers() []Layer { return slices.Clone(n.layers) }

// String says the network's layers and kind.
func (n *Network) String() string { return n.sizeAndKind("network") }

// Pass is what one run forward leaves for Backprop: every layer's output and, of
// the sparse layers, which entries they selected. It refers to x: leave x as it is
// until Backprop is done.
type Pass struct {
	network *Network
	x       matrix.Rows
	rows    normal.Batch // x on its way to the first layer
	layers  []layerPass
	output  matrix.Rows // the last layer's output, scaled back where it has to be
}

// Forward runs x through the network as training does; its rows are samples, its
// columns the first layer's inputs. (That differs from Predict for
// SelectBatchTopK alone, which here selects from the whole batch.) Errors wrap
// ErrEmpty, ErrShape, ErrNotFinite, ErrUnset or ErrFrozen.
func (n *Network) Forward(x mat.Matrix) (*Pass, error) {
	rows, err := dense.Rows("x", x, n.In())
	if err == nil {
		err = n.trainable()
	}
	if err == nil {
		err = n.ready(true)
	}
	if err != nil {
		return nil, err
	}
	p := &Pass{network: n, x: rows}
	in := n.rows.Enter(&p.rows, rows)
	for _, l := range n.layers {
		at := l.forward(in)
		if i := at.pre.NotFiniteRow(); i >= 0 {
			return nil, n.overflow(fmt.Sprintf("a pre-activation of layer %q", l.Name()), i)
		}
		p.layers = append(p.layers, at)
		in = at.out
	}
	p.output = in
	if n.rows.Undo {
		p.output = matrix.New(in.Rows, in.Cols)
		copy(p.output.Data, in.Data)
		n.rows.Leave(p.output, p.rows.Scales)
	}
	if err := n.checkOutput(p.output); err != nil {
		return nil, err
	}
	return p, nil
}

// checkOutput reports an output that is not finite.
func (m *model) checkOutput(out matrix.Rows) error {
	if i := out.NotFiniteRow(); i >= 0 {
		return m.overflow("the output", i)
	}
	return nil
}

// Output returns the network's output, samples by Out.
func (p *Pass) Output() *mat.Dense { return dense.Of(p.output) }

// LayerOutput returns the output of layer i, samples by the layer's Out; for a sparse
// layer with zeros where nothing was selected. That of the last layer is not scaled
// back where the network normalises its input.
func (p *Pass) LayerOutput(i int) *mat.Dense { return dense.Of(p.layers[i].out) }

// Mask returns the selection of layer i, nil where that layer does not select.
func (p *Pass) Mask(i int) *Mask { return p.layers[i].mask }

// Gradients holds the gradient of the loss with respect to every weight and bias.
type Gradients struct {
	loss    float64
	weights []*mat.Dense
	biases  []*mat.VecDense
	deltas  []*mat.Dense
}

// Loss returns the loss that these are the gradients of.
func (g *Gradients) Loss() float64 { return g.loss }

// Weights returns the gradient of layer i's weights, in the shape of its Weights.
func (g *Gradients) Weights(i int) *mat.Dense { return g.weights[i] }

// Biases returns the gradient of layer i's biases.
func (g *Gradients) Biases(i int) *mat.VecDense { return g.biases[i] }

// Delta returns the gradient at layer i's pre-activations, samples by Out. Of a
// sparse layer it is what has passed the mask: zero for every unselected unit.
func (g *Gradients) Delta(i int) *mat.Dense { return g.deltas[i] }

// Backprop returns the exact gradients of the loss between the pass's output and
// the target, one row per sample. The mask of a sparse layer is a constant of
// the pass: the delta that arrives there is multiplied by it, so a selected unit
// learns as in a dense layer and an unselected one gets exactly zero. A network
// that scales its outputs back has its loss between normalised rows: the last
// layer's output, and the target normalised as the input was. Errors wrap
// ErrEmpty, ErrShape, ErrNotFinite, ErrRange (a target that the loss is not
// defined for); a pass that another network made is ErrShape.
func (n *Network) Backprop(p *Pass, target mat.Matrix, loss Loss) (*Gradients, error) {
	if p == nil || p.network != n {
		return nil, fault.Errorf(ErrShape, "Backprop wants a pass that this network's Forward returned")
	}
	y, err := dense.Rows("target", target, n.Out())
	if err != nil {
		return nil, err
	}
	if y.Rows != p.x.Rows {
		return nil, fault.Errorf(ErrShape, "target has %d rows, the pass has %d", y.Rows, p.x.Rows)
	}
	if err := loss.checkTarget("target", y, 0); err != nil {
		return nil, err
	}
	last := len(n.layers) - 1
	act := n.layers[last].Activation()
	value, delta, err := loss.evaluate(act, p.layers[last].out, n.rows.Target(new(matrix.Rows), &p.rows, p.x, y))
	if err != nil {
		return nil, err
	}
	g := &Gradients{loss: value, weights: make([]*mat.Dense, last+1), biases: make([]*mat.VecDense, last+1), deltas: make([]*mat.Dense, last+1)}
	for i := last; i >= 0; i-- {
		l, at := n.layers[i], &p.layers[i]
		if i < last || !loss.atPre(act) {
			l.Activation().slopes(delta.Data, at.pre.Data, at.out.Data) // delta ⊙ f'(z)
		}
		if at.mask != nil {
			at.mask.apply(delta, delta) // delta ⊙ M
		}
		g.weights[i] = dense.Of(l.weightGradient(at.in, delta))
		bias := biasGradient(delta)
		g.biases[i] = mat.NewVecDense(len(bias), bias)
		g.deltas[i] = dense.Of(delta)
		if i > 0 {
			delta = l.deltaBelow(delta)
		}
	}
	n.shareGradients(g)
	return g, n.checkGradients(g)
}

// checkGradients reports a loss or a gradient that is not finite.
func (n *Network) checkGradients(g *Gradients) error {
	if !kernel.AllFinite([]float64{g.loss}) {
		return fault.Errorf(ErrNotFinite, "the loss is %v: outputs or targets are too large", g.loss)
	}
	for i, l := range n.layers {
		if dense.View(g.weights[i]).NotFiniteRow() >= 0 || !kernel.AllFinite(g.biases[i].RawVector().Data) {
			return fault.First(n.finite(), fault.Errorf(ErrNotFinite, "the gradient of layer %q overflows: data or weights are too large", l.Name()))
		}
	}
	return nil
}

// shareGradients adds up the gradients of parameters that are used in two places: tied
// weights, and a pre-bias, which the input has with the opposite sign.
func (n *Network) shareGradients(g *Gradients) {
	for i := len(n.layers) - 1; i > 0; i-- {
		if n.sharesWeights(i) {
			matrix.AddTo(dense.View(g.weights[i-1]).Data, dense.View(g.weights[i]).Data)
			g.weights[i] = g.weights[i-1]
		}
	}
	if n.rows.Shift != nil {
		last, first := g.biases[len(g.biases)-1].RawVector().Data, g.biases[0].RawVector().Data
		below := n.layers[0].deltaBelow(matrix.Rows{Data: first, Rows: 1, Cols: len(first), Stride: len(first)})
		kernel.Subtract(last, last, below.Data)
	}
}

// trainable returns an error that says why the network cannot be trained, if so.
func (n *Network) trainable() error {
	if err := n.made(); err != nil {
		return err
	}
	if !n.skip.Empty() {
		return fault.Errorf(ErrFrozen, "a network with a skip connection cannot be trained, it can only be used")
	}
	if n.noDecoder {
		return fault.Errorf(ErrFrozen, "a network without a decoder cannot be trained, it can only be used")
	}
	for _, l := range n.layers {
		if l.parameters().w.Float32 != nil {
			return fault.Errorf(ErrFrozen, "layer %q holds its weights in float32 and cannot be trained so: call Widen first", l.Name())
		}
		if s := l.sparse(); s != nil && s.gate != nil {
			return fault.Errorf(ErrFrozen, "layer %q has a gate and cannot be trained, it can only be used", s.name)
		}
	}
	return nil
}

// Widen makes all weights that are held in float32 (see Config) float64, which is
// exact and takes twice the memory. The network computes what it computed; from then
// on its Weights are live, and it can be trained if it has neither a gate nor a skip
// connection. A skip connection's own weights stay as they are. It must not run beside
// other calls.
func (n *Network) Widen() {
	tied := make([]bool, len(n.layers))
	for i := range n.layers {
		tied[i] = n.sharesWeights(i)
	}
	for i, l := range n.layers {
		a := l.parameters()
		switch {
		case a.w.Float32 == nil:
		case tied[i]:
			a.share(n.layers[i-1].parameters())
		default:
			a.w = matrix.Widened(a.w)
			a.weights = dense.Of(matrix.WideRows(a.w))
		}
	}
}
