package ksparse

import (
	"sync"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
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
// of them active. NewNetwork checks the sizes and k, and draws the weights.
func NewSparseLayer(name string, in, out, k int, act Activation) *SparseLayer {
	return &SparseLayer{affine: newAffine(name, in, out, out, in, act), k: k}
}

// K returns how many latents the layer keeps per row.
func (l *SparseLayer) K() int { return l.k }

// SetK changes how many latents the layer keeps per row: encoding with another k
// than that of the training, such as the α·k of the 2013 paper. Errors wrap
// ErrRange, as for SetSelection.
func (l *SparseLayer) SetK(k int) error {
	old := l.k
	l.k = k
	if err := l.checkSelection(); err != nil {
		l.k = old
		return err
	}
	return nil
}

// forward: z = f(xWᵀ + b), out = z ⊙ M, where M marks what is selected.
func (l *SparseLayer) forward(s *state) {
	l.input(s)
	s.pre = l.encode(&s.codes, s.pre, s.in.dense, s)
	s.out = signal{codes: &s.codes}
	if s.codes.denseEnough() {
		s.codes.scatter(&s.outDense, s.codes.values)
		s.out.dense = s.outDense
	}
}

// input makes what comes in dense: the product that encodes is so in any case.
func (l *SparseLayer) input(s *state) {
	if !s.in.isDense() {
		s.in.codes.scatter(&s.inDense, s.in.codes.values)
		s.in.dense = s.inDense
	}
}

// encode sets c to the codes of x and returns the pre-activations of its entries,
// in the memory of pre where that is large enough. Only what the mask keeps is
// ever stored.
func (l *SparseLayer) encode(c *Codes, pre []float64, x topk.Rows, s *state) []float64 {
	k := l.k
	if s.k != ownK {
		k = s.k
	}
	switch {
	case l.selection == SelectThreshold, l.selection == SelectBatchTopK && !s.training:
		return l.encodeAbove(c, pre, x, s)
	case l.selection == SelectBatchTopK:
		return l.encodeBatch(c, pre, x, k, s)
	case l.selection == SelectGroupMax:
		k = l.k // groups are cut by it
	}
	k = min(k, l.out)
	c.reset(x.Rows, l.out, k)
	pre = resized(pre, x.Rows*k)
	selected := topk.Selected{Idx: c.mask.indices, Val: c.values, Pre: pre}
	if l.selection == SelectGroupMax {
		topk.EncodeGroups(selected, x, l.w, l.narrow, l.b, k, l.activation.forSelection())
	} else {
		l.largest(selected, x, k, s)
	}
	return pre
}

// chooses says that there are latents to find, and others to pass over.
func (l *SparseLayer) chooses() bool {
	return l.byThreshold() || 0 < l.k && l.k < l.out
}

// byThreshold says that the layer selects by thresholds, in training aside.
func (l *SparseLayer) byThreshold() bool {
	return l.selection == SelectThreshold || l.selection == SelectBatchTopK
}

// largest sets out to the k largest of each row, 0 <= k <= Out.
func (l *SparseLayer) largest(out topk.Selected, x topk.Rows, k int, s *state) {
	switch k {
	case 0:
	case l.out:
		l.all(out, x)
	default:
		l.find(out, x, k, s.screening, s.plain)
	}
}

// all is largest for k = Out, where there is nothing to choose.
func (l *SparseLayer) all(out topk.Selected, x topk.Rows) {
	c, _ := allCalls.Get().(*allCall)
	if c == nil {
		c = new(allCall)
		c.rows = c.encode
	}
	c.l, c.out, c.x = l, out, x
	parallel.For(x.Rows, productRows(x.Rows), c.rows)
	c.l, c.out, c.x = nil, topk.Selected{}, topk.Rows{}
	allCalls.Put(c)
	activate(l.activation, out.Val, out.Pre)
}

// allCall is one all. Like an activating it is kept.
type allCall struct {
	l    *SparseLayer
	out  topk.Selected
	x    topk.Rows
	rows func(worker, lo, hi int)
}

var allCalls sync.Pool

func (c *allCall) encode(_, lo, hi int) {
	n := c.l.out
	z := c.out.Pre[lo*n : hi*n]
	mulT(z, c.x.Slice(lo, hi), c.l.exact())
	for i := range hi - lo {
		addTo(z[i*n:(i+1)*n], c.l.b)
		for j, row := 0, c.out.Idx[(lo+i)*n:]; j < n; j++ {
			row[j] = int32(j)
		}
	}
}

// backward: delta is there for selected entries only, and the gradient at x is
// the sum of those entries' rows of W.
func (l *SparseLayer) backward(s, below *state) {
	s.toPre(l.activation)
	s.through = &s.byLatent
	s.factors = s.through.gather(s.factors, s.delta) // for gradient
	if s.out.isDense() {
		s.codes.scatter(&s.deltaDense, s.delta)
	}
	if below == nil {
		return
	}
	rows, c := s.in.rows(), &s.codes
	below.deltaAtPre = false
	if s.in.codes == nil {
		below.delta = resized(below.delta, rows*l.in)
	} else {
		below.delta = resized(below.delta, len(s.in.codes.values))
	}
	parallel.For(rows, rowGrain(c.rowCost(l.in)), func(_, lo, hi int) {
		var spare []float64
		if s.in.codes != nil {
			spare = make([]float64, l.in)
		}
		for i := lo; i < hi; i++ {
			row := spare
			if s.in.codes == nil {
				row = below.delta[i*l.in : (i+1)*l.in]
			}
			clear(row)
			from, to := c.mask.offsets[i], c.mask.offsets[i+1]
			kernel.AddRows(row, s.delta[from:to], l.w.Data, l.w.Stride, c.mask.indices[from:to])
			if s.in.codes != nil {
				s.in.codes.pickRow(below.delta, i, row)
			}
		}
	})
}

func (l *SparseLayer) gradientRows(s *state) int {
	if s.out.isDense() {
		return denseGradientRows
	}
	return s.through.gradientRows(s.in.rows(), l.in)
}

// gradient: row j of dL/dW is the sum over the samples that selected latent j, in
// ascending order, of their delta times their input. A latent that no sample
// selected gets exactly zero.
func (l *SparseLayer) gradient(s *state, lo, hi int, dst []float64) {
	x := s.in.dense
	clear(dst)
	if s.out.isDense() {
		kernel.MulAdd(dst, l.in, hi-lo, l.in, x.Rows, s.deltaDense.Data[lo:], 1, l.out, x.Data, x.Stride)
		return
	}
	s.through.addRows(dst, s.factors, x, lo, hi)
}

// biasGradient: the sum of each latent's deltas over the samples.
func (l *SparseLayer) biasGradient(s *state, dst []float64) {
	for j := range dst {
		from, to := s.through.latent(j)
		sum := 0.0
		for _, d := range s.factors[from:to] {
			sum += d
		}
		dst[j] = sum
	}
}

// inputGradient: the biases' gradient is the sum of delta, which goes back through W.
func (l *SparseLayer) inputGradient(biases, dst []float64) {
	clear(dst)
	addRowsTo(dst, biases, l.w)
}

// ascending has the first indices, ones as many factors of 1.
var ascending, ones = func() (idx [64]int32, factors [64]float64) {
	for i := range idx {
		idx[i], factors[i] = int32(i), 1
	}
	return idx, factors
}()
