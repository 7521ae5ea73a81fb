package topk

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// reference selects by sorting: values down, indices up, NaN last of all.
func reference(values []float64, k int) []int32 {
	order := make([]int32, len(values))
	for j := range order {
		order[j] = int32(j)
	}
	key := func(v float64) float64 {
		if math.IsNaN(v) {
			return math.Inf(-1)
		}
		return v
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		switch va, vb := key(values[a]), key(values[b]); {
		case va > vb:
			return -1
		case va < vb:
			return 1
		}
		return 0
	})
	chosen := slices.Clone(order[:k])
	slices.Sort(chosen)
	return chosen
}

// rowKinds are rows that a selection gets wrong first.
var rowKinds = map[string]func(rng *rand.Rand, n int) []float64{
	"normal": func(rng *rand.Rand, n int) []float64 { return fill(n, rng.NormFloat64) },
	"integers": func(rng *rand.Rand, n int) []float64 {
		return fill(n, func() float64 { return float64(rng.IntN(5) - 2) })
	},
	"all equal":  func(_ *rand.Rand, n int) []float64 { return fill(n, func() float64 { return 0.5 }) },
	"ascending":  func(_ *rand.Rand, n int) []float64 { i := 0.0; return fill(n, func() float64 { i++; return i }) },
	"descending": func(_ *rand.Rand, n int) []float64 { i := 0.0; return fill(n, func() float64 { i--; return i }) },
	"zeros of both signs": func(rng *rand.Rand, n int) []float64 {
		return fill(n, func() float64 { return math.Copysign(0, rng.Float64()-0.5) })
	},
	"denormals": func(rng *rand.Rand, n int) []float64 {
		return fill(n, func() float64 { return float64(rng.IntN(9)-4) * math.SmallestNonzeroFloat64 })
	},
	"huge": func(rng *rand.Rand, n int) []float64 {
		return fill(n, func() float64 { return (2*rng.Float64() - 1) * math.MaxFloat64 })
	},
	"saturating": func(rng *rand.Rand, n int) []float64 {
		return fill(n, func() float64 { return 60 * (rng.Float64() - 0.3) })
	},
	"mostly negative": func(rng *rand.Rand, n int) []float64 {
		return fill(n, func() float64 { return rng.NormFloat64() - 2 })
	},
	"infinities and NaN": func(rng *rand.Rand, n int) []float64 {
		odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, 1}
		return fill(n, func() float64 { return odd[rng.IntN(len(odd))] })
	},
}

func fill(n int, f func() float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = f()
	}
	return v
}

// The activations as the selection sees them: monotone ones, with saturation and
// with a flat half, and one that falls first.
var testFuncs = map[string]Func{
	"identity": {Value: func(z float64) float64 { return z }, Identity: true, Monotone: true},
	"sigmoid":  {Value: kernel.Sigmoid, Monotone: true},
	"sigmoids": {Value: kernel.Sigmoid, Monotone: true, Values: kernel.VecSigmoid},
	"relu":     {Value: func(z float64) float64 { return max(z, 0) }, Monotone: true},
	"swish":    {Value: func(z float64) float64 { return z * kernel.Sigmoid(z) }},

	"magnitude": {Value: func(z float64) float64 { return z }, Identity: true, Monotone: true, Magnitude: true},
}

func TestSelectAgainstSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for kind, make := range rowKinds {
		for name, f := range testFuncs {
			for range 60 {
				n := 1 + rng.IntN(700)
				k := 1 + rng.IntN(n)
				if rng.IntN(3) > 0 {
					k = 1 + rng.IntN(min(n, 40))
				}
				if rng.IntN(10) == 0 {
					k = max(1, n-1)
				}
				z := make(rng, n)
				values := fill(n, func() float64 { return 0 })
				for j := range values {
					values[j] = f.Value(z[j])
				}
				out := selected(1, k)
				Select(out, matrix.Rows{Data: z, Rows: 1, Cols: n, Stride: n}, k, f)
				checkSelected(t, fmt.Sprintf("%s %s n=%d k=%d", kind, name, n, k), out, 0, k, z, values, f)
			}
		}
	}
}

func selected(rows, k int) Selected {
	return Selected{Idx: make([]int32, rows*k), Val: make([]float64, rows*k), Pre: make([]float64, rows*k)}
}

func checkSelected(t *testing.T, what string, out Selected, row, k int, z, values []float64, f Func) {
	t.Helper()
	idx, val, pre := out.row(row, k)
	order := values
	if f.Magnitude {
		order = slices.Clone(values)
		for j, v := range values {
			order[j] = math.Abs(v)
		}
	}
	if want := reference(order, k); !slices.Equal(idx, want) {
		t.Errorf("%s: selected %v, want %v", what, idx, want)
		return
	}
	for i, j := range idx {
		if math.IsNaN(order[j]) || math.IsInf(order[j], -1) {
			if val[i] != math.Inf(-1) || pre[i] != math.Inf(-1) {
				t.Errorf("%s: latent %d, which has no value, has %v of %v", what, j, val[i], pre[i])
			}
			continue
		}
		if val[i] != values[j] || pre[i] != z[j] {
			t.Errorf("%s: latent %d has value %v of %v, want %v of %v", what, j, val[i], pre[i], values[j], z[j])
		}
	}
}

// TestEncodeAgainstDot: the fused encode gives the bits of values that are computed
// one at a time, whatever the batch, and however the work was split.
func TestEncodeAgainstDot(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	rng := rand.New(rand.NewPCG(5, 6))
	for range 60 {
		rows, n, d := 1+rng.IntN(40), 1+rng.IntN(300), 1+rng.IntN(70)
		if rng.IntN(3) == 0 {
			rows, n, d = 1+rng.IntN(4), 500+rng.IntN(1000), 60+rng.IntN(100) // split by latents
		}
		n++
		k := 1 + rng.IntN(min(n-1, 1+rng.IntN(50)))
		draw := rng.NormFloat64
		switch rng.IntN(3) {
		case 0:
			draw = func() float64 { return float64(rng.IntN(3) - 1) } // ties
		case 1:
			draw = func() float64 { return 4 * rng.NormFloat64() } // a sigmoid saturates
		}
		pad := rng.IntN(3)
		x := matrix.Rows{Data: fill(rows*(d+pad), draw), Rows: rows, Cols: d, Stride: d + pad}
		w := matrix.Rows{Data: fill(n*d, draw), Rows: n, Cols: d, Stride: d}
		bias := fill(n, draw)
		for name, f := range testFuncs {
			for _, procs := range []int{1, 2, 5} {
				runtime.GOMAXPROCS(procs)
				out := selected(rows, k)
				Encode(out, x, matrix.Wide(w), bias, k, f)
				for i := range rows {
					z := make([]float64, n)
					values := make([]float64, n)
					for j := range z {
						z[j] = kernel.Dot(x.Row(i), w.Row(j)) + bias[j]
						values[j] = f.Value(z[j])
					}
					checkSelected(t, fmt.Sprintf("%s rows=%d n=%d d=%d k=%d procs=%d row=%d", name, rows, n, d, k, procs, i), out, i, k, z, values, f)
				}
			}
		}
	}
}

// TestEncodeOverflow: of pre-activations that overflow, to infinities and NaN, Encode
// chooses what Select does, however the rows and latents are cut, and the first value of
// such a row is NaN.
func TestEncodeOverflow(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	rng := rand.New(rand.NewPCG(10, 11))
	for range 200 {
		rows, n, d := 1+rng.IntN(8), 2+rng.IntN(900), 2+rng.IntN(6)
		k := 1 + rng.IntN(min(n-1, 1+rng.IntN(500)))
		draw := func() float64 { return math.Ldexp(rng.NormFloat64(), rng.IntN(1020)) }
		x, w := matrix.Rows{Data: fill(rows*d, draw), Rows: rows, Cols: d, Stride: d}, matrix.Rows{Data: fill(n*d, draw), Rows: n, Cols: d, Stride: d}
		bias := fill(n, rng.NormFloat64)
		for name, f := range testFuncs {
			z := make([]float64, rows*n)
			for i := range rows {
				for j := range n {
					z[i*n+j] = kernel.Dot(x.Row(i), w.Row(j)) + bias[j]
				}
			}
			want, got := selected(rows, k), selected(rows, k)
			Select(want, matrix.Rows{Data: z, Rows: rows, Cols: n, Stride: n}, k, f)
			for i := range rows {
				values := fill(n, func() float64 { return 0 })
				for j := range values {
					values[j] = f.Value(z[i*n+j])
				}
				checkSelected(t, fmt.Sprintf("Select %s rows=%d n=%d d=%d k=%d row=%d", name, rows, n, d, k, i), want, i, k, z[i*n:], values, f)
				if !kernel.AllFinite(z[i*n : (i+1)*n]) {
					want.Val[i*k] = math.NaN()
				}
			}
			for _, procs := range []int{1, 4} {
				runtime.GOMAXPROCS(procs)
				Encode(got, x, matrix.Wide(w), bias, k, f)
				for e := range want.Idx {
					if got.Idx[e] != want.Idx[e] || !same(got.Pre[e], want.Pre[e]) || !same(got.Val[e], want.Val[e]) {
						t.Fatalf("%s rows=%d n=%d k=%d: entry %d is %v of %v by Encode, %v of %v by Select", name, rows, n, k, e, got.Val[e], got.Pre[e], want.Val[e], want.Pre[e])
					}
				}
			}
		}
	}
}

func FuzzSelect(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 4, 4, 0}, uint8(3))
	f.Add([]byte{0, 0, 0}, uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, k8 uint8) {
		if len(data) == 0 {
			return
		}
		k := 1 + int(k8)%len(data)
		z := make([]float64, len(data))
		for i, b := range data {
			z[i] = float64(int8(b)) / 4
		}
		for name, fn := range testFuncs {
			values := make([]float64, len(z))
			for j := range z {
				values[j] = fn.Value(z[j])
			}
			out := selected(1, k)
			Select(out, matrix.Rows{Data: z, Rows: 1, Cols: len(z), Stride: len(z)}, k, fn)
			checkSelected(t, name, out, 0, k, z, values, fn)
		}
	})
}

// BenchmarkEncode is one batch of 256 rows of 784 inputs, k = 25.
func BenchmarkEncode(b *testing.B) {
	const rows, d, k = 256, 784, 25
	rng := rand.New(rand.NewPCG(14, 15))
	for _, c := range []struct {
		latents int
		f       string
	}{{100, "sigmoids"}, {1000, "relu"}} {
		b.Run(fmt.Sprintf("%d/%s", c.latents, c.f), func(b *testing.B) {
			draw := func() float64 { return rng.NormFloat64() / 28 }
			x := matrix.Rows{Data: fill(rows*d, rng.NormFloat64), Rows: rows, Cols: d, Stride: d}
			w := matrix.Rows{Data: fill(c.latents*d, draw), Rows: c.latents, Cols: d, Stride: d}
			bias, out := fill(c.latents, draw), selected(rows, k)
			for b.Loop() {
				Encode(out, x, matrix.Wide(w), bias, k, testFuncs[c.f])
			}
		})
	}
}
