package parallel

import (
	"runtime"
	"sync/atomic"
	"testing"
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
