package ksparse

import (
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
)

// multiTopK is how many times k latents the second reconstruction of MultiTopK has.
const multiTopK = 4

// levels is forward, loss and backward for an autoencoder that reconstructs more
// than once from one selection:
//
//	Matryoshka   x̂_g from the selected latents below the g-th prefix;
//	MultiTopK    x̂_0 from the k largest, x̂_1 from the 4k largest;
//	AuxK         ê from the dead latents with the largest pre-activations.
//
// The reconstructions of the first two are nested: each has the entries of the one
// before and some more. So an entry that joins at level g is part of the levels g,
// g+1, ..., and all that its gradients need is the sum of these levels' errors,
// each with its weight. The stack holds those sums, one row per sample for level 0,
// then for level 1, ..., and last the errors of the auxiliary reconstruction, whose
// entries are a part of their own. What then remains is what the plain step does:
// an entry's delta is the product of its atom with its row of the stack, its
// atom's gradient is its value times that row, its encoder's its delta times the
// input.
type levels struct {
	net      *Network
	variance float64
	weights  []float64 // of the levels' losses
	main     int       // the level whose loss is reported as the reconstruction's
	prefixes []int     // of Matryoshka: where the levels end
	k        int       // of MultiTopK's level 0 in this step
	aux      AuxK      // K = 0 for none

	parts   []Codes   // entries that join at each level, then those of AuxK
	at      [][]int32 // of each entry of the levels' parts: its place in the codes
	rank    []float64 // memory for finding a row's k-th value
	stack   topk.Rows
	strips  strips
	rowLoss []float64
	byPart  entries     // of all parts, part after part
	encode  latentIndex // these entries by latent
	decode  latentIndex // the same with rows of the stack as samples

	dead  deadLatents
	mean  []float64
	scale float64 // of the auxiliary errors
}

// entries holds numbers of the entries of all parts, part after part.
type entries struct {
	first              []int // where each part begins, and the end
	value, pre, factor []float64
}

func newLevels(n *Network, cfg TrainConfig, variance float64) *levels {
	v := &levels{net: n, variance: variance, weights: []float64{1}, aux: cfg.AuxK}
	latents := n.layers[0].Out()
	switch {
	case cfg.MultiTopK > 0:
		v.weights = []float64{1, cfg.MultiTopK}
	case len(cfg.Matryoshka) > 0:
		v.prefixes = slices.Clone(cfg.Matryoshka)
		if v.prefixes[len(v.prefixes)-1] < latents {
			v.prefixes = append(v.prefixes, latents)
		}
		v.main = len(v.prefixes) - 1
		v.weights = make([]float64, len(v.prefixes))
		for g := range v.weights {
			v.weights[g] = 1 / float64(len(v.prefixes))
		}
	}
	v.parts = make([]Codes, len(v.weights)+1)
	v.at = make([][]int32, len(v.weights))
	return v
}

// pass does steps 1 to 3 of a training step: see stepper.step.
func (v *levels) pass(s *stepper, x, y topk.Rows) (stepReport, error) {
	n, p := v.net, s.pass
	n.forward(p, x, 1)
	c := &p.states[0].codes
	y = n.frame.target(p, y)
	report := stepReport{}
	if c.notFinite() >= 0 {
		return report, s.diverged("a code is no longer finite")
	}
	v.split(c)
	if v.main == 0 {
		s.watch(&report, &v.parts[0])
	} else {
		s.watch(&report, c)
	}
	aux := &v.parts[len(v.weights)]
	v.dead.find(aux, s, v.aux, p.states[0].in.dense)
	v.reconstruct(y)
	v.losses(s, &report, y.Rows)
	if math.IsNaN(report.loss) || math.IsInf(report.loss, 0) {
		return report, s.diverged("the loss is %v", report.loss)
	}
	v.backward(p)
	return report, nil
}

// wanted returns how many latents a step must find for one that keeps k.
func (v *levels) wanted(k int) int {
	v.k = k
	if len(v.weights) == 2 && v.prefixes == nil {
		k *= multiTopK
	}
	return min(k, v.net.layers[0].Out())
}

// split deals the entries of c out to the levels that they join at.
func (v *levels) split(c *Codes) {
	levels := len(v.weights)
	for g := range v.parts {
		v.parts[g].clear(c.mask.cols)
	}
	for g := range v.at {
		v.at[g] = v.at[g][:0]
	}
	for i := range c.mask.rows {
		indices, values := c.Row(i)
		base := int32(c.mask.offsets[i])
		switch {
		case v.prefixes != nil:
			t := 0
			for g, end := range v.prefixes {
				for ; t < len(indices) && int(indices[t]) < end; t++ {
					v.join(g, indices[t], values[t], base+int32(t))
				}
			}
		case levels == 2:
			v.splitRow(c, indices, values, base)
		default:
			for t, j := range indices {
				v.join(0, j, values[t], base+int32(t))
			}
		}
		for g := range levels {
			v.parts[g].endRow()
		}
	}
}

func (v *levels) join(g int, latent int32, value float64, at int32) {
	part := &v.parts[g]
	part.mask.indices, part.values = append(part.mask.indices, latent), append(part.values, value)
	v.at[g] = append(v.at[g], at)
}

// splitRow puts the k largest entries of a row on level 0 and the others on level
// 1. Equal ones go to the lowest latent, as everywhere.
func (v *levels) splitRow(c *Codes, indices []int32, values []float64, base int32) {
	l := v.net.layers[0].(*SparseLayer)
	size := func(value float64) float64 {
		if l.selection == SelectAbsTopK {
			return math.Abs(value)
		}
		return value
	}
	k := min(v.k, len(indices))
	least, ties := math.Inf(1), 0
	if k > 0 {
		v.rank = v.rank[:0]
		for _, value := range values {
			v.rank = append(v.rank, size(value))
		}
		least = kernel.KthLargest(v.rank, k)
		ties = k
		for _, value := range values {
			if size(value) > least {
				ties--
			}
		}
	}
	for t, j := range indices {
		g := 1
		switch a := size(values[t]); {
		case a > least:
			g = 0
		case a == least && ties > 0:
			g, ties = 0, ties-1
		}
		v.join(g, j, values[t], base+int32(t))
	}
}

// deadLatents is a copy of the encoder's rows that belong to dead latents, as a
// layer.
type deadLatents struct {
	layer   SparseLayer
	atoms   topk.Rows // the decoder's rows of the same latents
	latents []int32
	found   topk.Selected
	indices []int32 // of the entries that find returns, in layer and atoms
	state   state
}

// find sets part to the entries of AuxK: of each row the dead latents with the
// largest pre-activations, at most K, those that are positive.
func (d *deadLatents) find(part *Codes, s *stepper, aux AuxK, x topk.Rows) {
	l := s.net.layers[s.sparse].(*SparseLayer)
	d.latents = d.latents[:0]
	if aux.K > 0 {
		for j, idle := range s.idle {
			if idle >= int64(aux.DeadAfter) {
				d.latents = append(d.latents, int32(j))
			}
		}
	}
	part.clear(l.out)
	n := len(d.latents)
	k := min(aux.K, n)
	if n > 0 {
		d.layer = SparseLayer{affine: affine{in: l.in, out: n, activation: ReLU, w: d.layer.w, b: resized(d.layer.b, n)}, k: k}
		decoder := s.net.layers[s.sparse+1].base().w
		resize(&d.layer.w, n, l.in)
		resize(&d.atoms, n, decoder.Cols)
		parallel.For(n, rowGrain(l.in), func(_, lo, hi int) {
			for t, j := range d.latents[lo:hi] {
				copy(d.layer.w.Row(lo+t), l.w.Row(int(j)))
				copy(d.atoms.Row(lo+t), decoder.Row(int(j)))
				d.layer.b[lo+t] = l.b[j]
			}
		})
		size := x.Rows * k
		d.found = topk.Selected{Idx: resized(d.found.Idx, size), Val: resized(d.found.Val, size), Pre: resized(d.found.Pre, size)}
		if d.state.screening == nil {
			d.state = state{k: ownK, plain: true, screening: new(screening)}
		}
		d.layer.largest(d.found, x, k, &d.state)
	}
	d.indices = d.indices[:0]
	for i := range x.Rows {
		for e := i * k; e < (i+1)*k; e++ {
			if value := d.found.Val[e]; value > 0 {
				t := d.found.Idx[e]
				d.indices = append(d.indices, t)
				part.mask.indices = append(part.mask.indices, d.latents[t])
				part.values = append(part.values, value)
			}
		}
		part.endRow()
	}
}

// level returns the rows of the stack that belong to a level, the auxiliary one
// after the others.
func (v *levels) level(g, rows int) topk.Rows { return v.stack.Slice(g*rows, (g+1)*rows) }

// reconstruct sets the levels of the stack but that of AuxK to x̂ - y and notes the
// squared norms of the rows.
func (v *levels) reconstruct(y topk.Rows) {
	decoder := v.net.layers[1].base()
	levels, rows, n := len(v.weights), y.Rows, y.Cols
	resize(&v.stack, (levels+1)*rows, n)
	v.rowLoss = resized(v.rowLoss, (levels+2)*rows)
	size := 0
	for g := range levels {
		size += len(v.parts[g].values)
	}
	parallel.For(rows, gatherGrain(rows, n, size, decoder.w.Rows, rowGrain(size/rows*n)), func(_, lo, hi int) {
		for g := range levels {
			part, to := &v.parts[g], v.level(g, rows).Slice(lo, hi).Data[:(hi-lo)*n]
			if g == 0 {
				clear(to)
			} else {
				copy(to, v.level(g-1, rows).Slice(lo, hi).Data)
			}
			kernel.AddRowsBatch(to, n, n, part.mask.offsets[lo:hi+1], part.values, decoder.w.Data, decoder.w.Stride, part.mask.indices)
		}
		for g := range levels {
			for i := lo; i < hi; i++ {
				row := v.level(g, rows).Row(i)
				addTo(row, decoder.b)
				kernel.Subtract(row, row, y.Row(i))
				v.rowLoss[g*rows+i] = kernel.Dot(row, row)
			}
		}
	})
}

// losses reports the loss and sets the scale of the auxiliary one's errors.
func (v *levels) losses(s *stepper, report *stepReport, rows int) {
	for g, w := range v.weights {
		sum := 0.0
		for _, square := range v.rowLoss[g*rows : (g+1)*rows] {
			sum += square
		}
		mean := sum / float64(rows)
		report.loss += float64(w * mean)
		if g == v.main {
			report.fvu = s.fvu(mean)
		}
	}
	if aux := len(v.weights); len(v.parts[aux].values) > 0 {
		report.loss += v.auxiliary(aux, rows)
	}
}

// auxiliary computes ê, returns the loss of AuxK and leaves ê-e on the stack. With r =
// x̂-y = -e on the main level that is ê+r, and Σ|e-ē|² = Σ|r-r̄|².
func (v *levels) auxiliary(aux, rows int) float64 {
	part, r, hat := &v.parts[aux], v.level(v.main, rows), v.level(aux, rows)
	n, atoms := r.Cols, v.dead.atoms
	v.mean = resized(v.mean, n)
	clear(v.mean)
	addRowsTo(v.mean, nil, r)
	kernel.Scale(v.mean, 1/float64(rows))
	lefts, totals := v.rowLoss[aux*rows:][:rows], v.rowLoss[(aux+1)*rows:][:rows]
	size := len(part.values)
	parallel.For(rows, gatherGrain(rows, n, size, atoms.Rows, rowGrain(size/rows*n)), func(_, lo, hi int) {
		to := hat.Slice(lo, hi).Data[:(hi-lo)*n]
		clear(to)
		kernel.AddRowsBatch(to, n, n, part.mask.offsets[lo:hi+1], part.values, atoms.Data, atoms.Stride, v.dead.indices)
		for i := lo; i < hi; i++ {
			totals[i] = squaredError(nil, r.Row(i), v.mean, 0)
			row := hat.Row(i)
			addTo(row, r.Row(i))
			lefts[i] = kernel.Dot(row, row)
		}
	})
	total, left := 0.0, 0.0
	for i, square := range totals {
		total += square
		left += lefts[i]
	}
	v.scale = 0
	if total == 0 {
		return 0 // nothing is left over for the dead latents to explain
	}
	weight := or(v.aux.Weight, 1.0/32) * v.variance / total
	v.scale = 2 * weight
	return weight * left
}

// backward scales and sums the errors on the stack and computes what the
// gradients are read from: see levels.
func (v *levels) backward(p *Pass) {
	encoder, decoder := v.net.layers[0].(*SparseLayer), v.net.layers[1].base()
	c, levels := &p.states[0].codes, len(v.weights)
	rows := c.mask.rows
	v.byPart.collect(v.parts, v.at, p.states[0].pre)
	aux := len(v.parts[levels].values) > 0
	first := v.byPart.first
	parallel.For(rows, rowGrain(first[levels]/rows*decoder.out), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			for g := levels - 1; g >= 0; g-- {
				row := v.level(g, rows).Row(i)
				kernel.Scale(row, 2*v.weights[g]/float64(rows))
				if g+1 < levels {
					addTo(row, v.level(g+1, rows).Row(i))
				}
			}
			for g := range levels {
				offsets := v.parts[g].mask.offsets
				from, to := offsets[i], offsets[i+1]
				kernel.DotRows(v.byPart.factor[first[g]+from:first[g]+to], v.level(g, rows).Row(i),
					decoder.w.Data, decoder.w.Stride, v.parts[g].mask.indices[from:to])
			}
		}
	})
	if aux {
		v.backwardDead(v.byPart.factor[first[levels]:], rows)
	}
	if encoder.activation != Identity {
		n := first[levels] // the entries of AuxK have the derivative 1
		encoder.activation.derivatives(v.byPart.factor[:n], v.byPart.pre[:n], v.byPart.value[:n])
	}
	v.encode.build(v.parts...)
	v.encode.stacked(&v.decode, first, rows)

	s := p.states[0]
	s.out.dense = topk.Rows{}
	s.through, s.factors = &v.encode, v.encode.gather(s.factors, v.byPart.factor)
	t := p.states[1]
	t.in = signal{codes: c}
	t.delta = v.stack.Data
	t.through, t.factors = &v.decode, v.decode.gather(t.factors, v.byPart.value)
}

// backwardDead is backward for the entries of AuxK, whose factors it sets.
func (v *levels) backwardDead(factor []float64, rows int) {
	part, stack, atoms := &v.parts[len(v.weights)], v.level(len(v.weights), rows), v.dead.atoms
	v.strips.each(rows, len(part.values), func(b *strip, lo, hi int) {
		x, offsets := stack.Slice(lo, hi), part.mask.offsets[lo:hi+1]
		kernel.Scale(x.Data[:x.Rows*x.Cols], v.scale)
		b.dots(factor[offsets[0]:offsets[x.Rows]], x, offsets, atoms, v.dead.indices)
	})
}

// collect lines up the parts' values and pre-activations, and makes room for the
// factors.
func (e *entries) collect(parts []Codes, at [][]int32, pre []float64) {
	e.first, e.value, e.pre = append(e.first[:0], 0), e.value[:0], e.pre[:0]
	for g := range parts {
		e.value = append(e.value, parts[g].values...)
		e.first = append(e.first, len(e.value))
		if g < len(at) {
			for _, from := range at[g] {
				e.pre = append(e.pre, pre[from])
			}
		}
	}
	e.factor = resized(e.factor, len(e.value))
}
