package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// loop is one loop while it runs. Its memory is kept for the next one, so that a loop
// makes no garbage.
type loop struct {
	n, grain int
	f        func(worker, lo, hi int)
	shares   []share      // one for each worker
	helpers  atomic.Int32 // that have begun
	pending  atomic.Int32 // helpers that have not finished
	asleep   atomic.Bool  // the caller waits for finished
	finished chan struct{}
}

// share has the ranges of one worker, on a cache line of its own.
type share struct {
	next atomic.Int64 // where the next range starts
	end  int64
	_    [48]byte
}

// loops keeps the memory of loops that have ended.
var loops sync.Pool

// newLoop returns a loop for one caller and workers-1 helpers.
func newLoop(workers, n, grain int, f func(worker, lo, hi int)) *loop {
	l, _ := loops.Get().(*loop)
	if l == nil {
		l = &loop{finished: make(chan struct{}, 1)}
	}
	l.n, l.grain, l.f = n, grain, f
	l.divide(workers)
	l.helpers.Store(0)
	l.pending.Store(int32(workers - 1))
	return l
}

// free keeps the memory of l for the next loop.
func (l *loop) free() {
	l.f = nil
	loops.Put(l)
}

// divide gives all workers the same number of ranges, but for one.
func (l *loop) divide(workers int) {
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

// work takes ranges until none is left, those of its own share first.
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

// done reports whether all helpers have finished.
func (l *loop) done() bool { return l.pending.Load() == 0 }

// wait returns when all helpers have finished.
func (l *loop) wait() {
	for i := 0; !l.done(); i++ {
		if i < 64 {
			continue
		}
		if patiently(l.done) {
			return
		}
		// Either the last helper finds asleep set and sends, or it had finished before
		// and does not send. The last helper of an earlier loop in the same memory may
		// find asleep set, too: so after waking up, this loop need not be done.
		// (Swap, not Store: the write must be visible before the read that follows it,
		// and emulated arm64 lets a load pass a store.)
		for !l.done() {
			l.asleep.Swap(true)
			if l.done() && l.asleep.CompareAndSwap(true, false) {
				return
			}
			<-l.finished
		}
		return
	}
}

// helperDone counts a helper as finished, and wakes the caller after the last one.
func (l *loop) helperDone() {
	if l.pending.Add(-1) == 0 && l.asleep.CompareAndSwap(true, false) {
		l.finished <- struct{}{}
	}
}

// patience is how long a goroutine checks again and again whether there is something to
// do before it goes to sleep. A training step is some twenty loops one after another; to
// wake a processor for each of them takes longer than many of the loops themselves.
const patience = 50 * time.Microsecond

// patiently calls ready again and again. It returns true as soon as ready does, and false
// once patience is over.
func patiently(ready func() bool) bool {
	var begin time.Time
	for i := 0; ; i++ {
		if ready() {
			return true
		}
		if i%64 != 63 {
			continue
		}
		runtime.Gosched() // other goroutines may need the processor more
		if now := time.Now(); begin.IsZero() {
			begin = now
		} else if now.Sub(begin) > patience {
			return false
		}
	}
}
