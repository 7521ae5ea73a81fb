package screen

import (
	"sync/atomic"

	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/topk"
)

// Stats counts what Encode and EncodeAbove did. Any number of calls may share it.
type Stats struct {
	Rows       atomic.Int64 // rows encoded
	Screened   atomic.Int64 // of these, rows that were screened to the end
	Candidates atomic.Int64 // latents whose bound left them in the race, in the screened rows
	Float64    atomic.Int64 // rows that took the float64 path
}

// add counts one call: its rows, the unscreened ones that took the float64 path, and
// the candidates of the others. s may be nil.
func (s *Stats) add(rows, unscreened, candidates int) {
	if s == nil {
		return
	}
	s.Rows.Add(int64(rows))
	s.Screened.Add(int64(rows - unscreened))
	s.Candidates.Add(int64(candidates))
	s.Float64.Add(int64(unscreened))
}

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
	c.request = request{x: x, packed: packed, w: w, bias: bias, f: newActivation(identity), threshold: threshold}
	if !c.encode(stats) {
		topk.EncodeAbove(out, x, w, bias, threshold)
		return
	}
	if len(c.unscreened.rows) > 0 {
		c.unscreened.encodeAbove(&c.request, c.found.Part())
	}
	c.found.Join(out, x.Rows)
}

// identity is the activation of a selection by pre-activation.
var identity = topk.Func{Value: func(z float64) float64 { return z }, Identity: true, Monotone: true}
