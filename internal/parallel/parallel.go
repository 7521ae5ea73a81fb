// Package parallel splits loops over the processors.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Workers returns how many goroutines a loop over n items in chunks of grain
// items uses at most: GOMAXPROCS, or fewer where there are fewer chunks.
func Workers(n, grain int) int {
	return max(1, min(runtime.GOMAXPROCS(0), (n+grain-1)/grain))
}

// Even returns a grain of at most so many items with which a loop over n items
// has as many ranges for each processor, so that none waits for another. What
// fits one range stays one.
func Even(n, grain int) int {
	workers := runtime.GOMAXPROCS(0)
	ranges := (n + grain - 1) / grain
	if ranges <= 1 {
		return grain
	}
	ranges = (ranges + workers - 1) / workers * workers
	return max(1, (n+ranges-1)/ranges)
}

// For calls f for consecutive ranges [lo, hi) that cover 0 to n, each of at most
// grain items, from Workers(n, grain) goroutines. worker, from 0, tells them
// apart. Each worker begins with its own share of the items, the same in every
// loop over as many, so that what one loop wrote is still in the cache of the
// core on which the next one reads it; then it takes from the shares of others.
// So which worker gets which range differs from run to run: f must write only what
// its range owns.
func For(n, grain int, f func(worker, lo, hi int)) {
	if n > 0 {
		grain = Even(n, grain)
		ForWorkers(Workers(n, grain), n, grain, f)
	}
}

// ForWorkers is For with a number of goroutines that the caller knows
// beforehand, to give each of them memory of its own. GOMAXPROCS may change at
// any time, so asking Workers and then calling For would not do.
func ForWorkers(workers, n, grain int, f func(worker, lo, hi int)) {
	if n <= 0 {
		return
	}
	if workers == 1 {
		for lo := 0; lo < n; lo += grain {
			f(0, lo, min(lo+grain, n))
		}
		return
	}
	l, _ := loops.Get().(*loop)
	if l == nil {
		l = &loop{finished: make(chan struct{}, 1)}
	}
	l.n, l.grain, l.f = n, grain, f
	l.share(workers)
	l.helpers.Store(0)
	l.pending.Store(int32(workers - 1))
	for range workers - 1 {
		help(l)
	}
	l.work(0)
	l.wait()
	l.f = nil
	loops.Put(l)
}

// loop is one loop under way. It is kept for the next one, so that a loop makes
// no garbage.
type loop struct {
	n, grain int
	f        func(worker, lo, hi int)
	shares   []share      // one for each worker
	helpers  atomic.Int32 // that have begun
	pending  atomic.Int32 // helpers that are not through
	asleep   atomic.Bool  // whoever called waits for finished
	finished chan struct{}
}

var loops sync.Pool

// share is a worker's part of the ranges, on a cache line of its own.
type share struct {
	next atomic.Int64 // where the next range starts
	end  int64
	_    [48]byte
}

// share gives each worker as many ranges as the others, or one more or less.
func (l *loop) share(workers int) {
	if cap(l.shares) < workers {
		l.shares = make([]share, workers)
	}
	l.shares = l.shares[:workers]
	ranges := (l.n + l.grain - 1) / l.grain
	for w := range l.shares {
		s := &l.shares[w]
		s.next.Store(int64(w * ranges / workers * l.grain))
		s.end = int64(min((w+1)*ranges/workers*l.grain, l.n))
	}
}

// work takes ranges until none is left, its own first.
func (l *loop) work(worker int) {
	for i := range l.shares {
		s := &l.shares[(worker+i)%len(l.shares)]
		for {
			lo := s.next.Add(int64(l.grain)) - int64(l.grain)
			if lo >= s.end {
				break
			}
			l.f(worker, int(lo), int(min(lo+int64(l.grain), s.end)))
		}
	}
}

// patience is how long a goroutine looks again and again whether there is
// something to do before it goes to sleep. A training step is some twenty loops
// one after another; to wake a processor for each of them takes longer than many
// of the loops themselves.
const patience = 50 * time.Microsecond

// patiently calls ready again and again until it is true, which it then reports,
// or patience is over.
func patiently(ready func() bool) bool {
	var begin time.Time
	for i := 0; ; i++ {
		if ready() {
			return true
		}
		if i%64 != 63 {
			continue
		}
		runtime.Gosched() // others may need the processor more
		if now := time.Now(); begin.IsZero() {
			begin = now
		} else if now.Sub(begin) > patience {
			return false
		}
	}
}

// wait returns when all helpers are through.
func (l *loop) wait() {
	for i := 0; l.pending.Load() != 0; i++ {
		if i < 64 {
			continue
		}
		if patiently(l.through) {
			return
		}
		// Either the last helper finds asleep set and sends, or it was through before
		// and nobody does. The last helper of an earlier loop in the same memory may
		// find it set, too: waking up does not say that this loop is through.
		// (Swap, not Store: what is written must be seen before what is read next, and
		// emulated arm64 lets a load pass a store.)
		for !l.through() {
			l.asleep.Swap(true)
			if l.through() && l.asleep.CompareAndSwap(true, false) {
				return
			}
			<-l.finished
		}
		return
	}
}

func (l *loop) through() bool { return l.pending.Load() == 0 }

// helper is a goroutine that works for one loop after another, and ends when none
// has come for some time.
type helper struct {
	loop atomic.Pointer[loop] // to work for
	run  func()               // work, made a func value once
	busy func() bool
}

// helpers has those that wait for a loop, which the last of them gets first, and
// the remains of those that have ended.
var helpers struct {
	sync.Mutex
	waiting, ended []*helper
}

// help has a goroutine work for l.
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

func (h *helper) work() {
	for {
		l := h.loop.Swap(nil)
		l.work(int(l.helpers.Add(1)))
		helpers.Lock()
		helpers.waiting = append(helpers.waiting, h)
		helpers.Unlock()
		// Only now may the caller go on: the next loop finds this helper waiting.
		if l.pending.Add(-1) == 0 && l.asleep.CompareAndSwap(true, false) {
			l.finished <- struct{}{}
		}
		if !patiently(h.busy) && h.end() {
			return
		}
		for !h.hasLoop() { // it was taken just now
			runtime.Gosched()
		}
	}
}

// end takes h from those that wait, unless somebody has taken it.
func (h *helper) end() bool {
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
