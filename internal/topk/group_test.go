package topk

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// TestEncodeGroups compares with the definition, on weights in float64 and float32,
// among them equal ones, however the work was split.
func TestEncodeGroups(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	rng := rand.New(rand.NewPCG(16, 17))
	for _, s := range []struct{ rows, d, k, size int }{{1, 1, 1, 1}, {3, 5, 7, 1}, {40, 9, 1, 30}, {2, 70, 5, 300}, {1, 130, 600, 2}, {30, 20, 13, 33}} {
		n := s.k * s.size
		draw := rng.NormFloat64
		if s.size%2 == 0 {
			draw = func() float64 { return float64(rng.IntN(3) - 1) } // ties
		}
		x := matrix.Rows{Data: fill(s.rows*s.d, draw), Rows: s.rows, Cols: s.d, Stride: s.d}
		w := matrix.New(n, s.d)
		for i := range w.Data {
			w.Data[i] = float64(float32(draw()))
		}
		narrow, _ := matrix.Narrowed(matrix.Wide(w))
		bias := fill(n, draw)
		for name, f := range testFuncs {
			if f.Magnitude {
				continue
			}
			want := groupsOf(x, w, bias, s.k, f)
			for _, procs := range []int{1, 2, 5} {
				runtime.GOMAXPROCS(procs)
				for _, weights := range []matrix.Weights{matrix.Wide(w), narrow} {
					got := selected(s.rows, s.k)
					EncodeGroups(got, x, weights, bias, s.k, f)
					if !slices.Equal(got.Idx, want.Idx) || !slices.Equal(got.Val, want.Val) || !slices.Equal(got.Pre, want.Pre) {
						t.Fatalf("%s %v procs=%d: got %v, want %v", name, s, procs, got, want)
					}
				}
			}
		}
	}
}

// groupsOf is EncodeGroups by its definition.
func groupsOf(x, w matrix.Rows, bias []float64, k int, f Func) Selected {
	out, size := selected(x.Rows, k), w.Rows/k
	for i := range x.Rows {
		idx, val, pre := out.row(i, k)
		for j := range w.Rows {
			z := kernel.Dot(x.Row(i), w.Row(j)) + bias[j]
			if v, g := f.Value(z), j/size; j%size == 0 || v > val[g] {
				idx[g], val[g], pre[g] = int32(j), v, z
			}
		}
	}
	return out
}

// TestEncodeFloat32: weights in float32 give the bits of the same numbers in float64.
func TestEncodeFloat32(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	rng := rand.New(rand.NewPCG(18, 19))
	for _, s := range []struct{ rows, d, n, k int }{{1, 1, 2, 1}, {40, 30, 383, 9}, {5, 7, 385, 384}, {2, 120, 1500, 20}} {
		x := matrix.Rows{Data: fill(s.rows*s.d, rng.NormFloat64), Rows: s.rows, Cols: s.d, Stride: s.d}
		narrow := matrix.Weights{Rows: s.n, Cols: s.d, Float32: make([]float32, s.n*s.d)}
		for i := range narrow.Float32 {
			narrow.Float32[i] = float32(rng.NormFloat64())
		}
		bias := fill(s.n, rng.NormFloat64)
		for name, f := range testFuncs {
			want, got := selected(s.rows, s.k), selected(s.rows, s.k)
			Encode(want, x, matrix.Widened(narrow), bias, s.k, f)
			for _, procs := range []int{1, 3} {
				runtime.GOMAXPROCS(procs)
				Encode(got, x, narrow, bias, s.k, f)
				if what := fmt.Sprintf("%s %v procs=%d", name, s, procs); !slices.Equal(got.Idx, want.Idx) || !slices.Equal(got.Val, want.Val) || !slices.Equal(got.Pre, want.Pre) {
					t.Fatalf("%s: got %v, want %v", what, got, want)
				}
			}
		}
	}
}
