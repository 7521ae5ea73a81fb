package ksparse

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
)

// LinearLayer computes f(xW + b). Its Weights are In x Out: row j is what input
// j adds to the output; in a decoder, the dictionary atom of latent j.
type LinearLayer struct{ affine }

// NewLinearLayer returns a layer of zeros that maps in values to out values.
// NewNetwork checks the sizes and draws the weights.
func NewLinearLayer(name string, in, out int, act Activation) *LinearLayer {
	return &LinearLayer{newAffine(name, in, out, in, out, act)}
}

// forward: z = xW + b, out = f(z). Where x is codes only the k rows of W that
// they name are read.
func (l *LinearLayer) forward(s *state) {
	rows, n := l.begin(s), l.out
	if !s.in.isDense() {
		parallel.For(rows, l.forwardGrain(s), func(_, lo, hi int) { l.forwardRows(s, lo, hi) })
	} else {
		x := s.in.dense
		parallel.For(rows, productRows(rows), func(_, lo, hi int) {
			z := s.pre[lo*n : hi*n]
			clear(z)
			l.addProduct(z, n, x.Slice(lo, hi))
			addBias(z, l.b)
		})
	}
	if l.activation != Identity {
		activate(l.activation, s.post, s.pre)
	}
}

// begin makes room for the output, of as many rows as come in.
func (l *LinearLayer) begin(s *state) (rows int) {
	rows, n := s.in.rows(), l.out
	s.pre = resized(s.pre, rows*n)
	out := s.pre
	if l.activation != Identity {
		s.post = resized(s.post, rows*n)
		out = s.post
	}
	s.out.dense = topk.Rows{Data: out, Rows: rows, Cols: n, Stride: n}
	return rows
}

// forwardRows computes the pre-activations of the rows lo to hi from codes.
func (l *LinearLayer) forwardRows(s *state, lo, hi int) {
	n, c := l.out, s.in.codes
	z := s.pre[lo*n : hi*n]
	clear(z)
	l.addRows(z, n, c.mask.offsets[lo:hi+1], c.values, c.mask.indices)
	addBias(z, l.b)
}

// forwardGrain is how many rows forwardRows should be asked for at a time.
func (l *LinearLayer) forwardGrain(s *state) int {
	c := s.in.codes
	return gatherGrain(c.mask.rows, l.out, len(c.values), l.in, rowGrain(c.rowCost(l.out)))
}

// backwardRows sets below.delta of the entries of the rows lo to hi.
func (l *LinearLayer) backwardRows(s, below *state, lo, hi int) {
	mask := &s.in.codes.mask
	delta := topk.Rows{Data: s.delta, Rows: mask.rows, Cols: l.out, Stride: l.out}
	dotEntries(below.delta[mask.offsets[lo]:], delta.Slice(lo, hi), mask.offsets[lo:hi+1], l.w, mask.indices)
}

// dotEntries sets dst, one number for each entry, to the products of the rows of x with
// the rows of w that their entries name: row i idx[offsets[i]:offsets[i+1]].
func dotEntries(dst []float64, x topk.Rows, offsets []int, w topk.Rows, idx []int32) {
	for i := range x.Rows {
		from, to := offsets[i], offsets[i+1]
		kernel.DotRows(dst[from-offsets[0]:to-offsets[0]], x.Row(i), w.Data, w.Stride, idx[from:to])
	}
}

// backward: the gradient at x is delta Wᵀ; where x is codes, only at the entries
// that were selected.
func (l *LinearLayer) backward(s, below *state) {
	if !s.passed {
		s.toPre(l.activation)
	}
	if below == nil {
		return
	}
	rows := s.in.rows()
	below.deltaAtPre = false
	if c := s.in.codes; c != nil {
		below.delta = resized(below.delta, len(c.values))
		if s.in.isDense() {
			resize(&s.belowDense, rows, l.in)
			l.deltaBelow(s, s.belowDense.Data)
			c.pick(below.delta, s.belowDense)
			return
		}
		// For gradient: which samples add to row j of W, and with what factor.
		s.through = &below.byLatent
		s.factors = s.through.gather(s.factors, c.values)
		if !s.passed {
			parallel.For(rows, rowGrain(c.rowCost(l.out)), func(_, lo, hi int) { l.backwardRows(s, below, lo, hi) })
		}
		return
	}
	below.delta = resized(below.delta, rows*l.in)
	l.deltaBelow(s, below.delta)
}

// deltaBelow sets dst, one row of In numbers per sample, to delta Wᵀ.
func (l *LinearLayer) deltaBelow(s *state, dst []float64) {
	rows, n := s.in.rows(), l.out
	parallel.For(rows, productRows(rows), func(_, lo, hi int) {
		kernel.MulT(dst[lo*l.in:hi*l.in], l.in, s.delta[lo*n:hi*n], n, hi-lo, l.w.Data, l.w.Stride, l.in, n)
	})
}

func (l *LinearLayer) gradientRows(s *state) int {
	if s.in.isDense() {
		return denseGradientRows
	}
	return s.through.gradientRows(s.in.rows(), l.out)
}

// gradient: row j of dL/dW is the sum over the samples, in ascending order, of
// what input j was times delta. Where x is codes, only samples that selected j.
func (l *LinearLayer) gradient(s *state, lo, hi int, dst []float64) {
	n := l.out
	clear(dst)
	if s.in.isDense() {
		x := s.in.dense
		kernel.MulAdd(dst, n, hi-lo, n, x.Rows, x.Data[lo:], 1, x.Stride, s.delta, n)
		return
	}
	s.through.addRows(dst, s.factors, topk.Rows{Data: s.delta, Rows: s.in.rows(), Cols: n, Stride: n}, lo, hi)
}

// biasGradient: the sum of delta over the samples, in their order.
func (l *LinearLayer) biasGradient(s *state, dst []float64) {
	clear(dst)
	addRowsTo(dst, nil, topk.Rows{Data: s.delta, Rows: s.in.rows(), Cols: l.out, Stride: l.out})
}

// addRowsTo adds the rows of m to dst, in their order, times factors where those are
// not nil.
func addRowsTo(dst, factors []float64, m topk.Rows) {
	workers := parallel.Workers(m.Cols, 64)
	parallel.For(m.Cols, (m.Cols+workers-1)/workers, func(_, lo, hi int) {
		for i := 0; i < m.Rows; i += len(ascending) { // rows that fit in a cache
			n := min(len(ascending), m.Rows-i)
			some := ones[:n]
			if factors != nil {
				some = factors[i : i+n]
			}
			kernel.AddRows(dst[lo:hi], some, m.Data[i*m.Stride+lo:], m.Stride, ascending[:n])
		}
	})
}

// inputGradient: the biases' gradient is the sum of delta, which goes back through W.
func (l *LinearLayer) inputGradient(biases, dst []float64) {
	for i := range dst {
		dst[i] = kernel.Dot(l.w.Row(i), biases)
	}
}

// addBias adds b to each row of z.
func addBias(z, b []float64) {
	n := len(b)
	for i := 0; i < len(z); i += n {
		addTo(z[i:i+n], b)
	}
}

// addTo sets z += b.
func addTo(z, b []float64) { kernel.Add(z, b, z) }
