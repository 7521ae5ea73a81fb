package engine

import (
	"slices"
	"sync"

	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/screen"
	"github.com/ksparse/ksparse/internal/sparse"
	"github.com/ksparse/ksparse/internal/topk"
)

// encode sets c to the codes of x and returns the pre-activations of its entries, in
// the memory of pre where that is large enough. Only what the mask keeps is stored.
func (lp *layerPass) encode(p *Pass, c *sparse.Codes, pre []float64, x matrix.Rows) []float64 {
	l := lp.layer
	k := l.Selection.K
	if lp.find.k != ownK {
		k = lp.find.k
	}
	k = min(k, l.Out)
	switch rule := l.Selection.Rule; {
	case rule == Threshold, rule == BatchTopK && !p.inTraining:
		return lp.encodeAbove(p, c, pre, x)
	case rule == BatchTopK:
		return lp.encodeBatch(p, c, pre, x, k)
	case rule == GroupMax:
		k = l.Selection.K // the latents are cut into as many groups
	}
	c.Reset(x.Rows, l.Out, k)
	pre = matrix.Resized(pre, x.Rows*k)
	selected := topk.Selected{Idx: c.Indices, Val: c.Values, Pre: pre}
	if l.Selection.Rule == GroupMax {
		topk.EncodeGroups(selected, x, l.W, l.B, k, l.Activation.Select)
	} else {
		lp.best(p.screening, selected, x, k)
	}
	return pre
}

// best sets out to the k largest of each row, 0 <= k <= Out.
func (lp *layerPass) best(screening *Screening, out topk.Selected, x matrix.Rows, k int) {
	switch k {
	case 0:
	case lp.layer.Out:
		lp.encodeAll(out, x)
	default:
		lp.largest(screening, out, x, k)
	}
}

// integers returns the integer form of the layer's weights for a call that is worth
// screening by the given rule, nil where the call should take float64 altogether.
func (lp *layerPass) integers(screening *Screening, worth func(live bool) bool) *screen.Packed {
	l := lp.layer
	switch {
	case screening.Off():
		return nil
	case l.Copy != nil:
		if l.Copy.packed != nil && worth(false) {
			return l.Copy.packed
		}
		return nil
	case !worth(true):
		return nil
	}
	if lp.find.packed == nil {
		lp.find.packed = screen.Pack(l.W, biasBefore(l))
	} else {
		lp.find.packed.Repack(l.W, biasBefore(l))
	}
	return lp.find.packed
}

// largest sets out to the k largest of f(xWᵀ + b) in each row, 0 < k < Out.
func (lp *layerPass) largest(screening *Screening, out topk.Selected, x matrix.Rows, k int) {
	l := lp.layer
	f := l.Activation.Select
	f.Magnitude = l.Selection.Rule == AbsTopK
	packed := lp.integers(screening, func(live bool) bool { return worthScreening(l, x.Rows, k, live) })
	if packed != nil {
		screen.Encode(out, x, packed, l.W, l.B, k, f, &screening.stats)
	} else {
		topk.Encode(out, x, l.W, l.B, k, f)
	}
}

// above sets out to all that is above the thresholds.
func (lp *layerPass) above(screening *Screening, out *topk.List, x matrix.Rows) {
	l := lp.layer
	packed := lp.integers(screening, func(live bool) bool { return worthScreeningAbove(l, x.Rows, live) })
	if packed != nil {
		screen.EncodeAbove(out, x, packed, l.W, biasBefore(l), l.Selection.Thresholds, &screening.stats)
	} else {
		topk.EncodeAbove(out, x, l.W, biasBefore(l), l.Selection.Thresholds)
	}
}

// encodeAbove sets c to what is above the thresholds.
func (lp *layerPass) encodeAbove(p *Pass, c *sparse.Codes, pre []float64, x matrix.Rows) []float64 {
	l, list := lp.layer, &lp.find.list
	*list = topk.List{Offsets: c.Offsets, Idx: c.Indices, Pre: pre}
	lp.above(p.screening, list, x)
	*c = sparse.Codes{Rows: x.Rows, Cols: l.Out, Offsets: list.Offsets, Indices: list.Idx, Values: matrix.Resized(c.Values, len(list.Pre))}
	pre = list.Pre
	if l.Selection.Gate != nil {
		l.Selection.Gate.scale(pre, l.B, list.Idx)
	}
	*list = topk.List{} // it was the memory of others
	activate(l.Activation, c.Values, pre)
	return pre
}

// encodeBatch sets c to the k·rows largest positive values of the whole batch; equal
// values go to the lower row, then to the lower latent. It finds the m largest of each
// row, from these the value that k·rows of them reach, and looks for more in those
// rows only whose m-th still reaches it.
func (lp *layerPass) encodeBatch(p *Pass, c *sparse.Codes, pre []float64, x matrix.Rows, k int) []float64 {
	want := k * x.Rows
	least := lp.searchBatch(p.screening, x, k, want)
	return lp.find.batch.write(c, pre, lp.layer.Out, want, least)
}

// searchBatch finds at least the want largest positive values of the batch, about k a
// row, and returns the smallest of those want, or 0 where there are fewer.
func (lp *layerPass) searchBatch(screening *Screening, x matrix.Rows, k, want int) float64 {
	b, latents := &lp.find.batch, lp.layer.Out
	b.rows = matrix.Resized(b.rows, x.Rows)
	b.again = matrix.Resized(b.again, x.Rows)
	for i := range b.again {
		b.again[i] = i
	}
	m := min(2*k, latents)
	lp.findFirst(screening, &b.found, x, m)
	for {
		least := b.kth(want)
		b.again = b.again[:0]
		for i, r := range b.rows {
			if len(r.idx) < latents && len(r.idx) > 0 && r.least > 0 && r.least >= least {
				b.again = append(b.again, i)
			}
		}
		if len(b.again) == 0 {
			return least
		}
		m = min(4*m, latents)
		b.x = matrix.Gather(b.x, x, b.again)
		var more topk.Selected
		lp.findFirst(screening, &more, b.x, m)
	}
}

// findFirst finds the m largest of the rows x, which are those that again lists.
func (lp *layerPass) findFirst(screening *Screening, to *topk.Selected, x matrix.Rows, m int) {
	b, n := &lp.find.batch, x.Rows*m
	to.Idx, to.Val, to.Pre = matrix.Resized(to.Idx, n), matrix.Resized(to.Val, n), matrix.Resized(to.Pre, n)
	lp.best(screening, *to, x, m)
	for t, i := range b.again {
		lo, hi := t*m, (t+1)*m
		r := rowFound{idx: to.Idx[lo:hi], val: to.Val[lo:hi], pre: to.Pre[lo:hi]}
		if m > 0 {
			r.least = slices.Min(r.val)
		}
		b.rows[i] = r
	}
}

// encodeAll sets out to all latents of each row: there is nothing to choose.
func (lp *layerPass) encodeAll(out topk.Selected, x matrix.Rows) {
	c, _ := encodeAllPool.Get().(*encodeAllCall)
	if c == nil {
		c = new(encodeAllCall)
		c.rows = c.encode
	}
	c.layer, c.out, c.x = lp.layer, out, x
	eachProduct(x.Rows, c.rows)
	c.layer, c.out, c.x = nil, topk.Selected{}, matrix.Rows{}
	encodeAllPool.Put(c)
	activate(lp.layer.Activation, out.Val, out.Pre)
}

// encodeAllCall is one encodeAll. Like an activateCall it is kept.
type encodeAllCall struct {
	layer *Layer
	out   topk.Selected
	x     matrix.Rows
	rows  func(worker, lo, hi int)
}

var encodeAllPool sync.Pool

// encode computes the pre-activations of the rows lo to hi.
func (c *encodeAllCall) encode(_, lo, hi int) {
	n := c.layer.Out
	z := c.out.Pre[lo*n : hi*n]
	matrix.MulT(z, c.x.Slice(lo, hi), c.layer.W)
	for i := range hi - lo {
		matrix.AddTo(z[i*n:(i+1)*n], c.layer.B)
		for j, row := 0, c.out.Idx[(lo+i)*n:]; j < n; j++ {
			row[j] = int32(j)
		}
	}
}
