package screen

import (
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/topk"
)

// Encode is topk.Encode, with its bits, for weights w that packed is a copy of.
// stats may be nil.
func Encode(out topk.Selected, x matrix.Rows, packed *Packed, w matrix.Weights, bias []float64, k int, f topk.Func, stats *Stats) {
	c := callPool.Get()
	defer c.free()
	c.request = request{x: x, packed: packed, w: w, bias: bias, f: newActivation(f), k: k, out: out}
	if !c.encode(stats) {
		topk.Encode(out, x, w, bias, k, f)
	} else if len(c.unscreened.rows) > 0 {
		c.unscreened.encode(&c.request)
	}
}

// EncodeAbove is topk.EncodeAbove, with its bits, for weights w and biases that
// packed is a copy of. stats may be nil.
func EncodeAbove(out *topk.List, x matrix.Rows, packed *Packed, w matrix.Weights, bias, threshold []float64, stats *Stats) {
	c := callPool.Get()
	defer c.free()
	c.request = request{x: x, packed: packed, w: w, bias: bias, f: newActivation(topk.ByPreActivation), threshold: threshold}
	if !c.encode(stats) {
		topk.EncodeAbove(out, x, w, bias, threshold)
		return
	}
	if len(c.unscreened.rows) > 0 {
		c.unscreened.encodeAbove(&c.request, c.found.Part())
	}
	c.found.Join(out, x.Rows)
}
