package screen

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
)

// EncodePlain is topk.Encode for both kinds of weights.
func EncodePlain(out topk.Selected, x topk.Rows, w Weights, bias []float64, k int, f topk.Func) {
	if w.Narrow == nil {
		topk.Encode(out, x, w.Wide, bias, k, f)
		return
	}
	const rows, latents = 64, 256
	n, d := w.Wide.Rows, w.Wide.Cols
	parallel.For(x.Rows, rows, func(_, lo, hi int) {
		s := narrowPool.Get()
		defer narrowPool.Put(s)
		s.z, s.wide = topk.Grown(s.z, (hi-lo)*n), topk.Grown(s.wide, latents*d)
		for j := 0; j < n; j += latents {
			m := min(latents, n-j)
			for i, v := range w.Narrow[j*d : (j+m)*d] {
				s.wide[i] = float64(v)
			}
			kernel.MulT(s.z[j:], n, x.Data[lo*x.Stride:], x.Stride, hi-lo, s.wide, d, m, d)
		}
		for i := range hi - lo {
			z := s.z[i*n : (i+1)*n]
			for j, b := range bias[:n] {
				z[j] += b
			}
		}
		part := topk.Selected{Idx: out.Idx[lo*k : hi*k], Val: out.Val[lo*k : hi*k], Pre: out.Pre[lo*k : hi*k]}
		topk.Select(part, topk.Rows{Data: s.z, Rows: hi - lo, Cols: n, Stride: n}, k, f)
	})
}

// EncodeAbovePlain is topk.EncodeAbove for both kinds of weights.
func EncodeAbovePlain(out *topk.List, x topk.Rows, w Weights, bias, threshold []float64) {
	if w.Narrow == nil {
		topk.EncodeAbove(out, x, w.Wide, bias, threshold)
	} else {
		topk.EncodeAboveNarrow(out, x, w.Narrow, bias, threshold)
	}
}

type narrow struct{ z, wide []float64 }

var narrowPool pool[narrow]

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
