package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestForCoversEveryItemOnce(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, procs := range []int{1, 2, 7} {
		runtime.GOMAXPROCS(procs)
		for _, n := range []int{-1, 0, 1, 2, 3, 16, 17, 1000} {
			for _, grain := range []int{1, 3, 16, 2000} {
				seen := make([]atomic.Int32, max(n, 0))
				workers := Workers(n, grain)
				ForWorkers(workers, n, grain, func(worker, lo, hi int) {
					if worker < 0 || worker >= workers {
						t.Errorf("worker %d of %d", worker, workers)
					}
					if hi-lo > grain || hi <= lo {
						t.Errorf("range [%d, %d) with grain %d", lo, hi, grain)
					}
					for i := lo; i < hi; i++ {
						seen[i].Add(1)
					}
				})
				for i := range seen {
					if got := seen[i].Load(); got != 1 {
						t.Fatalf("procs %d, n %d, grain %d: item %d seen %d times", procs, n, grain, i, got)
					}
				}
			}
		}
	}
}

// TestManyLoops runs short loops from many goroutines, one after another and with
// pauses, so that helpers are reused, end, and are taken while they are ending.
func TestManyLoops(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, procs := range []int{2, 4} {
		runtime.GOMAXPROCS(procs)
		var callers sync.WaitGroup
		for c := range 6 {
			callers.Add(1)
			go func() {
				defer callers.Done()
				sums := make([]int64, 8)
				for round := range 400 {
					clear(sums)
					ForWorkers(2+c%3, 40, 1, func(worker, lo, hi int) {
						sums[worker] += int64(hi - lo)
						if round%50 == 0 && lo == 0 {
							time.Sleep(2 * patience) // long enough for the caller to fall asleep
						}
					})
					total := int64(0)
					for _, s := range sums {
						total += s
					}
					if total != 40 {
						t.Errorf("%d of 40 items were done", total)
						return
					}
					if round%20 == c {
						time.Sleep(patience * time.Duration(c) / 2)
					}
				}
			}()
		}
		callers.Wait()
	}
}

// TestHelpersEnd: some time after the last loop there are no goroutines left.
func TestHelpersEnd(t *testing.T) {
	For(100, 1, func(_, _, _ int) {})
	for range 200 {
		helpers.Lock()
		n := len(helpers.waiting)
		helpers.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(patience)
	}
	t.Error("helpers still wait after the last loop")
}

func BenchmarkFor(b *testing.B) {
	f := func(_, _, _ int) {}
	for b.Loop() {
		For(1000, 500, f)
	}
}
