package engine

import (
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/sparse"
)

// ChunkRows is how many rows are under way at once where no training is, so that the
// memory for what lies between does not grow with the rows.
const ChunkRows = 1024

// eachChunk calls f for consecutive ranges of the rows.
func eachChunk(rows int, f func(lo, hi int)) {
	for lo := 0; lo < rows; lo += ChunkRows {
		f(lo, min(lo+ChunkRows, rows))
	}
}

// Encode sets dst to the codes of x by the last sparse layer, and scales to the numbers
// by which the rows were normalised, in the memory that both have.
func (p *Pass) Encode(dst *sparse.Codes, scales *normal.Scales, x sparse.Rows) {
	last := p.Network.LastSparse()
	scales.Mean, scales.Spread = scales.Mean[:0], scales.Spread[:0]
	if last == 0 && p.Network.Rows.Identity() {
		p.begin()
		lp := &p.layers[0]
		lp.pre = lp.encode(p, dst, lp.pre, x.Dense)
		return
	}
	dst.Clear(p.Network.Layers[last].Out)
	eachChunk(x.Len(), func(lo, hi int) {
		p.forward(x.Slice(lo, hi, &p.memory.part), last)
		lp := &p.layers[last]
		lp.denseInput()
		lp.pre = lp.encode(p, &lp.memory.codes, lp.pre, lp.in.dense)
		dst.Append(&lp.memory.codes)
		p.keepScales(scales)
	})
}

// keepScales appends the numbers by which the rows under way were normalised, where
// the output is scaled back.
func (p *Pass) keepScales(scales *normal.Scales) {
	if p.Network.Rows.Undo {
		scales.Mean = append(scales.Mean, p.input.Scales.Mean...)
		scales.Spread = append(scales.Spread, p.input.Scales.Spread...)
	}
}

// Predict sets out, of as many rows as x, to the network's output. Where codes is not
// nil it sets that, and scales, to what Encode would.
func (p *Pass) Predict(out matrix.Rows, codes *sparse.Codes, scales *normal.Scales, x sparse.Rows) {
	last := p.Network.LastSparse()
	if codes != nil {
		codes.Clear(p.Network.Layers[last].Out)
		scales.Mean, scales.Spread = scales.Mean[:0], scales.Spread[:0]
	}
	eachChunk(x.Len(), func(lo, hi int) {
		p.forward(x.Slice(lo, hi, &p.memory.part), len(p.Network.Layers))
		p.setOutput()
		part := out.Slice(lo, hi)
		for i := range p.output.Rows {
			copy(part.Row(i), p.output.Row(i))
		}
		p.Network.Rows.Leave(part, p.input.Scales)
		if codes != nil {
			codes.Append(p.layers[last].out.codes)
			p.keepScales(scales)
		}
	})
}

// Decode sets out to what the layers after the last sparse one make of c. Where there
// are scales for its rows the output is scaled back by them.
func (p *Pass) Decode(out matrix.Rows, c *sparse.Codes, scales normal.Scales) {
	p.begin()
	in := signal{codes: c}
	for i := p.Network.LastSparse() + 1; i < len(p.layers); i++ {
		lp := &p.layers[i]
		lp.in = in
		lp.forwardLinear()
		in = lp.out
	}
	for i := range out.Rows {
		copy(out.Row(i), in.dense.Row(i))
	}
	p.layers[p.Network.LastSparse()+1].in = signal{} // the codes belong to the caller
	if p.Network.Rows.Kind == normal.DatasetScale {
		scales = p.Network.Rows.SameScales(c.Rows)
	}
	if len(scales.Spread) == c.Rows {
		p.Network.Rows.Leave(out, scales)
	}
}

// Inputs sets out to what comes to layer i for the rows of x, as dense rows.
func (p *Pass) Inputs(out matrix.Rows, i int, x matrix.Rows) {
	eachChunk(x.Rows, func(lo, hi int) {
		p.forward(sparse.Rows{Dense: x.Slice(lo, hi)}, i)
		in, part := p.layers[i].in, out.Slice(lo, hi)
		if !in.isDense() {
			in.codes.Scatter(&part, in.codes.Values)
			return
		}
		for t := range part.Rows {
			copy(part.Row(t), in.dense.Row(t))
		}
	})
}

// MeanLoss returns the mean loss over all rows of x.
func (p *Pass) MeanLoss(x sparse.Rows, y matrix.Rows, loss Loss) (float64, error) {
	sum := 0.0
	for lo := 0; lo < y.Rows; lo += ChunkRows {
		hi := min(lo+ChunkRows, y.Rows)
		if err := p.AddLoss(&sum, x.Slice(lo, hi, &p.memory.part), y.Slice(lo, hi), loss); err != nil {
			return 0, err
		}
	}
	return sum / float64(y.Rows), nil
}

// AddLoss adds the losses of the rows of x, up to ChunkRows of them, to sum. MeanLoss is the
// mean of what it gives for pieces of ChunkRows rows.
func (p *Pass) AddLoss(sum *float64, x sparse.Rows, y matrix.Rows, loss Loss) error {
	p.forward(x, len(p.Network.Layers))
	p.setOutput()
	target := p.Network.Rows.Target(&p.memory.target, &p.input, p.x, y)
	p.rowLoss = matrix.Resized(p.rowLoss, y.Rows)
	mean, err := loss.evaluate(p.output, target, matrix.Rows{}, p.rowLoss)
	if err == nil {
		*sum += float64(mean * float64(y.Rows))
	}
	return err
}
