// Package normal holds what a network does to rows before its first layer and undoes
// after its last one: normalisation and the pre-bias.
package normal

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// Kind is how rows are normalised.
type Kind uint8

// The kinds, in the order of ksparse.Normalization, where they are explained.
const (
	None Kind = iota
	LayerNorm
	UnitRMS
	DatasetScale
)

// Transform is what happens to a row around the layers:
//
//	in:  t = (x - mean) / spread, then t - Shift
//	out: y·spread + mean   (LayerNorm: its σ for spread; y has the shift in it: it is the last biases)
type Transform struct {
	Kind  Kind
	Scale float64   // of DatasetScale; 0 until it is known
	Undo  bool      // outputs are scaled back
	Shift []float64 // the pre-bias; nil for none
}

// Identity reports whether rows go in as they are.
func (t *Transform) Identity() bool { return t.Kind == None && t.Shift == nil }

// Scales are the numbers by which rows were normalised, one of each for a row; none
// where rows are not normalised.
type Scales struct{ Mean, Spread []float64 }

// Batch holds rows on their way through a Transform, and the memory for them.
type Batch struct {
	Normal matrix.Rows // the normalised rows, before the shift
	Scales Scales

	scaled, shifted matrix.Rows // memory for Normal and for what Enter returns

	// The rows under way, and a method value for them, which is made once because a
	// new one would be garbage.
	transform *Transform
	x, in     matrix.Rows
	enter     func(worker, lo, hi int)
}

// Enter sets b to the rows of x, and returns what the first layer sees of them.
func (t *Transform) Enter(b *Batch, x matrix.Rows) matrix.Rows {
	b.Normal = x
	if t.Identity() {
		return x
	}
	if t.Kind != None {
		b.scaled.Resize(x.Rows, x.Cols)
		b.Normal = b.scaled
		b.Scales.Mean, b.Scales.Spread = matrix.Resized(b.Scales.Mean, x.Rows), matrix.Resized(b.Scales.Spread, x.Rows)
	}
	in := b.Normal
	if t.Shift != nil {
		b.shifted.Resize(x.Rows, x.Cols)
		in = b.shifted
	}
	if b.enter == nil {
		b.enter = b.enterRows
	}
	b.transform, b.x, b.in = t, x, in
	parallel.For(x.Rows, matrix.RowGrain(4*x.Cols), b.enter)
	return in
}

// enterRows is Enter for the rows lo to hi.
func (b *Batch) enterRows(_, lo, hi int) {
	t := b.transform
	for i := lo; i < hi; i++ {
		if t.Kind != None {
			b.Scales.Mean[i], b.Scales.Spread[i] = t.Numbers(b.x.Row(i))
			Apply(b.Normal.Row(i), b.x.Row(i), b.Scales.Mean[i], b.Scales.Spread[i])
		}
		if t.Shift != nil {
			kernel.Subtract(b.in.Row(i), b.Normal.Row(i), t.Shift)
		}
	}
}

// layerNormEpsilon keeps LayerNorm from dividing by zero.
const layerNormEpsilon = 1e-5

// Numbers returns what is subtracted from a row, and what it is then divided by.
func (t *Transform) Numbers(row []float64) (mean, spread float64) {
	switch t.Kind {
	case LayerNorm:
		mean, deviation := matrix.MeanDeviation(row)
		return mean, deviation + layerNormEpsilon
	case UnitRMS:
		if rms := matrix.RootMeanSquare(row); rms > 0 {
			return 0, rms
		}
	case DatasetScale:
		return 0, 1 / t.Scale
	}
	return 0, 1
}

// SameScales returns the scales of rows where they are the same for each row.
func (t *Transform) SameScales(rows int) Scales {
	s := Scales{make([]float64, rows), make([]float64, rows)}
	for i := range rows {
		s.Mean[i], s.Spread[i] = t.Numbers(nil)
	}
	return s
}

// Apply sets dst to (row - mean) / spread, and to 0 where row and mean are equal up to
// rounding.
func Apply(dst, row []float64, mean, spread float64) {
	if spread > 0x1p1000 { // the difference may overflow
		for j, v := range row {
			dst[j] = (v/2 - mean/2) / (spread / 2)
		}
		return
	}
	if spread < 0x1p-40*math.Abs(mean) { // the difference may be rounding alone
		least := matrix.EqualWithin * math.Abs(mean)
		for j, v := range row {
			if dst[j] = 0; math.Abs(v-mean) > least {
				dst[j] = (v - mean) / spread
			}
		}
		return
	}
	for j, v := range row {
		dst[j] = (v - mean) / spread
	}
}

// Target returns y, the targets of the rows that entered with b, in the space in
// which losses are measured: normalised by the numbers of its input where the
// output will be scaled back. memory is what it may use for that.
func (t *Transform) Target(memory *matrix.Rows, b *Batch, x, y matrix.Rows) matrix.Rows {
	switch {
	case !t.Undo:
		return y
	case matrix.Same(x, y):
		return b.Normal
	}
	memory.Resize(y.Rows, y.Cols)
	parallel.For(y.Rows, matrix.RowGrain(4*y.Cols), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			Apply(memory.Row(i), y.Row(i), b.Scales.Mean[i], b.Scales.Spread[i])
		}
	})
	return *memory
}

// Leave scales the rows of out back, in place: those of LayerNorm by σ itself, as
// openai/sparse_autoencoder and all who took it over do.
func (t *Transform) Leave(out matrix.Rows, s Scales) {
	if !t.Undo {
		return
	}
	if out.Rows == 1 {
		t.leaveRows(out, s, 0, 1) // without a function for the loop, which is garbage
		return
	}
	parallel.For(out.Rows, matrix.RowGrain(out.Cols), func(_, lo, hi int) { t.leaveRows(out, s, lo, hi) })
}

// leaveRows is Leave for the rows lo to hi.
func (t *Transform) leaveRows(out matrix.Rows, s Scales, lo, hi int) {
	extra := 0.0
	if t.Kind == LayerNorm {
		extra = layerNormEpsilon
	}
	for i := lo; i < hi; i++ {
		row := out.Row(i)
		for j, v := range row {
			row[j] = float64(v*(s.Spread[i]-extra)) + s.Mean[i]
		}
	}
}
