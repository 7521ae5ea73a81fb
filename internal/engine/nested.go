package engine

import (
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/sparse"
)

// multiTopK is how many times k latents the second reconstruction of MultiTopK has.
const multiTopK = 4

// nested is the objective of an autoencoder that reconstructs more than once from one
// selection:
//
//	Matryoshka   x̂_g from the selected latents below the g-th prefix;
//	MultiTopK    x̂_0 from the k largest, x̂_1 from the 4k largest;
//	AuxK         ê from the dead latents with the largest pre-activations.
//
// The reconstructions of the first two are nested: each has the entries of the one
// before and some more. So an entry that joins at level g is part of the levels g,
// g+1, ..., and all that its gradients need is the sum of these levels' errors, each
// with its weight. The stack holds those sums, one row for each of the batch at level
// 0, then at level 1, ..., and last the errors of the auxiliary reconstruction, whose
// entries are a part of their own. What then remains is what a single reconstruction
// does: an entry's delta is the product of its atom with its row of the stack, its
// atom's gradient is its value times that row, its encoder's its delta times the input.
type nested struct {
	encoder, decoder *Layer
	weights          []float64 // of the levels' losses
	main             int       // the level whose loss is reported as the reconstruction's
	split            levelSplit
	aux              auxiliary
	stack            matrix.Rows
	rowLoss          []float64    // squared norms of the stack's rows, and those of the residuals
	entries          entries      // of all parts, part after part
	byRow            sparse.Index // these entries by latent
	byStack          sparse.Index // the same with rows of the stack in the place of rows
}

// entries holds numbers of the entries of all parts, part after part.
type entries struct {
	first              []int // where each part begins, and the end
	value, pre, factor []float64
}

// newNested prepares the objective of an autoencoder of these two layers.
func newNested(encoder, decoder *Layer, r *Recipe) *nested {
	n := &nested{encoder: encoder, decoder: decoder, weights: []float64{1}}
	n.aux = auxiliary{k: r.AuxK, weight: r.AuxWeight, deadAfter: r.DeadAfter, variance: r.Variance}
	n.split.magnitude = encoder.Selection.Rule == AbsTopK
	switch {
	case r.MultiTopK > 0:
		n.weights = []float64{1, r.MultiTopK}
		n.split.byRank = true
	case len(r.Matryoshka) > 0:
		n.split.prefixes = slices.Clone(r.Matryoshka)
		if n.split.prefixes[len(n.split.prefixes)-1] < encoder.Out {
			n.split.prefixes = append(n.split.prefixes, encoder.Out)
		}
		n.main = len(n.split.prefixes) - 1
		n.weights = make([]float64, len(n.split.prefixes))
		for g := range n.weights {
			n.weights[g] = 1 / float64(len(n.weights))
		}
	}
	n.split.parts = make([]sparse.Codes, len(n.weights)+1)
	n.split.places = make([][]int32, len(n.weights))
	return n
}

// wanted returns how many latents a step must find for one that keeps k.
func (n *nested) wanted(k int) int {
	k = min(k, n.encoder.Out)
	n.split.k = k
	if n.split.byRank {
		k *= multiTopK
	}
	return min(k, n.encoder.Out)
}

// run does the decoder and all losses of a step, and goes back to the codes and through
// the encoder's activation: both layers' gradients are in place then.
func (n *nested) run(t *training, y matrix.Rows) (Report, int, error) {
	lp := &t.pass.layers[0]
	var report Report
	c := lp.out.codes
	if c.NotFiniteRow() >= 0 {
		return report, 0, t.diverged("a code is no longer finite")
	}
	n.split.deal(c)
	if n.main == 0 {
		c = &n.split.parts[0]
	}
	report.L0, report.Dead = t.activity.see(c, t.recipe.DeadAfter)
	n.aux.find(&n.split.parts[len(n.weights)], t, lp.in.dense)
	n.reconstruct(y)
	n.losses(t, &report, y.Rows)
	if !finite(report.Loss) {
		return report, 0, t.diverged("the loss is %v", report.Loss)
	}
	n.backward(t.pass)
	return report, -1, nil
}

// level returns the rows of the stack that belong to a level, the auxiliary one after
// the others.
func (n *nested) level(g, rows int) matrix.Rows { return n.stack.Slice(g*rows, (g+1)*rows) }

// reconstruct sets the levels of the stack but that of AuxK to x̂ - y and notes the
// squared norms of the rows.
func (n *nested) reconstruct(y matrix.Rows) {
	levels, rows, cols := len(n.weights), y.Rows, y.Cols
	n.stack.Resize((levels+1)*rows, cols)
	n.rowLoss = matrix.Resized(n.rowLoss, (levels+2)*rows)
	size := 0
	for g := range levels {
		size += len(n.split.parts[g].Values)
	}
	grain := matrix.GatherGrain(rows, cols, size, n.decoder.In, matrix.RowGrain(size/rows*cols))
	parallel.For(rows, grain, func(_, lo, hi int) {
		for g := range levels {
			part, to := &n.split.parts[g], n.level(g, rows).Slice(lo, hi).Data[:(hi-lo)*cols]
			if g == 0 {
				clear(to)
			} else {
				copy(to, n.level(g-1, rows).Slice(lo, hi).Data)
			}
			matrix.AddRows(to, cols, part.Offsets[lo:hi+1], part.Values, n.decoder.W, part.Indices)
		}
		for g := range levels {
			for i := lo; i < hi; i++ {
				row := n.level(g, rows).Row(i)
				matrix.AddTo(row, n.decoder.B)
				kernel.Subtract(row, row, y.Row(i))
				n.rowLoss[g*rows+i] = kernel.Dot(row, row)
			}
		}
	})
}

// losses reports the loss and sets the scale of the auxiliary errors.
func (n *nested) losses(t *training, report *Report, rows int) {
	for g, w := range n.weights {
		sum := 0.0
		for _, square := range n.rowLoss[g*rows : (g+1)*rows] {
			sum += square
		}
		mean := sum / float64(rows)
		report.Loss += float64(w * mean)
		if g == n.main {
			report.FVU = t.fvu(mean)
		}
	}
	if aux := len(n.weights); len(n.split.parts[aux].Values) > 0 {
		report.Loss += n.aux.loss(&n.split.parts[aux], n.level(n.main, rows), n.level(aux, rows), n.rowLoss[aux*rows:])
	}
}

// backward scales and sums the errors on the stack and computes what the gradients are
// read from: see nested.
func (n *nested) backward(p *Pass) {
	c, levels := p.layers[0].out.codes, len(n.weights)
	rows, split := c.Rows, &n.split
	n.entries.collect(split.parts, split.places, p.layers[0].pre)
	first := n.entries.first
	w := matrix.WideRows(n.decoder.W)
	parallel.For(rows, matrix.RowGrain(first[levels]/rows*n.decoder.Out), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			for g := levels - 1; g >= 0; g-- {
				row := n.level(g, rows).Row(i)
				kernel.Scale(row, 2*n.weights[g]/float64(rows))
				if g+1 < levels {
					matrix.AddTo(row, n.level(g+1, rows).Row(i))
				}
			}
			for g := range levels {
				from, to := split.parts[g].Offsets[i], split.parts[g].Offsets[i+1]
				kernel.DotRows(n.entries.factor[first[g]+from:first[g]+to], n.level(g, rows).Row(i),
					w.Data, w.Stride, split.parts[g].Indices[from:to])
			}
		}
	})
	if len(split.parts[levels].Values) > 0 {
		n.aux.backward(n.entries.factor[first[levels]:], &split.parts[levels], n.level(levels, rows))
	}
	if f := n.encoder.Activation.Slopes; f != nil {
		end := first[levels] // the entries of AuxK have the derivative 1
		f(n.entries.factor[:end], n.entries.pre[:end], n.entries.value[:end])
	}
	n.byRow.Build(split.parts...)
	n.byRow.Stack(&n.byStack, first, rows)

	lp := &p.layers[0]
	lp.memory.factors = n.byRow.Gather(lp.memory.factors, n.entries.factor)
	lp.gradient = gradient{right: lp.in.dense, index: &n.byRow, factors: lp.memory.factors}
	d := &p.layers[1]
	d.delta = n.stack.Data
	d.memory.factors = n.byStack.Gather(d.memory.factors, n.entries.value)
	d.gradient = gradient{right: n.stack, index: &n.byStack, factors: d.memory.factors}
}

// collect lines up the parts' values and pre-activations, and makes room for the
// factors.
func (e *entries) collect(parts []sparse.Codes, places [][]int32, pre []float64) {
	e.first, e.value, e.pre = append(e.first[:0], 0), e.value[:0], e.pre[:0]
	for g := range parts {
		e.value = append(e.value, parts[g].Values...)
		e.first = append(e.first, len(e.value))
		if g < len(places) {
			for _, from := range places[g] {
				e.pre = append(e.pre, pre[from])
			}
		}
	}
	e.factor = matrix.Resized(e.factor, len(e.value))
}

// levelSplit deals the entries of codes out to the levels at which they join.
type levelSplit struct {
	prefixes  []int // of Matryoshka: where the levels end; nil for none
	byRank    bool  // of MultiTopK: the k largest entries are on level 0, the others on level 1
	magnitude bool  // entries are ranked by magnitude
	k         int   // of level 0 in this step

	parts  []sparse.Codes // entries that join at each level, then those of AuxK
	places [][]int32      // of each entry of the levels' parts: its place in the codes
	rank   []float64      // memory for finding a row's k-th value
}

// deal deals out the entries of c.
func (d *levelSplit) deal(c *sparse.Codes) {
	for g := range d.parts {
		d.parts[g].Clear(c.Cols)
	}
	for g := range d.places {
		d.places[g] = d.places[g][:0]
	}
	for i := range c.Rows {
		indices, values := c.Row(i)
		base := int32(c.Offsets[i])
		switch {
		case d.prefixes != nil:
			t := 0
			for g, end := range d.prefixes {
				for ; t < len(indices) && int(indices[t]) < end; t++ {
					d.join(g, indices[t], values[t], base+int32(t))
				}
			}
		case d.byRank:
			d.dealByRank(indices, values, base)
		default:
			for t, j := range indices {
				d.join(0, j, values[t], base+int32(t))
			}
		}
		for g := range d.places {
			d.parts[g].EndRow()
		}
	}
}

// join adds an entry to the part of a level.
func (d *levelSplit) join(g int, latent int32, value float64, place int32) {
	part := &d.parts[g]
	part.Indices, part.Values = append(part.Indices, latent), append(part.Values, value)
	d.places[g] = append(d.places[g], place)
}

// dealByRank puts the k largest entries of a row on level 0 and the others on level 1.
// Equal ones go to the lowest latent, as everywhere.
func (d *levelSplit) dealByRank(indices []int32, values []float64, base int32) {
	k := min(d.k, len(indices))
	least, ties := math.Inf(1), 0
	d.rank = append(d.rank[:0], values...)
	if d.magnitude {
		for t, v := range values {
			d.rank[t] = math.Abs(v)
		}
	}
	if k > 0 {
		least = kernel.KthLargest(d.rank, k)
		ties = k
		for _, v := range d.rank {
			if v > least {
				ties--
			}
		}
	}
	for t, j := range indices {
		g := 1
		switch v := d.rank[t]; {
		case v > least:
			g = 0
		case v == least && ties > 0:
			g, ties = 0, ties-1
		}
		d.join(g, j, values[t], base+int32(t))
	}
}
