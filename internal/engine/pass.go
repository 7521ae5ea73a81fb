package engine

import (
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/screen"
	"github.com/ksparse/ksparse/internal/sparse"
	"github.com/ksparse/ksparse/internal/topk"
)

// Pass is the memory of runs through a network, one at a time: what it needs once it
// keeps for the next run.
type Pass struct {
	Network    Network // the view that runs go through, filled in by whoever calls
	screening  *Screening
	inTraining bool // sparse layers select as in training

	x       matrix.Rows  // the rows as they came in; none where they are codes
	input   normal.Batch // the same on their way to the first layer
	layers  []layerPass
	output  matrix.Rows // the last layer's output as dense rows, not scaled back
	rowLoss []float64
	memory  passMemory
}

// passMemory is what a Pass needs for some networks only.
type passMemory struct {
	scatter matrix.Rows // for the output, where the last layer is sparse
	skipped matrix.Rows // for what goes past the layers
	target  matrix.Rows // for normalised targets

	enterDense matrix.Rows  // for codes that come in, as dense rows, where they are dense enough
	part       sparse.Codes // for some of many rows of codes
}

// NewPass returns a pass through a network that is still to be filled in.
func NewPass(s *Screening) *Pass { return &Pass{screening: s} }

// signal is what flows from one layer to the next: dense rows, or codes, or both
// forms of the same where the codes are dense enough.
type signal struct {
	codes *sparse.Codes // nil where there are only dense rows
	dense matrix.Rows   // without Data where there are only codes
}

func (s signal) isDense() bool { return s.dense.Data != nil }

// rows returns how many rows flow.
func (s signal) rows() int {
	if s.codes != nil {
		return s.codes.Rows
	}
	return s.dense.Rows
}

// layerPass is what a run leaves of one layer. pre and delta are laid out like the
// output: row after row where it is dense, else one number for each entry of the
// codes. So an unselected unit has no delta at all, which is how the mask is applied
// on the way back.
type layerPass struct {
	layer    *Layer
	in, out  signal
	pre      []float64 // pre-activations
	delta    []float64 // gradient of the loss: at the output, then at pre
	gradient gradient  // where rows of the weights' gradient come from
	find     finding   // of a sparse layer
	memory   layerMemory
}

// finding is what a sparse layer needs to find its active latents.
type finding struct {
	k      int            // how many, for this run, instead of the layer's k; ownK for that
	packed *screen.Packed // integers that calls make for themselves
	batch  batchSelection
	list   topk.List // memory for what is above thresholds
}

// ownK as a finding's k stands for the layer's own.
const ownK = -1

// layerMemory is the memory that a layer's signals and deltas lie in.
type layerMemory struct {
	post       []float64    // a linear layer's output, where it is not pre itself
	codes      sparse.Codes // a sparse layer's output
	index      sparse.Index // its entries, latent by latent; of a linear first layer those that came in
	factors    []float64    // of the gradient
	inDense    matrix.Rows  // codes that came in, as dense rows, for a sparse layer
	outDense   matrix.Rows  // codes that go out, as dense rows, where they are dense enough
	deltaDense matrix.Rows  // a sparse layer's delta likewise
	belowDense matrix.Rows  // the delta of such a layer below, before the mask
}

// values returns what the activation made of pre, in the same layout.
func (lp *layerPass) values() []float64 {
	if lp.out.codes != nil {
		return lp.out.codes.Values
	}
	return lp.out.dense.Data
}

// setOutput makes the last layer's output dense, and adds what goes past the layers.
func (p *Pass) setOutput() {
	out := p.layers[len(p.layers)-1].out
	if !out.isDense() {
		out.codes.Scatter(&p.memory.scatter, out.codes.Values)
		p.output = p.memory.scatter
		return
	}
	p.output = out.dense
	if !p.Network.Skip.Empty() {
		p.addSkip()
	}
}

// addSkip adds x Skipᵀ to the output, where x is what came in.
func (p *Pass) addSkip() {
	p.memory.skipped.Resize(p.x.Rows, p.output.Cols)
	if p.x.Rows == 1 {
		p.addSkipRows(0, 1) // without a function for the loop, which is garbage
		return
	}
	eachProduct(p.x.Rows, func(_, lo, hi int) { p.addSkipRows(lo, hi) })
}

// addSkipRows is addSkip for the rows lo to hi.
func (p *Pass) addSkipRows(lo, hi int) {
	cols := p.output.Cols
	part := p.memory.skipped.Data[lo*cols : hi*cols]
	matrix.MulT(part, p.x.Slice(lo, hi), p.Network.Skip)
	matrix.AddTo(p.output.Data[lo*cols:hi*cols], part)
}

// eachProduct calls f for ranges of the rows of a dense product.
func eachProduct(rows int, f func(worker, lo, hi int)) {
	parallel.For(rows, matrix.ProductRows(rows), f)
}
