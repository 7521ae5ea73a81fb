package screen

import (
	"sync"

	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/topk"
)

// # The float64 path
//
// It is what package topk does: it computes all values of a row in float64. The rows
// of a call that cannot be screened, or have too many candidates, take it together,
// which is much faster than one after the other.

// unscreened lists those rows of a call, and has the memory to encode them.
type unscreened struct {
	mu   sync.Mutex
	rows []int32 // of the call

	x    matrix.Rows   // copies of the rows
	kept topk.Selected // what is selected of them
	list topk.List     // the same, of an EncodeAbove
}

// reset empties the list.
func (u *unscreened) reset() { u.rows = u.rows[:0] }

// add adds rows of the block that begins with row lo of the call. Any number of
// goroutines may call it at once.
func (u *unscreened) add(lo int, rows []int32) {
	if len(rows) == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, i := range rows {
		u.rows = append(u.rows, int32(lo)+i)
	}
}

// encode encodes the rows of the Encode r.
func (u *unscreened) encode(r *request) {
	u.gather(r.x)
	n, k := len(u.rows), r.k
	u.kept.Idx = matrix.Resized(u.kept.Idx, n*k)
	u.kept.Val, u.kept.Pre = matrix.Resized(u.kept.Val, n*k), matrix.Resized(u.kept.Pre, n*k)
	topk.Encode(u.kept, u.x, r.w, r.bias, k, r.f.Func)
	for t, i := range u.rows {
		from, to := t*k, int(i)*k
		copy(r.out.Idx[to:to+k], u.kept.Idx[from:])
		copy(r.out.Val[to:to+k], u.kept.Val[from:])
		copy(r.out.Pre[to:to+k], u.kept.Pre[from:])
	}
}

// encodeAbove encodes the rows of the EncodeAbove r, into part.
func (u *unscreened) encodeAbove(r *request, part *topk.Part) {
	u.gather(r.x)
	topk.EncodeAbove(&u.list, u.x, r.w, r.bias, r.threshold)
	for t, i := range u.rows {
		idx, pre := u.list.Row(t)
		part.Add(int(i), idx, pre)
	}
}

// gather copies the rows from those of the call, one after the other.
func (u *unscreened) gather(x matrix.Rows) {
	u.x.Resize(len(u.rows), x.Cols)
	for t, i := range u.rows {
		copy(u.x.Row(t), x.Row(int(i)))
	}
}
