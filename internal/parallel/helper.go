package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// helper is a goroutine that works for one loop after another, and ends when none
// has come for some time.
type helper struct {
	loop atomic.Pointer[loop] // to work for
	run  func()               // the method work, made a func value once
	busy func() bool          // the method hasLoop, likewise
}

// helpers has the helpers that wait for a loop, the last of which gets the next loop, and
// the memory of those that have ended.
var helpers struct {
	sync.Mutex
	waiting, ended []*helper
}

// help makes one more goroutine work for l: a helper that waits, or else a new one.
func help(l *loop) {
	helpers.Lock()
	if n := len(helpers.waiting); n > 0 {
		h := helpers.waiting[n-1]
		helpers.waiting = helpers.waiting[:n-1]
		helpers.Unlock()
		h.loop.Store(l)
		return
	}
	var h *helper
	if n := len(helpers.ended); n > 0 {
		h = helpers.ended[n-1]
		helpers.ended = helpers.ended[:n-1]
	} else {
		h = new(helper)
		h.run, h.busy = h.work, h.hasLoop
	}
	helpers.Unlock()
	h.loop.Store(l)
	go h.run()
}

func (h *helper) hasLoop() bool { return h.loop.Load() != nil }

// work works for loops until no further one comes.
func (h *helper) work() {
	for {
		l := h.loop.Swap(nil)
		l.work(int(l.helpers.Add(1)))
		helpers.Lock()
		helpers.waiting = append(helpers.waiting, h)
		helpers.Unlock()
		l.helperDone() // only now, so that the next loop finds this helper waiting
		if !patiently(h.busy) && h.retire() {
			return
		}
		for !h.hasLoop() { // help has chosen this helper and is about to store the loop
			runtime.Gosched()
		}
	}
}

// retire removes h from the helpers that wait, unless help has chosen it meanwhile.
func (h *helper) retire() bool {
	helpers.Lock()
	defer helpers.Unlock()
	for i, w := range helpers.waiting {
		if w == h {
			helpers.waiting = append(helpers.waiting[:i], helpers.waiting[i+1:]...)
			helpers.ended = append(helpers.ended, h)
			return true
		}
	}
	return false
}
