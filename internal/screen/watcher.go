package screen

import "sync/atomic"

// watcher counts the candidates of every screened call. Where they are too many,
// which means that the float64 path would have been faster, it begins a pause: the
// next pauseCalls calls take the float64 path.
type watcher struct {
	paused atomic.Int32 // calls that the pause still lasts
}

const (
	// Screening is too slow where it computes more than 1/tooMany of all values.
	tooMany = 8
	// tooManyCached is in the place of tooMany where the float64 weights take no more
	// than cachedBytes, so that those of a candidate are not far away. (784 -> 1000,
	// training on normal numbers with 12 % of the values candidates: a step is 1.17
	// times as fast as with the float64 path.)
	tooManyCached = 4
	cachedBytes   = 8 << 20
	// pauseCalls is how many calls a pause lasts.
	pauseCalls = 50
)

// admit reports whether to screen the next call. A call that it refuses counts as
// one of the pause. With always it refuses none.
func (w *watcher) admit(always bool) bool {
	for !always {
		n := w.paused.Load()
		if n <= 0 {
			return true
		}
		if w.paused.CompareAndSwap(n, n-1) {
			return false
		}
	}
	return true
}

// judge begins a pause where too many values were computed for the request r, which was
// screened: those of candidates, and all of the rows that took the float64 path.
func (w *watcher) judge(r *request, computed int) {
	n := r.packed.latents
	share := tooMany
	if 8*n*r.packed.inputs <= cachedBytes {
		share = tooManyCached
	}
	if computed*share <= r.x.Rows*n {
		return
	}
	// In a call of few rows nobody has looked for outliers yet. They may be the reason,
	// and the next call is faster with them.
	if r.x.Rows < fewSamples && r.packed.findOutliers(r.x, r.w) {
		return
	}
	w.paused.Store(pauseCalls)
}
