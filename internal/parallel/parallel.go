// Package parallel splits loops over the processors.
package parallel

import "runtime"

// Workers returns how many goroutines a loop over n items in ranges of grain
// items uses at most: GOMAXPROCS, or fewer where there are fewer ranges.
func Workers(n, grain int) int {
	return max(1, min(runtime.GOMAXPROCS(0), (n+grain-1)/grain))
}

// Even returns a grain of at most the given number of items, with which a loop over n
// items has the same number of ranges for each processor, so that none waits for
// another. Where all items are one range, they stay one.
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
// grain items, on Workers(n, grain) goroutines; worker is the number of the goroutine,
// from 0. Each worker begins with its own share of the items, the same share in every
// loop over n items, so that what one loop wrote is still in the cache of the core on
// which the next loop reads it; then it takes ranges from the shares of others. So
// which worker gets which range differs from run to run: f must write only what its
// range owns.
func For(n, grain int, f func(worker, lo, hi int)) {
	if n > 0 {
		grain = Even(n, grain)
		ForWorkers(Workers(n, grain), n, grain, f)
	}
}

// ForWorkers is For with a given number of goroutines, for callers that have memory for
// each of them. GOMAXPROCS may change at any time, so a call of Workers and then of For
// could give two numbers.
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
	l := newLoop(workers, n, grain, f)
	for range workers - 1 {
		help(l)
	}
	l.work(0)
	l.wait()
	l.free()
}
