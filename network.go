package ksparse

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/screen"
	"github.com/ksparse/ksparse/internal/topk"
	"gonum.org/v1/gonum/mat"
)

// Network is a stack of layers, the output of each going into the next. Linear
// and sparse layers may stand in any order and number.
//
// Forward, Backprop, Predict, Encode and Decode may be called from any number of
// goroutines at once, as long as none trains the network or writes to its
// weights meanwhile.
type Network struct {
	layers []Layer
	frame  frame     // what happens before the first layer and after the last
	spare  sync.Pool // of *Pass, for calls that do not hand theirs out

	skip      screen.Weights // Out x In, from the rows as they came to the output; or nothing
	noDecoder bool           // the only layer is an encoder without a decoder

	plain  atomic.Bool  // screening is turned off
	stats  screen.Stats // of screening
	frozen []*screening // of a Frozen's network, layer by layer; else nil
}

// NewNetwork makes a network of the layers and draws their weights with Init(1).
// It returns an error that wraps ErrShape where a layer does not take what the
// layer before it gives, has no size, or is there twice, and ErrRange for a
// negative k or an unknown activation.
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
		return nil, errorf(ErrEmpty, "a network needs at least one layer")
	}
	seen := make(map[*affine]bool)
	for i, l := range layers {
		var a *affine
		switch l := l.(type) {
		case *LinearLayer:
			if l != nil {
				a = &l.affine
			}
		case *SparseLayer:
			if l != nil {
				a = &l.affine
				if err := l.checkSelection(); err != nil {
					return nil, err
				}
			}
		}
		if a == nil {
			return nil, errorf(ErrEmpty, "layer %d is nil", i)
		}
		if err := a.check(); err != nil {
			return nil, err
		}
		if seen[a] {
			return nil, errorf(ErrShape, "layer %q is in the network twice", a.name)
		}
		seen[a] = true
		if i > 0 && layers[i-1].Out() != a.in {
			return nil, errorf(ErrShape, "layer %q takes %d inputs, the layer before it gives %d", a.name, a.in, layers[i-1].Out())
		}
	}
	return &Network{layers: append([]Layer(nil), layers...)}, nil
}

// Init draws all weights anew and sets all biases to zero. The same seed gives
// the same weights on every machine, and a layer's weights do not depend on the
// layers above it. Weights are uniform in ±sqrt(6/(in+out)) (Glorot and Bengio
// 2010), for the ReLU-like activations in ±sqrt(6/in) (He et al. 2015). Weights that
// were held in float32 become float64, as by Widen.
func (n *Network) Init(seed uint64) {
	n.Widen()
	for i, l := range n.layers {
		a := l.base()
		if !n.sharesWeights(i) {
			a.init(rand.New(rand.NewPCG(seed, uint64(i))))
		}
		clear(a.b)
	}
}

// Layers returns the layers in order, the first takes the input. The slice is a
// copy, the layers are the network's own.
func (n *Network) Layers() []Layer { return append([]Layer(nil), n.layers...) }

// In returns how many values the network takes per sample.
func (n *Network) In() int { return n.layers[0].In() }

// Out returns how many values the network gives per sample.
func (n *Network) Out() int { return n.layers[len(n.layers)-1].Out() }

// Tie makes the linear layer after the last sparse one use that layer's weights:
// one matrix, whose row j is both what latent j detects and the dictionary atom
// that it draws. Training moves it by the sum of both gradients, and Gradients
// gives that sum for both layers. The decoder's own weights are lost. Errors wrap
// ErrNoSparseLayer, and ErrShape where no linear layer with as many outputs as the
// sparse layer has inputs comes next.
func (n *Network) Tie() error {
	sparse := n.lastSparse()
	if sparse < 0 {
		return errorf(ErrNoSparseLayer, "tied weights need a sparse layer, this network has none")
	}
	encoder := n.layers[sparse].base()
	if sparse+1 == len(n.layers) || n.layers[sparse+1].Out() != encoder.in {
		return errorf(ErrShape, "tied weights need a linear layer after layer %q that gives %d outputs", encoder.name, encoder.in)
	}
	decoder := n.layers[sparse+1].base()
	decoder.share(encoder)
	return nil
}

// Tied reports whether a layer uses the weights of the layer before it.
func (n *Network) Tied() bool {
	for i := range n.layers {
		if n.sharesWeights(i) {
			return true
		}
	}
	return false
}

// sharesWeights reports whether layer i uses the weights of the layer before it.
func (n *Network) sharesWeights(i int) bool {
	return i > 0 && n.layers[i].base().shares(n.layers[i-1].base())
}

// lastSparse returns the position of the last sparse layer, -1 if there is none.
func (n *Network) lastSparse() int { return lastSparseOf(n.layers) }

func lastSparseOf(layers []Layer) int {
	for i := len(layers) - 1; i >= 0; i-- {
		if _, ok := layers[i].(*SparseLayer); ok {
			return i
		}
	}
	return -1
}

// Pass is what one run forward leaves for Backprop: every layer's output and, of
// the sparse layers, which entries they selected. A Pass belongs to one
// goroutine at a time. It refers to x: leave x as it is until Backprop is done.
type Pass struct {
	network *Network
	x       topk.Rows
	framed  framed    // x on its way to the first layer
	entered topk.Rows // what that sees of it
	states  []*state
	output  topk.Rows // the last layer's output, dense, not scaled back
	zeros   topk.Rows // memory for that, where the last layer is sparse
	result  topk.Rows // the output scaled back, where it has to be
	rowLoss []float64
	target  topk.Rows // memory for a normalised target
	scratch []float64 // a sparse last layer's delta before the mask
	strips  strips    // of throughStrips
	skipped topk.Rows // memory for what skips the layers
}

// Forward runs x through the network as training does; its rows are samples, its
// columns the first layer's inputs. (That differs from Predict for
// SelectBatchTopK alone, which here selects from the whole batch.) Errors wrap
// ErrEmpty, ErrShape, ErrNotFinite, ErrUnset or ErrFrozen.
func (n *Network) Forward(x mat.Matrix) (*Pass, error) {
	rows, err := rowsOf("x", x, n.In())
	if err != nil {
		return nil, err
	}
	if err := n.ready(true); err != nil {
		return nil, err
	}
	p := n.newPass()
	p.train()
	n.forward(p, rows, len(n.layers))
	p.setOutput()
	p.result = p.output
	if n.frame.scales() {
		p.result = newRows(p.output.Rows, p.output.Cols)
		copy(p.result.Data, p.output.Data)
		n.frame.leave(p.result, p.framed.mean, p.framed.spread)
	}
	if err := checkOutput(p.result); err != nil {
		return nil, err
	}
	return p, nil
}

// train makes the sparse layers select as in training.
func (p *Pass) train() {
	for _, s := range p.states {
		s.training = true
	}
}

func (n *Network) newPass() *Pass {
	p := &Pass{network: n, states: make([]*state, len(n.layers))}
	for i := range p.states {
		p.states[i] = &state{k: ownK}
		if n.frozen != nil {
			p.states[i].screening = n.frozen[i]
		} else {
			p.states[i].screening = &screening{stats: &n.stats}
		}
	}
	return p
}

// sparePass returns a pass to use and give back to n.spare.
func (n *Network) sparePass() *Pass {
	if p, ok := n.spare.Get().(*Pass); ok {
		return p
	}
	return n.newPass()
}

// forward runs x through the first so many layers, in the memory that p has.
func (n *Network) forward(p *Pass, x topk.Rows, layers int) {
	p.x = x
	p.entered = n.frame.enter(&p.framed, x)
	for i, l := range n.layers[:layers] {
		l.forward(p.into(i))
	}
}

// into returns the state of layer i with its input in place, which the layers below
// have left.
func (p *Pass) into(i int) *state {
	s := p.states[i]
	s.plain, s.in = p.network.plain.Load(), signal{dense: p.entered}
	if i > 0 {
		s.in = p.states[i-1].out
	}
	return s
}

// sparseInput runs x through the layers below layer i, which is sparse, and returns
// the state of that layer with its input in place.
func (n *Network) sparseInput(p *Pass, x topk.Rows, i int) *state {
	n.forward(p, x, i)
	s := p.into(i)
	n.layers[i].(*SparseLayer).input(s)
	return s
}

// setOutput makes the last layer's output dense, and adds what skips the layers.
func (p *Pass) setOutput() {
	out := p.states[len(p.states)-1].out
	if out.isDense() {
		p.output = out.dense
		if p.network.hasSkip() {
			p.network.addSkip(p)
		}
		return
	}
	out.codes.scatter(&p.zeros, out.codes.values)
	p.output = p.zeros
}

// checkOutput reports an output that overflowed. Data and weights are finite, so
// nothing else can be wrong with it.
func checkOutput(out topk.Rows) error {
	for i := range out.Rows {
		if !kernel.AllFinite(out.Row(i)) {
			return errorf(ErrNotFinite, "the output for row %d overflows: data or weights are too large", i)
		}
	}
	return nil
}

// Output returns the network's output, samples by Out.
func (p *Pass) Output() *mat.Dense { return dense(p.result) }

// LayerOutput returns the output of layer i as a dense matrix, samples by the
// layer's Out; for a sparse layer with zeros where nothing was selected. That of
// the last layer is not scaled back where the network normalises its input.
func (p *Pass) LayerOutput(i int) *mat.Dense {
	if c := p.states[i].out.codes; c != nil {
		return c.Dense()
	}
	return dense(p.states[i].out.dense)
}

// Mask returns the selection of layer i, nil where that layer does not select.
func (p *Pass) Mask(i int) *Mask {
	if c := p.Codes(i); c != nil {
		return c.Mask()
	}
	return nil
}

// Codes returns the output of layer i as sparse codes, nil where that layer does
// not select.
func (p *Pass) Codes(i int) *Codes { return p.states[i].out.codes }

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
// defined for) or ErrPass.
func (n *Network) Backprop(p *Pass, target mat.Matrix, loss Loss) (*Gradients, error) {
	if p == nil || p.network != n {
		return nil, errorf(ErrPass, "Backprop wants a pass that this network's Forward returned")
	}
	y, err := rowsOf("target", target, n.Out())
	if err != nil {
		return nil, err
	}
	if y.Rows != p.x.Rows {
		return nil, errorf(ErrShape, "target has %d rows, the pass has %d", y.Rows, p.x.Rows)
	}
	if err := loss.checkTarget("target", y); err != nil {
		return nil, err
	}
	g := &Gradients{
		weights: make([]*mat.Dense, len(n.layers)),
		biases:  make([]*mat.VecDense, len(n.layers)),
		deltas:  make([]*mat.Dense, len(n.layers)),
	}
	if g.loss, err = n.lossDelta(p, n.frame.target(p, y), loss); err != nil {
		return nil, err
	}
	n.backward(p)
	for i, l := range n.layers {
		s := p.states[i]
		w := l.base().w
		grad := newRows(w.Rows, w.Cols)
		parallel.For(w.Rows, l.gradientRows(s), func(_, lo, hi int) {
			l.gradient(s, lo, hi, grad.Data[lo*w.Cols:hi*w.Cols])
		})
		bias := make([]float64, l.Out())
		l.biasGradient(s, bias)
		g.weights[i], g.biases[i], g.deltas[i] = dense(grad), mat.NewVecDense(len(bias), bias), s.denseDelta()
		if i > 0 && n.sharesWeights(i) { // one matrix, so one gradient: the sum
			total := g.weights[i-1]
			addTo(denseRows(total).Data, grad.Data)
			g.weights[i] = total
		}
	}
	if n.frame.shift != nil {
		first := make([]float64, n.In())
		n.layers[0].inputGradient(g.biases[0].RawVector().Data, first)
		last := g.biases[len(n.layers)-1].RawVector().Data
		kernel.Subtract(last, last, first)
	}
	return g, nil
}

// lossDelta returns the loss of p against y and sets the last layer's delta.
func (n *Network) lossDelta(p *Pass, y topk.Rows, loss Loss) (float64, error) {
	last := len(n.layers) - 1
	s := p.states[last]
	rows, cols := p.output.Rows, p.output.Cols
	s.deltaAtPre = loss.atPre(n.layers[last].Activation())
	p.rowLoss = resized(p.rowLoss, rows)
	c := s.out.codes
	if c == nil {
		s.delta = resized(s.delta, rows*cols)
		return loss.evaluate(p.output, y, s.deltaAtPre, s.delta, p.rowLoss)
	}
	// A sparse last layer: the loss sees the zeros, the delta does not.
	p.scratch = resized(p.scratch, rows*cols)
	value, err := loss.evaluate(p.output, y, s.deltaAtPre, p.scratch, p.rowLoss)
	s.delta = resized(s.delta, len(c.values))
	c.pick(s.delta, topk.Rows{Data: p.scratch, Rows: rows, Cols: cols, Stride: cols})
	return value, err
}

// backward goes from the last layer to the first. After it the gradients of all
// parameters can be read off the layers' states.
func (n *Network) backward(p *Pass) {
	for _, s := range p.states {
		if s.out.codes != nil {
			s.byLatent.build(*s.out.codes)
		}
	}
	for i := len(n.layers) - 1; i >= 0; i-- {
		var below *state
		if i > 0 {
			below = p.states[i-1]
		}
		n.layers[i].backward(p.states[i], below)
	}
}

// denseDelta returns s.delta as samples by outputs.
func (s *state) denseDelta() *mat.Dense {
	if s.out.codes == nil {
		m := newRows(s.out.dense.Rows, s.out.dense.Cols)
		copy(m.Data, s.delta)
		return dense(m)
	}
	return (&Codes{mask: s.codes.mask, values: s.delta}).Dense()
}
