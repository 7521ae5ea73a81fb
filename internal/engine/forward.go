package engine

import (
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/sparse"
)

// forward runs x through the first layers of the network, as many as asked for.
func (p *Pass) forward(x sparse.Rows, layers int) {
	p.x = x.Dense
	in := p.enter(x)
	p.begin()
	for i := range layers {
		lp := &p.layers[i]
		lp.in = in
		lp.forward(p)
		in = lp.out
	}
	if layers < len(p.layers) {
		p.layers[layers].in = in
	}
}

// enter returns what the first layer sees of x. Codes go in as they are: they come only where the first
// layer is linear, and nothing is done to rows before it or beside the layers.
func (p *Pass) enter(x sparse.Rows) signal {
	if x.Codes != nil {
		return flowing(x.Codes, &p.memory.enterDense)
	}
	return signal{dense: p.Network.Rows.Enter(&p.input, x.Dense)}
}

// flowing returns codes as a signal: with their dense form, in memory, where they are dense enough.
func flowing(c *sparse.Codes, memory *matrix.Rows) signal {
	s := signal{codes: c}
	if c.DenseEnough() {
		c.Scatter(memory, c.Values)
		s.dense = *memory
	}
	return s
}

// begin prepares the memory of all layers.
func (p *Pass) begin() {
	if len(p.layers) != len(p.Network.Layers) {
		p.layers = make([]layerPass, len(p.Network.Layers))
		for i := range p.layers {
			p.layers[i].find.k = ownK
		}
	}
	for i := range p.layers {
		p.layers[i].layer = &p.Network.Layers[i]
	}
}

// forward computes the layer's output from what has come in.
func (lp *layerPass) forward(p *Pass) {
	lp.gradient = gradient{}
	if lp.layer.Sparse() {
		lp.denseInput()
		lp.pre = lp.encode(p, &lp.memory.codes, lp.pre, lp.in.dense)
		lp.out = flowing(&lp.memory.codes, &lp.memory.outDense)
		return
	}
	lp.forwardLinear()
}

// denseInput makes what came in dense: the product that encodes is so in any case.
func (lp *layerPass) denseInput() {
	if !lp.in.isDense() {
		lp.in.codes.Scatter(&lp.memory.inDense, lp.in.codes.Values)
		lp.in.dense = lp.memory.inDense
	}
}

// forwardLinear: z = xW + b, out = f(z). Where x is codes only the rows of W that
// their entries name are read.
func (lp *layerPass) forwardLinear() {
	switch rows := lp.beginLinear(); {
	case rows == 1 && !lp.in.isDense():
		lp.decodeRows(0, 1) // without the loops below, whose functions are garbage
	case rows == 1:
		lp.multiplyRows(0, 1)
	case !lp.in.isDense():
		parallel.For(rows, lp.decodeGrain(), func(_, lo, hi int) { lp.decodeRows(lo, hi) })
	default:
		eachProduct(rows, func(_, lo, hi int) { lp.multiplyRows(lo, hi) })
	}
	activate(lp.layer.Activation, lp.out.dense.Data, lp.pre)
}

// multiplyRows computes the pre-activations of the rows lo to hi from dense rows.
func (lp *layerPass) multiplyRows(lo, hi int) {
	n := lp.layer.Out
	z := lp.pre[lo*n : hi*n]
	clear(z)
	matrix.AddProduct(z, n, lp.in.dense.Slice(lo, hi), lp.layer.W)
	addBias(z, lp.layer.B)
}

// beginLinear makes room for the output, of as many rows as have come in.
func (lp *layerPass) beginLinear() (rows int) {
	rows, n := lp.in.rows(), lp.layer.Out
	lp.pre = matrix.Resized(lp.pre, rows*n)
	out := lp.pre
	if lp.layer.Activation.Values != nil {
		lp.memory.post = matrix.Resized(lp.memory.post, rows*n)
		out = lp.memory.post
	}
	lp.out = signal{dense: matrix.Rows{Data: out, Rows: rows, Cols: n, Stride: n}}
	return rows
}

// decodeRows computes the pre-activations of the rows lo to hi from codes.
func (lp *layerPass) decodeRows(lo, hi int) {
	n, c := lp.layer.Out, lp.in.codes
	z := lp.pre[lo*n : hi*n]
	clear(z)
	matrix.AddRows(z, n, c.Offsets[lo:hi+1], c.Values, lp.layer.W, c.Indices)
	addBias(z, lp.layer.B)
}

// decodeGrain is for how many rows decodeRows should be called at a time.
func (lp *layerPass) decodeGrain() int {
	c := lp.in.codes
	return matrix.GatherGrain(c.Rows, lp.layer.Out, len(c.Values), lp.layer.In, matrix.RowGrain(c.RowCost(lp.layer.Out)))
}

// addBias adds b to each row of z.
func addBias(z, b []float64) {
	n := len(b)
	for i := 0; i < len(z); i += n {
		matrix.AddTo(z[i:i+n], b)
	}
}
