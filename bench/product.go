package main

import (
	"math/rand/v2"
	"runtime"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
)

// product64 returns a turn of the product A Bᵀ for A (m x k) and B (n x k).
func product64(m, n, k int) turn { return productTurn(kernel.MulT, m, n, k) }

// product32 is product64 for float32.
func product32(m, n, k int) turn { return productTurn(kernel.MulT32, m, n, k) }

// productTurn returns a turn of the product that mul computes.
func productTurn[T float32 | float64](mul func(dst []T, ldd int, a []T, lda, m int, b []T, ldb, n, k int), m, n, k int) turn {
	rng := rand.New(rand.NewPCG(1, 1))
	random := func(n int) []T {
		x := make([]T, n)
		for i := range x {
			x[i] = T(rng.Float64())
		}
		return x
	}
	a, b, c := random(m*k), random(n*k), make([]T, m*n)
	return repeated(func() error {
		// Even shares of the rows, in multiples of 8: those suit the register tiles.
		procs := runtime.GOMAXPROCS(0)
		share := ((m+procs-1)/procs + 7) / 8 * 8
		parallel.For(m, share, func(_, lo, hi int) {
			mul(c[lo*n:], n, a[lo*k:], k, hi-lo, b, k, n, k)
		})
		return nil
	})
}
