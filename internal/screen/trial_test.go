package screen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/topk"
)

// trial is one random configuration.
type trial struct {
	what string
	x, w matrix.Rows
	bias []float64
	k    int
	f    topk.Func
	grid kernel.Grid

	threshold []float64
}

// funcs are the activations of ksparse as the selection sees them.
var funcs = []struct {
	name string
	f    topk.Func
}{
	{"identity", topk.Func{Value: func(z float64) float64 { return z }, Identity: true, Monotone: true}},
	{"relu", topk.Func{Value: relu, Monotone: true}},
	{"sigmoid", topk.Func{Value: kernel.Sigmoid, Monotone: true, Values: kernel.VecSigmoid}},
	{"tanh", topk.Func{Value: kernel.Tanh, Monotone: true, Values: kernel.VecTanh}},
	{"leaky", topk.Func{Value: func(z float64) float64 {
		if z > 0 {
			return z
		}
		return 0.01 * z
	}, Monotone: true}},
	{"elu", topk.Func{Value: func(z float64) float64 {
		if z > 0 {
			return z
		}
		return kernel.Expm1(z)
	}, Monotone: true}},
	{"steps", topk.Func{Value: func(z float64) float64 { return math.Floor(min(max(z, -3), 3)) }, Monotone: true}},
	{"swish", topk.Func{Value: func(z float64) float64 { return z * kernel.Sigmoid(z) }, Rising: true}},
	{"gelu", topk.Func{Value: func(z float64) float64 {
		inner := 0.7978845608028654 * math.FMA(0.044715*z*z, z, z)
		return 0.5 * z * (1 + kernel.Tanh(inner))
	}, Rising: true}},
	{"magnitude", topk.Func{Value: func(z float64) float64 { return z }, Identity: true, Monotone: true, Magnitude: true}},
	{"unknown", topk.Func{Value: func(z float64) float64 { return math.Abs(z) }}},
}

const magnitude = 9 // of funcs

func relu(z float64) float64 {
	if z > 0 {
		return z
	}
	return 0
}

func each(m matrix.Rows, f func(v float64) float64) {
	for i := range m.Rows {
		row := m.Row(i)
		for c, v := range row {
			row[c] = f(v)
		}
	}
}

func scale(v []float64, f float64) {
	for i := range v {
		v[i] *= f
	}
}

// spread draws an integer from 1 to most whose logarithm is even.
func spread(r *rand.Rand, most int) int {
	return min(most, int(math.Exp(r.Float64()*math.Log(float64(most)+1))))
}

// newTrial draws shapes, mostly small, and data.
func newTrial(r *rand.Rand, kind int) *trial {
	rows, n, d := spread(r, 97), 1+spread(r, 2048), spread(r, 1023)
	switch r.IntN(4) {
	case 0:
		d = 1 + r.IntN(40)
	case 1:
		n = 33 + r.IntN(400)
	}
	for rows*n*d > 8<<20 {
		rows = 1 + rows/2
	}
	k := 1 + r.IntN(n)
	if r.IntN(4) > 0 {
		k = 1 + r.IntN(max(1, n/16))
	}
	pad := r.IntN(3)
	normal := func(count int) []float64 {
		v := make([]float64, count)
		for i := range v {
			v[i] = r.NormFloat64()
		}
		return v
	}
	t := &trial{
		x:    matrix.Rows{Data: normal(rows * (d + pad)), Rows: rows, Cols: d, Stride: d + pad},
		w:    matrix.Rows{Data: normal(n * d), Rows: n, Cols: d, Stride: d},
		bias: normal(n),
		k:    k,
		grid: []kernel.Grid{kernel.Coarse(), kernel.GridFine}[r.IntN(2)],
	}
	kinds[kind].spoil(r, t)
	if r.IntN(5) == 0 { // weights from a file
		each(t.w, func(v float64) float64 { return float64(float32(v)) })
	}
	fn := funcs[r.IntN(len(funcs))]
	switch r.IntN(6) {
	case 0, 1, 2:
		fn = funcs[r.IntN(2)]
	case 3:
		fn = funcs[magnitude]
	}
	t.f = fn.f
	t.drawThresholds(r)
	t.what = fmt.Sprintf("%s, %s, rows=%d latents=%d inputs=%d k=%d grid=%d", kinds[kind].name, fn.name, rows, n, d, k, t.grid)
	return t
}

// drawThresholds draws thresholds of which some values lie just above, some just
// below, and to which some are equal.
func (t *trial) drawThresholds(r *rand.Rand) {
	t.threshold = make([]float64, t.w.Rows)
	level := 3 * r.NormFloat64() * math.Sqrt(float64(t.x.Cols))
	kind := r.IntN(5)
	for j := range t.threshold {
		z := kernel.Dot(t.x.Row(r.IntN(t.x.Rows)), t.w.Row(j)) + t.bias[j]
		switch {
		case kind == 0: // a ReLU
			z = 0
		case kind == 1: // one threshold for all
			z = level
		case kind == 2 || r.IntN(4) == 0:
			z *= r.NormFloat64()
		case r.IntN(3) == 0:
			z = math.Nextafter(z, math.Inf(2*r.IntN(2)-1))
		case kind == 3 && r.IntN(2) == 0:
			z = math.Inf(1)
		}
		if math.IsNaN(z) || math.IsInf(z, -1) {
			z = -math.MaxFloat64
		}
		t.threshold[j] = z
	}
}

// above compares the selection above the thresholds of row i with its definition.
func (t *trial) above(i int, idx []int32, pre []float64) string {
	n := 0
	for j, limit := range t.threshold {
		v := kernel.Dot(t.x.Row(i), t.w.Row(j)) + t.bias[j]
		if math.IsNaN(v) || math.IsInf(v, 0) {
			v = math.NaN()
		} else if !(v > limit) {
			continue
		}
		if n >= len(idx) || idx[n] != int32(j) || pre[n] != v && !math.IsNaN(v) {
			return fmt.Sprintf("row %d: latent %d with %v is above %v and is not in its place %d: %v", i, j, v, limit, n, idx)
		}
		n++
	}
	if n < len(idx) {
		return fmt.Sprintf("row %d: latent %d is not above %v, but %v", i, idx[n], t.threshold[idx[n]], pre[n])
	}
	return ""
}

func selected(rows, k int) topk.Selected {
	return topk.Selected{Idx: make([]int32, rows*k), Val: make([]float64, rows*k), Pre: make([]float64, rows*k)}
}

// differ says where two selections differ, or nothing.
func differ(got, want topk.Selected, k int) string {
	for t := range want.Idx {
		if got.Idx[t] != want.Idx[t] || !sameBits(got.Val[t], want.Val[t]) || !sameBits(got.Pre[t], want.Pre[t]) {
			return fmt.Sprintf("row %d, entry %d is latent %d with %v of %v, want %d with %v of %v", t/k, t%k,
				got.Idx[t], got.Val[t], got.Pre[t], want.Idx[t], want.Val[t], want.Pre[t])
		}
	}
	return ""
}

// listsDiffer says where two lists differ, or nothing.
func listsDiffer(got, want *topk.List) string {
	if !slices.Equal(got.Offsets, want.Offsets) {
		return fmt.Sprintf("offsets are %v, want %v", got.Offsets, want.Offsets)
	}
	if len(got.Idx) != len(want.Idx) || len(got.Pre) != len(want.Pre) {
		return fmt.Sprintf("%d and %d entries, want %d", len(got.Idx), len(got.Pre), len(want.Idx))
	}
	for t := range want.Idx {
		if got.Idx[t] != want.Idx[t] || !sameBits(got.Pre[t], want.Pre[t]) {
			return fmt.Sprintf("entry %d is latent %d with %v, want %d with %v", t, got.Idx[t], got.Pre[t], want.Idx[t], want.Pre[t])
		}
	}
	return ""
}

func sameBits(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
}

// reference is a selection of row i by its definition: all values, sorted.
func (t *trial) reference(i int) topk.Selected {
	n := t.w.Rows
	pre, val, order := make([]float64, n), make([]float64, n), make([]int32, n)
	for j := range n {
		pre[j] = kernel.Dot(t.x.Row(i), t.w.Row(j)) + t.bias[j]
		val[j] = t.f.Value(pre[j])
		order[j] = int32(j)
	}
	by := slices.Clone(val)
	if t.f.Magnitude {
		for j, v := range val {
			by[j] = math.Abs(v)
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		switch {
		case by[a] > by[b]:
			return -1
		case by[a] < by[b]:
			return 1
		}
		return 0
	})
	order = order[:t.k]
	slices.Sort(order)
	out := selected(1, t.k)
	for s, j := range order {
		out.Idx[s], out.Val[s], out.Pre[s] = j, val[j], pre[j]
	}
	return out
}

// finite reports whether all pre-activations of row i are numbers.
func (t *trial) finite(i int) bool {
	for j := range t.w.Rows {
		if v := kernel.Dot(t.x.Row(i), t.w.Row(j)) + t.bias[j]; math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
