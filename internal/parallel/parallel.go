// Package parallel splits loops over the processors.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Workers returns how many goroutines a loop over n items in chunks of grain
// items uses at most: GOMAXPROCS, or fewer where there are fewer chunks.
func Workers(n, grain int) int {
	return max(1, min(runtime.GOMAXPROCS(0), (n+grain-1)/grain))
}

// For calls f for consecutive ranges [lo, hi) that cover 0 to n, each of at most
// grain items, from Workers(n, grain) goroutines. worker, from 0, tells them
// apart. Which worker gets which range differs from run to run: f must write only
// what its range owns.
func For(n, grain int, f func(worker, lo, hi int)) {
	ForWorkers(Workers(n, grain), n, grain, f)
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
		l = new(loop)
		l.run = l.work
	}
	l.n, l.grain, l.f = n, grain, f
	l.next.Store(0)
	l.workers.Store(0)
	l.done.Add(workers)
	for range workers - 1 {
		go l.run()
	}
	l.run()
	l.done.Wait()
	l.f = nil
	loops.Put(l)
}

// loop is one loop under way. It is kept for the next one, so that a loop makes
// no garbage.
type loop struct {
	n, grain int
	f        func(worker, lo, hi int)
	next     atomic.Int64 // where the next range starts
	workers  atomic.Int64 // that have begun
	done     sync.WaitGroup
	run      func() // work, made a func value once
}

var loops sync.Pool

func (l *loop) work() {
	defer l.done.Done()
	worker := int(l.workers.Add(1)) - 1
	for {
		hi := int(l.next.Add(int64(l.grain)))
		lo := hi - l.grain
		if lo >= l.n {
			return
		}
		l.f(worker, lo, min(hi, l.n))
	}
}
