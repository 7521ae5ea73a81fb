//go:build linux || darwin

package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// plainDotBytes is the product of q and row r of w by another way than the kernels': in int, from the
// end.
func plainDotBytes(q []int8, w []uint8, ldw int, r int32) int32 {
	sum := 0
	for p := len(q) - 1; p >= 0; p-- {
		sum += int(q[p]) * (int(w[int(r)*ldw+p]) - 128)
	}
	return int32(sum)
}

func TestDotBytes(t *testing.T) {
	screenPaths(t, func(t *testing.T, p *path) {
		f := fence(t)
		r := rand.New(rand.NewPCG(48, 0))
		for _, d := range []int{0, 1, 63, 64, 65, 128, 192, 256, 768, 1024, 4096} {
			for _, front := range []bool{false, true} {
				for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 13, 20, 57, 200} {
					const latents = 9
					ldw := d + r.IntN(5)
					what := fmt.Sprintf("d=%d, %d rows, front %v", d, n, front)
					w := make([]uint8, latents*ldw+d)
					if d > 0 {
						w = fencedSlice(f, randomBytes(r, (latents-1)*ldw+d), front)
					}
					q := make([]int8, d)
					for i, b := range randomBytes(r, d) {
						q[i] = int8(b)
					}
					if d > 0 {
						q = fencedSlice(f, q, front)
					}
					rows, want := make([]int32, n), make([]int32, n)
					for i := range rows {
						rows[i] = int32(r.IntN(latents))
						want[i] = plainDotBytes(q, w, ldw, rows[i])
					}
					got := make([]int32, n)
					if n > 0 {
						rows, got = fencedSlice(f, rows, front), fencedSlice(f, got, front)
					}
					faults(t, what, func() { p.dotBytes(got, q, w, ldw, rows) })
					if !slices.Equal(got, want) {
						t.Fatalf("%s: %v, want %v", what, got, want)
					}
					dotBytesGeneric(got, q, w, ldw, rows)
					if !slices.Equal(got, want) {
						t.Fatalf("%s, plain: %v, want %v", what, got, want)
					}
				}
			}
		}
		for _, bad := range []int32{-1, 5} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("row %d is outside and did not panic", bad)
					}
				}()
				p.dotBytes(make([]int32, 1), make([]int8, 64), make([]uint8, 5*64), 64, []int32{bad})
			}()
		}
	})
}

// TestByteCall: the calls take all rows but some that are fewer than the grain, and fetch none that
// is not there.
func TestByteCall(t *testing.T) {
	for _, grain := range []int{1, 4} {
		for _, lines := range []int{1, 2, 12, 500, 1024} {
			for rows := range 2000 {
				left := rows
				for left >= grain {
					n, ahead := byteCall(left, lines, grain)
					if n < 1 || n%grain != 0 || n+ahead > left {
						t.Fatalf("%d rows left, %d lines, grain %d: %d rows and %d ahead", left, lines, grain, n, ahead)
					}
					left -= n
				}
			}
		}
	}
}

func BenchmarkDotBytes(b *testing.B) {
	for _, d := range []int{128, 768} {
		b.Run(fmt.Sprint(d), func(b *testing.B) {
			const n = 300_000
			w, q := make([]uint8, n*d), make([]int8, d)
			rows, dst := make([]int32, 4000), make([]int32, 4000)
			for i := range w {
				w[i] = uint8(i)
			}
			for i := range rows {
				rows[i] = int32(i * 73)
			}
			b.ResetTimer()
			for i := range b.N {
				for j := range rows {
					rows[j] = (rows[j] + int32(i%7)) % n
				}
				DotBytes(dst, q, w, d, rows)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rows)), "ns/row")
		})
	}
}
