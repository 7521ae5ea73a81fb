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
// apart. Which worker gets which range
// differs from run to run: f must write only what its range owns.
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
	var next atomic.Int64
	run := func(worker int) {
		for {
			hi := int(next.Add(int64(grain)))
			lo := hi - grain
			if lo >= n {
				return
			}
			f(worker, lo, min(hi, n))
		}
	}
	var wg sync.WaitGroup
	wg.Add(workers - 1)
	for w := 1; w < workers; w++ {
		go func() {
			defer wg.Done()
			run(w)
		}()
	}
	run(0)
	wg.Wait()
}
