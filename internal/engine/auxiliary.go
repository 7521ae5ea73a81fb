package engine

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/sparse"
	"github.com/ksparse/ksparse/internal/stat"
	"github.com/ksparse/ksparse/internal/topk"
)

// auxiliary is the part of AuxK in a nested objective: dead latents reconstruct what the
// others leave over.
type auxiliary struct {
	k         int // 0 for no auxiliary loss
	weight    float64
	deadAfter int
	variance  float64 // of the data

	dead  deadLatents
	found topk.Selected
	local []int32 // of each entry: its place among the dead latents
	mean  []float64
	scale float64 // of the auxiliary errors, in the gradient
	strip strips
}

// deadLatents holds copies of what belongs to the dead latents: rows that lie together
// are gathered once a step.
type deadLatents struct {
	latents []int32
	rows    matrix.Rows // of the encoder
	bias    []float64
	atoms   matrix.Rows // of the decoder
}

// gather copies the rows of the dead latents.
func (d *deadLatents) gather(encoder, decoder *Layer) {
	n := len(d.latents)
	d.bias = matrix.Resized(d.bias, n)
	d.rows.Resize(n, encoder.In)
	d.atoms.Resize(n, decoder.Out)
	w, atoms := matrix.WideRows(encoder.W), matrix.WideRows(decoder.W)
	parallel.For(n, matrix.RowGrain(encoder.In), func(_, lo, hi int) {
		for t, j := range d.latents[lo:hi] {
			copy(d.rows.Row(lo+t), w.Row(int(j)))
			copy(d.atoms.Row(lo+t), atoms.Row(int(j)))
			d.bias[lo+t] = encoder.B[j]
		}
	})
}

// find sets part to the entries of AuxK: of each row the dead latents with the largest
// pre-activations, at most k of them, those that are positive.
func (a *auxiliary) find(part *sparse.Codes, t *training, x matrix.Rows) {
	encoder, decoder := &t.pass.Network.Layers[0], &t.pass.Network.Layers[1]
	part.Clear(encoder.Out)
	a.dead.latents = a.dead.latents[:0]
	if a.k > 0 {
		a.dead.latents = t.activity.dead(a.dead.latents, a.deadAfter)
	}
	n := len(a.dead.latents)
	k := min(a.k, n)
	if n > 0 {
		a.dead.gather(encoder, decoder)
		size := x.Rows * k
		a.found = topk.Selected{Idx: matrix.Resized(a.found.Idx, size), Val: matrix.Resized(a.found.Val, size), Pre: matrix.Resized(a.found.Pre, size)}
		a.search(x, k)
	}
	a.local = a.local[:0]
	for i := range x.Rows {
		for e := i * k; e < (i+1)*k; e++ {
			if value := a.found.Val[e]; value > 0 {
				t := a.found.Idx[e]
				a.local = append(a.local, t)
				part.Indices = append(part.Indices, a.dead.latents[t])
				part.Values = append(part.Values, value)
			}
		}
		part.EndRow()
	}
}

// search finds the k dead latents with the largest pre-activations of each row.
func (a *auxiliary) search(x matrix.Rows, k int) {
	w := matrix.Wide(a.dead.rows)
	if k < w.Rows {
		topk.Encode(a.found, x, w, a.dead.bias, k, reluSelect)
		return
	}
	lp := layerPass{layer: &Layer{In: w.Cols, Out: w.Rows, W: w, B: a.dead.bias, Activation: reluActivation}}
	lp.encodeAll(a.found, x)
}

// reluSelect and reluActivation are max(z, 0), by which the dead latents are searched.
var (
	reluSelect = topk.Func{Value: func(z float64) float64 {
		if z > 0 {
			return z
		}
		return 0
	}, Monotone: true, ReLU: true}
	reluActivation = &Activation{Values: func(out, pre []float64) { reluSelect.Apply(out, pre) }}
)

// leastSpread is the share of the data's variance that the errors' variance counts as at
// least: in a batch of nearly equal rows it says nothing of how much is left to explain.
const leastSpread = 1e-4

// loss computes ê, returns the loss of AuxK and leaves ê-e in hat. With r = x̂-y = -e,
// the errors of the main level, that is ê+r, and Σ|e-ē|² = Σ|r-r̄|². rowLoss is
// memory for two numbers for each row.
func (a *auxiliary) loss(part *sparse.Codes, r, hat matrix.Rows, rowLoss []float64) float64 {
	rows, n, atoms := r.Rows, r.Cols, a.dead.atoms
	a.mean = matrix.Resized(a.mean, n)
	clear(a.mean)
	matrix.AddRowsTo(a.mean, nil, r)
	kernel.Scale(a.mean, 1/float64(rows))
	lefts, totals := rowLoss[:rows], rowLoss[rows:2*rows]
	size := len(part.Values)
	parallel.For(rows, matrix.GatherGrain(rows, n, size, atoms.Rows, matrix.RowGrain(size/rows*n)), func(_, lo, hi int) {
		to := hat.Slice(lo, hi).Data[:(hi-lo)*n]
		clear(to)
		kernel.AddRowsBatch(to, n, n, part.Offsets[lo:hi+1], part.Values, atoms.Data, atoms.Stride, a.local)
		for i := lo; i < hi; i++ {
			totals[i] = stat.SquaredDistance(nil, r.Row(i), a.mean)
			row := hat.Row(i)
			matrix.AddTo(row, r.Row(i))
			lefts[i] = kernel.Dot(row, row)
		}
	})
	total, left := 0.0, 0.0
	for i, square := range totals {
		total += square
		left += lefts[i]
	}
	a.scale = 0
	if total == 0 {
		return 0 // nothing is left over for the dead latents to explain
	}
	weight := a.weight * a.variance / max(total, float64(rows)*a.variance*leastSpread)
	a.scale = 2 * weight
	return weight * left
}

// backward sets the factors of the entries of AuxK, and scales the errors in hat.
func (a *auxiliary) backward(factor []float64, part *sparse.Codes, hat matrix.Rows) {
	a.strip.each(hat.Rows, len(part.Values), func(st *strip, lo, hi int) {
		x, offsets := hat.Slice(lo, hi), part.Offsets[lo:hi+1]
		kernel.Scale(x.Data[:x.Rows*x.Cols], a.scale)
		st.dots(factor[offsets[0]:offsets[x.Rows]], x, offsets, a.dead.atoms, a.local)
	})
}
