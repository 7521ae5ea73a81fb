//go:build linux || darwin

package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestScreenDotPairs(t *testing.T) {
	screenPaths(t, func(t *testing.T, p *path) {
		f := fence(t)
		r := rand.New(rand.NewPCG(45, 0))
		for _, d := range screenSizes() {
			for _, front := range []bool{false, true} {
				const rows, latents = 3, 5
				n, ldx, ldw := r.IntN(14), d+r.IntN(3), d+r.IntN(3)
				what := fmt.Sprintf("d=%d, %d pairs, front %v", d, n, front)
				x, w := fencedSlice(f, matrix(r, rows, ldx, d), front), fencedSlice(f, matrix(r, latents, ldw, d), front)
				if d == 0 {
					x, w = make([]float64, rows*ldx), make([]float64, latents*ldw)
				}
				w32, exact := fencedSlice(f, narrow32(w), front), slices.Clone(w)
				for i, v := range w32 {
					exact[i] = float64(v)
				}
				pairs := make([]Pair, n)
				for i := range pairs {
					pairs[i] = Pair{int32(r.IntN(rows)), int32(r.IntN(latents))}
				}
				pairs = fencedSlice(f, pairs, front)
				got, want := fencedSlice(f, make([]float64, n), front), make([]float64, n)
				plain := dotPairsBy(dotGeneric)
				faults(t, what, func() { p.dotPairs(got, x, ldx, w, ldw, d, pairs) })
				plain(want, x, ldx, w, ldw, d, pairs)
				compare(t, what, got, want)
				faults(t, what, func() { p.dotPairs32(got, x, ldx, w32, ldw, d, pairs) })
				plain(want, x, ldx, exact, ldw, d, pairs)
				compare(t, "float32: "+what, got, want)
				dotPairs32Generic(got, x, ldx, w32, ldw, d, pairs)
				compare(t, "float32, plain: "+what, got, want)
			}
		}
	})
}

func TestScreenDotPairs16(t *testing.T) {
	screenPaths(t, func(t *testing.T, p *path) {
		f := fence(t)
		r := rand.New(rand.NewPCG(47, 0))
		for _, d := range []int{0, 32, 64, 96, 128, 160, 192, 512, 768, 1024, 4096} {
			for _, front := range []bool{false, true} {
				for range 8 {
					const rows, latents = 3, 5
					n, ldx, ldw := r.IntN(20), 2*d+r.IntN(5), 2*d+r.IntN(5)
					if d > 3000 {
						n += 50 // more than one call takes
					}
					what := fmt.Sprintf("d=%d, %d pairs, front %v", d, n, front)
					x := fencedSlice(f, randomBytes(r, (rows-1)*ldx+2*d), front)
					w := fencedSlice(f, randomBytes(r, (latents-1)*ldw+2*d), front)
					pairs := make([]Pair, n)
					for i := range pairs {
						pairs[i] = Pair{int32(r.IntN(rows)), int32(r.IntN(latents))}
					}
					pairs = fencedSlice(f, pairs, front)
					got, want := fencedSlice(f, make([]int32, n), front), make([]int32, n)
					faults(t, what, func() { p.dotPairs16(got, x, ldx, w, ldw, d, pairs) })
					dotPairs16Generic(want, x, ldx, w, ldw, d, pairs)
					if !slices.Equal(got, want) {
						t.Fatalf("%s: %v, want %v", what, got, want)
					}
				}
			}
		}
		for _, bad := range []Pair{{3, 0}, {0, 5}, {-1, 0}, {0, -1}} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%v is outside and did not panic", bad)
					}
				}()
				p.dotPairs16(make([]int32, 1), make([]uint8, 3*64), 64, make([]uint8, 5*64), 64, 32, []Pair{bad})
			}()
		}
	})
}
