package screen

import (
	"github.com/ksparse/ksparse/internal/topk"
)

// EncodePlain is topk.Encode for both kinds of weights.
func EncodePlain(out topk.Selected, x topk.Rows, w Weights, bias []float64, k int, f topk.Func) {
	if w.Narrow == nil {
		topk.Encode(out, x, w.Wide, bias, k, f)
		return
	}
	topk.EncodeNarrow(out, x, w.Narrow, bias, k, f)
}

// EncodeAbovePlain is topk.EncodeAbove for both kinds of weights.
func EncodeAbovePlain(out *topk.List, x topk.Rows, w Weights, bias, threshold []float64) {
	if w.Narrow == nil {
		topk.EncodeAbove(out, x, w.Wide, bias, threshold)
	} else {
		topk.EncodeAboveNarrow(out, x, w.Narrow, bias, threshold)
	}
}

// gather copies the rows that could not be screened, to go through the plain path
// all together, which is much faster than one by one.
func (c *call) gather() {
	n, d := len(c.plain), c.x.Cols
	c.rest = topk.Rows{Data: topk.Grown(c.rest.Data, n*d), Rows: n, Cols: d, Stride: d}
	for t, i := range c.plain {
		copy(c.rest.Row(t), c.x.Row(int(i)))
	}
}

// encodeRest encodes them.
func (c *call) encodeRest() {
	c.gather()
	n, k := len(c.plain), c.k
	c.kept.Idx, c.kept.Val, c.kept.Pre = topk.Grown(c.kept.Idx, n*k), topk.Grown(c.kept.Val, n*k), topk.Grown(c.kept.Pre, n*k)
	EncodePlain(c.kept, c.rest, c.w, c.bias, k, c.f)
	for t, i := range c.plain {
		from, to := t*k, int(i)*k
		copy(c.out.Idx[to:to+k], c.kept.Idx[from:])
		copy(c.out.Val[to:to+k], c.kept.Val[from:])
		copy(c.out.Pre[to:to+k], c.kept.Pre[from:])
	}
}

// encodeAboveRest is encodeRest for an EncodeAbove.
func (c *call) encodeAboveRest() {
	c.gather()
	EncodeAbovePlain(&c.list, c.rest, c.w, c.bias, c.threshold)
	part := c.found.Part()
	for t, i := range c.plain {
		idx, pre := c.list.Row(t)
		part.Add(int(i), idx, pre)
	}
}
