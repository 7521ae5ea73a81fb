package engine

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// backward goes from layer from down to the first. Each layer finds in delta the
// gradient at its output. Afterwards all parameters' gradients can be read off.
func (p *Pass) backward(from int) {
	for i := from; i >= 0; i-- {
		lp := &p.layers[i]
		parallel.For(len(lp.delta), activationGrain, func(_, lo, hi int) { lp.slopes(lo, hi) })
		if i > 0 {
			lp.below(&p.layers[i-1])
		} else {
			lp.below(nil)
		}
	}
}

// below says where the layer's weight gradient comes from and, where there is a layer
// below, sets the delta at that layer's output. The layer's own is at its
// pre-activations.
func (lp *layerPass) below(below *layerPass) {
	if lp.layer.Sparse() {
		lp.sparseGradient()
		if below != nil {
			lp.belowSparse(below)
		}
		return
	}
	lp.linearGradient(below)
	if below != nil {
		lp.belowLinear(below)
	}
}

// sparseGradient: the weight gradient has the entries' deltas times the input.
func (lp *layerPass) sparseGradient() {
	m := &lp.memory
	lp.indexEntries()
	m.factors = m.index.Gather(m.factors, lp.delta)
	lp.gradient = gradient{right: lp.in.dense, index: &m.index, factors: m.factors}
	if lp.out.isDense() {
		lp.out.codes.Scatter(&m.deltaDense, lp.delta)
		lp.gradient.left = m.deltaDense
	}
}

// indexEntries lists the entries of the layer's codes by latent, once in a run.
func (lp *layerPass) indexEntries() {
	if lp.gradient.index == nil {
		lp.memory.index.Build(*lp.out.codes)
		lp.gradient.index = &lp.memory.index
	}
}

// linearGradient: the weight gradient has the input times delta. Where the input is
// codes it has their entries only, which belong to the layer below or have come in.
func (lp *layerPass) linearGradient(below *layerPass) {
	n := lp.layer.Out
	lp.gradient = gradient{right: matrix.Rows{Data: lp.delta, Rows: lp.in.rows(), Cols: n, Stride: n}}
	if lp.in.isDense() {
		lp.gradient.left = lp.in.dense
		return
	}
	if below == nil {
		lp.memory.index.Build(*lp.in.codes)
		lp.gradient.index = &lp.memory.index
	} else {
		below.indexEntries()
		lp.gradient.index = below.gradient.index
	}
	lp.memory.factors = lp.gradient.index.Gather(lp.memory.factors, lp.in.codes.Values)
	lp.gradient.factors = lp.memory.factors
}

// belowSparse: the delta below is the sum of the rows of W that the entries name, times
// the entries' deltas.
func (lp *layerPass) belowSparse(below *layerPass) {
	l, c, in := lp.layer, lp.out.codes, lp.in
	rows := in.rows()
	below.makeDelta()
	w := matrix.WideRows(l.W)
	parallel.For(rows, matrix.RowGrain(c.RowCost(l.In)), func(_, lo, hi int) {
		var spare []float64
		if in.codes != nil {
			spare = make([]float64, l.In)
		}
		for i := lo; i < hi; i++ {
			row := spare
			if in.codes == nil {
				row = below.delta[i*l.In : (i+1)*l.In]
			}
			clear(row)
			from, to := c.Offsets[i], c.Offsets[i+1]
			kernel.AddRows(row, lp.delta[from:to], w.Data, w.Stride, c.Indices[from:to])
			if in.codes != nil {
				in.codes.PickRow(below.delta, i, row)
			}
		}
	})
}

// belowLinear: the delta below is delta Wᵀ; where the input is codes, only at the
// entries that were selected.
func (lp *layerPass) belowLinear(below *layerPass) {
	rows, c := lp.in.rows(), lp.in.codes
	below.makeDelta()
	switch {
	case c == nil:
		lp.deltaWT(below.delta)
	case lp.in.isDense():
		lp.memory.belowDense.Resize(rows, lp.layer.In)
		lp.deltaWT(lp.memory.belowDense.Data)
		c.Pick(below.delta, lp.memory.belowDense)
	default:
		parallel.For(rows, matrix.RowGrain(c.RowCost(lp.layer.Out)), func(_, lo, hi int) { lp.deltaAtEntries(below, lo, hi) })
	}
}

// makeDelta makes room for a delta in the layout of the output.
func (lp *layerPass) makeDelta() {
	if c := lp.out.codes; c != nil {
		lp.delta = matrix.Resized(lp.delta, len(c.Values))
	} else {
		lp.delta = matrix.Resized(lp.delta, lp.out.dense.Rows*lp.out.dense.Cols)
	}
}

// deltaWT sets dst, one row of In numbers for each of the batch, to delta Wᵀ.
func (lp *layerPass) deltaWT(dst []float64) {
	l, n := lp.layer, lp.layer.Out
	eachProduct(lp.in.rows(), func(_, lo, hi int) {
		matrix.MulT(dst[lo*l.In:hi*l.In], matrix.Rows{Data: lp.delta[lo*n : hi*n], Rows: hi - lo, Cols: n, Stride: n}, l.W)
	})
}

// deltaAtEntries sets the deltas below of the entries of the rows lo to hi.
func (lp *layerPass) deltaAtEntries(below *layerPass, lo, hi int) {
	c, n := lp.in.codes, lp.layer.Out
	delta := matrix.Rows{Data: lp.delta, Rows: c.Rows, Cols: n, Stride: n}
	dotEntries(below.delta[c.Offsets[lo]:], delta.Slice(lo, hi), c.Offsets[lo:hi+1], matrix.WideRows(lp.layer.W), c.Indices)
}

// dotEntries sets dst, one number for each entry, to the products of the rows of x with
// the rows of w that their entries name: row i has idx[offsets[i]:offsets[i+1]].
func dotEntries(dst []float64, x matrix.Rows, offsets []int, w matrix.Rows, idx []int32) {
	for i := range x.Rows {
		from, to := offsets[i], offsets[i+1]
		kernel.DotRows(dst[from-offsets[0]:to-offsets[0]], x.Row(i), w.Data, w.Stride, idx[from:to])
	}
}

// slopes turns the numbers lo to hi of the layer's delta from the gradient at the
// output into that at the pre-activations: delta ⊙ f'(pre).
func (lp *layerPass) slopes(lo, hi int) {
	if f := lp.layer.Activation.Slopes; f != nil {
		f(lp.delta[lo:hi], lp.pre[lo:hi], lp.values()[lo:hi])
	}
}

// lastSlopes is slopes for the last layer, for which the loss may have done it.
func (lp *layerPass) lastSlopes(l *Loss, lo, hi int) {
	if !l.AtPre {
		lp.slopes(lo, hi)
	}
}

// biasGradient sets dst to the gradient of the layer's biases: the sum of delta over the
// rows of the batch, in ascending order.
func (lp *layerPass) biasGradient(dst []float64) {
	g := &lp.gradient
	if !lp.layer.Sparse() {
		clear(dst)
		matrix.AddRowsTo(dst, nil, matrix.Rows{Data: lp.delta, Rows: lp.in.rows(), Cols: lp.layer.Out, Stride: lp.layer.Out})
		return
	}
	for j := range dst {
		from, to := g.index.Latent(j)
		sum := 0.0
		for _, d := range g.factors[from:to] {
			sum += d
		}
		dst[j] = sum
	}
}
