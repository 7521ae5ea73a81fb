package ksparse

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/engine"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/feed"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/stat"
	"gonum.org/v1/gonum/mat"
)

// Start says which parameters StartFrom takes from data, and how. The zero value
// only finds the number of DatasetScale where the network has that.
type Start struct {
	// PreBias returns where the pre-bias begins, given the (normalised) rows:
	// data.MeanRow or data.GeometricMedian. nil stands for zero, as Init left it.
	PreBias func(x mat.Matrix) (*mat.VecDense, error)
	// Atoms makes the decoder's rows, and the encoder's with them, begin as samples:
	// normalised, less the pre-bias, scaled to Norm. So every latent is wanted by
	// some sample from the beginning. Samples are drawn by Seed; where there are
	// fewer than latents, or a sample has no norm, the latent keeps its weights.
	Atoms bool
	// Norm, for Atoms only, is what those samples are scaled to; 0 stands for 1. Where many latents are
	// active per sample, 1 makes the first reconstructions far too long.
	Norm float64
	// Seed draws the samples of Atoms, and the rows of a large source.
	Seed uint64
}

// startRows is how many rows StartFrom keeps in memory, at least.
const startRows = 1 << 16

// StartFrom sets what should begin from data rather than from zero or chance,
// before the first training. The rows of src are samples, some ten thousand are enough;
// data.FromMatrix makes a source of a matrix. Where src is not such a matrix and has more
// than 65,536 rows, and more than there are latents, PreBias and Atoms take about that many
// of them, from all parts of it, at places that Seed draws. The number of DatasetScale is
// that of all rows in any case. Of a data.Paired the inputs are what counts.
//
// It must not run beside other calls to the network.
// Errors are those of the source, which name the rows, or wrap ErrEmpty, ErrShape,
// ErrNotFinite or ErrRange; the network is as it was then.
func (n *Network) StartFrom(src data.Source, start Start) error {
	table, err := feed.Check(src, n.In(), n.Out())
	if err != nil {
		return err
	}
	if err := n.checkStart(start); err != nil {
		return err
	}
	most := startRows
	if start.Atoms {
		most = max(most, n.layers[0].Out())
	}
	rows, _, err := table.Sample(most, start.Seed)
	if err != nil {
		return err
	}
	rows = n.apart(rows)
	scale := n.rows.Scale
	if n.rows.Kind == normal.DatasetScale {
		if scale, err = datasetScale(table, rows); err != nil {
			return err
		}
	}
	return n.startOn(rows, scale, start)
}

// startOn is StartFrom for rows in memory, and the number of DatasetScale that is known.
func (n *Network) startOn(rows matrix.Rows, scale float64, start Start) error {
	t := normal.Transform{Kind: n.rows.Kind, Scale: scale}
	normalised := t.Enter(new(normal.Batch), rows)
	bias := make([]float64, n.In())
	if start.PreBias != nil {
		v, err := start.PreBias(dense.Of(normalised))
		if err != nil {
			return err
		}
		if v == nil || v.Len() != n.In() {
			return fault.Errorf(ErrShape, "Start.PreBias returned another number of values than the %d of a row", n.In())
		}
		for j := range bias {
			bias[j] = v.AtVec(j)
		}
		if !kernel.AllFinite(bias) {
			return fault.Errorf(ErrNotFinite, "Start.PreBias returned NaN or an infinity")
		}
	}
	n.rows.Scale = t.Scale
	if n.rows.Shift != nil {
		copy(n.rows.Shift, bias)
	}
	if start.Atoms {
		n.startAtoms(normalised, bias, start)
	}
	return nil
}

// fresh reports whether the parameters are those that New drew for the modern form.
func (n *Network) fresh() bool { return n.modern && n.drawn != 0 && n.drawn == n.fingerprint() }

// From how many samples, at most, a network of the modern form takes its pre-bias, and the norm of
// its encoder's rows.
const (
	medianRows = 4096
	scaleRows  = 64
)

// modernRows is from how many samples a network of the modern form begins: each of its
// latents from one.
func (n *Network) modernRows() int { return max(medianRows, n.layers[0].Out()) }

// startModern begins the training of a network of the modern form from the samples x: the
// pre-bias at their geometric median, the atoms at samples, and the encoder along the atoms.
// Atoms for which there are no samples stay as they were drawn.
func (n *Network) startModern(x matrix.Rows, seed uint64) error {
	if x.Rows == 0 || n.rows.Shift == nil {
		return nil
	}
	var median *mat.VecDense
	err := n.startOn(x, n.rows.Scale, Start{PreBias: func(x mat.Matrix) (_ *mat.VecDense, err error) {
		median, err = data.GeometricMedian(dense.Of(dense.View(x.(*mat.Dense)).Spread(medianRows))) // those of a source are in its order
		return median, err
	}})
	if err == nil {
		atoms := Start{Seed: seed, Atoms: true, PreBias: func(mat.Matrix) (*mat.VecDense, error) { return median, nil }}
		err = n.startOn(distinct(x), n.rows.Scale, atoms)
	}
	if err == nil && !n.tied() {
		kernel.Scale(n.layers[0].parameters().w.Float64, n.startScale(x.Slice(0, min(x.Rows, scaleRows))))
	}
	return err
}

// distinct returns the rows of x without those that are equal to one before them.
func distinct(x matrix.Rows) matrix.Rows {
	order := make([]int, x.Rows)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Or(slices.Compare(x.Row(i), x.Row(j)), i-j) })
	rows := order[:0]
	for at, i := range order {
		if at == 0 || !slices.Equal(x.Row(i), x.Row(rows[len(rows)-1])) {
			rows = append(rows, i)
		}
	}
	if len(rows) == x.Rows {
		return x
	}
	slices.Sort(rows)
	return matrix.Gather(matrix.Rows{}, x, rows)
}

// startBetween begins the training of a network of the modern form whose outputs are not its inputs, from
// its first batch: the biases of the decoder at the mean target, those of the encoder where the mean
// input gives zero.
func (n *Network) startBetween(x, y matrix.Rows) {
	var in normal.Batch
	input := stat.MeanRow(n.rows.Enter(&in, x))
	target := stat.MeanRow(n.rows.Target(new(matrix.Rows), &in, x, y))
	encoder := n.layers[0].parameters()
	matrix.MulT(encoder.b, matrix.Rows{Data: input, Rows: 1, Cols: len(input), Stride: len(input)}, encoder.w)
	kernel.Scale(encoder.b, -1)
	copy(n.layers[1].parameters().b, target)
}

// startScale returns the norm at which the encoder's rows begin, which have norm 1: the
// fourth root of that at which the reconstructions of x fit best. There the first steps are best, but
// latents that win at first win for good, and others die; from 1 on all are used, but where atoms are
// much alike the reconstructions are many times too long, and the first steps are lost.
func (n *Network) startScale(x matrix.Rows) float64 {
	in := n.rows.Enter(new(normal.Batch), x)
	code := n.layers[0].forward(in).out
	out := matrix.New(in.Rows, in.Cols)
	matrix.AddProduct(out.Data, in.Cols, code, n.layers[1].parameters().w)
	along, square := 0.0, 0.0
	for i := range in.Rows {
		along += kernel.Dot(in.Row(i), out.Row(i))
		square += kernel.Dot(out.Row(i), out.Row(i))
	}
	if !(along > 0 && square > along) {
		return 1
	}
	return math.Sqrt(math.Sqrt(along / square))
}

// checkStart returns an error where start is not for this network.
func (n *Network) checkStart(start Start) error {
	if err := fault.First(fault.NotNegative("Start.Norm", start.Norm), n.finite()); err != nil {
		return err
	}
	if start.Norm != 0 && !start.Atoms {
		return fault.Errorf(ErrRange, "Start.Norm is for Atoms, which is not set")
	}
	if start.PreBias != nil && n.rows.Shift == nil {
		return fault.Errorf(ErrRange, "Start.PreBias is for a network with a pre-bias, see Wire")
	}
	if !start.Atoms {
		return nil
	}
	if sparse, _ := n.lastSparse(); sparse != 0 || len(n.layers) != 2 || n.Out() != n.In() {
		return fault.Errorf(ErrShape, "Start.Atoms is for an autoencoder of one sparse and one linear layer")
	}
	return n.trainable()
}

// datasetScale returns sqrt(columns) over the mean norm of the inputs, of which x are in
// memory: all of them, or some.
func datasetScale(table feed.Table, x matrix.Rows) (float64, error) {
	const far = 64 // powers of two by which the second sum is smaller, for when the first overflows
	sum, small := 0.0, 0.0
	add := func(_ int, x, _ matrix.Rows) error {
		for i := range x.Rows {
			norm := matrix.Norm(x.Row(i))
			sum += norm
			small += math.Ldexp(norm, -far)
		}
		return nil
	}
	if x.Rows == table.Rows {
		add(0, x, x)
	} else if err := table.Each(rowsAtOnce(table.Cols), add); err != nil {
		return 0, err
	}
	rows := float64(table.Rows)
	scale := math.Sqrt(float64(x.Cols)) * rows / sum
	if scale == 0 {
		scale = math.Ldexp(math.Sqrt(float64(x.Cols))*rows/small, -far)
	}
	if !(scale > 0 && 1/scale > 0 && 1/scale <= math.MaxFloat64) {
		return 0, fault.Errorf(ErrRange, "the data set's scale is %v: its rows have a mean norm of %v", scale, sum/rows)
	}
	return scale, nil
}

// startAtoms makes both layers' rows samples.
func (n *Network) startAtoms(x matrix.Rows, bias []float64, start Start) {
	encoder, decoder := matrix.WideRows(n.layers[0].parameters().w), matrix.WideRows(n.layers[1].parameters().w)
	order := make([]int, x.Rows)
	for i := range order {
		order[i] = i
	}
	feed.Shuffle(rand.NewPCG(start.Seed, 0x61746f6d73), order) // "atoms"
	norm := start.Norm
	if norm == 0 {
		norm = 1
	}
	atom := make([]float64, x.Cols)
	for j := range min(encoder.Rows, len(order)) {
		kernel.Subtract(atom, x.Row(order[j]), bias)
		if engine.Unit(atom) {
			kernel.Scale(atom, norm)
			copy(encoder.Row(j), atom)
			copy(decoder.Row(j), atom)
		}
	}
}

// rowsAtOnce is how many rows are read at a time where each takes that many numbers.
func rowsAtOnce(numbers int) int { return max(1, min(1024, 1<<22/numbers)) }

// Calibrate sets one threshold for the last sparse layer, such that of the rows of
// src, on average, l0 latents are active, and returns it; data.FromMatrix makes a source
// of a matrix, and of a data.Paired the inputs count. From then on the layer selects by threshold (SelectThreshold), unless it
// is one of SelectBatchTopK, which does so anyway. Equal values can make a few more
// latents active.
//
// The threshold is exact for all rows, however many there are. Where the rows have more
// than 16 million numbers (of the source or in a layer below), or twice l0 for each row
// comes to more than 8 million, they are not kept: they are read four times or five, in
// pieces, and must stay the same meanwhile.
//
// It must not run beside other calls to the network.
// Errors are those of the source, which name the rows, or wrap ErrEmpty, ErrShape,
// ErrNotFinite, ErrNoSparseLayer, ErrUnset, and ErrRange where l0 is not positive, more
// positive values than there are would be needed, or the layer's activation is not ReLU
// or Identity.
func (n *Network) Calibrate(src data.Source, l0 float64) (threshold float64, err error) {
	last, l := n.lastSparse()
	if l == nil {
		return 0, fault.Errorf(ErrNoSparseLayer, "Calibrate needs a sparse layer, this network has none")
	}
	table, err := feed.Check(src, n.In(), n.Out())
	if err != nil {
		return 0, err
	}
	rows := table.Rows
	want := int(math.Round(l0 * float64(rows)))
	if err := n.mayCalibrate(rows, want, l0); err != nil {
		return 0, err
	}
	c := calibration{pass: n.newPass(), table: table, last: last, want: want, l0: l0} // not a pass of the pool: it has memory for many rows
	threshold, positive, ok, err := c.search(n)
	if err != nil {
		return 0, err
	}
	if math.IsNaN(threshold) {
		return 0, fault.First(n.finite(), fault.Errorf(ErrNotFinite, "Calibrate: a pre-activation overflows, data or weights are too large"))
	}
	if !ok {
		return 0, fault.Errorf(ErrRange, "Calibrate was asked for %v active latents, but only %v values per row are positive", l0, float64(positive)/float64(rows))
	}
	if l.selection != SelectBatchTopK {
		l.selection = SelectThreshold
	}
	return threshold, l.SetThresholds(threshold)
}

// mayCalibrate returns an error where Calibrate cannot be asked for l0 active latents, want
// of them in all rows together.
func (n *Network) mayCalibrate(rows, want int, l0 float64) error {
	last, l := n.lastSparse()
	switch {
	case !(l0 > 0 && l0 <= float64(l.out)):
		return fault.Errorf(ErrRange, "Calibrate was asked for %v active latents, want more than 0 and at most %d", l0, l.out)
	case want < 1:
		return fault.Errorf(ErrRange, "Calibrate was asked for %v active latents, which is none in all %d rows together", l0, rows)
	case l.activation != ReLU && l.activation != Identity:
		return fault.Errorf(ErrRange, "Calibrate needs the activation %v or %v, layer %q has %v", ReLU, Identity, l.name, l.activation)
	case l.gate != nil:
		return fault.Errorf(ErrRange, "layer %q has a gate, which Calibrate does not move", l.name)
	}
	if err := n.scaleKnown(); err != nil {
		return err
	}
	for _, below := range n.layers[:last] {
		if s := below.sparse(); s != nil {
			if err := s.thresholdsKnown(false); err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	calibrateNumbers = 1 << 24 // numbers of rows that Calibrate keeps in memory
	calibrateEntries = 1 << 23 // values that it finds in them
)

// calibration is one call of Calibrate.
type calibration struct {
	pass  *engine.Pass
	table feed.Table
	last  int // the layer
	want  int // active latents in all rows together
	l0    float64
}

// search finds the threshold: see engine.Pass.Calibrated.
func (c *calibration) search(n *Network) (threshold float64, positive int, ok bool, err error) {
	rows, widest := c.table.Rows, c.table.Cols
	for _, l := range n.layers[:c.last+1] {
		widest = max(widest, l.In())
	}
	if rows <= calibrateNumbers/widest && 2*c.l0*float64(rows) <= calibrateEntries {
		x, _, err := c.table.Sample(rows, 0)
		if err != nil {
			return 0, 0, false, err
		}
		threshold, positive, ok = c.pass.Calibrated(x, c.last, c.want, c.l0)
		return threshold, positive, ok, nil
	}
	// A guess from the first rows, by which more than l0 are active, spares most values.
	out := n.layers[c.last].Out()
	atOnce, guess := rowsAtOnce(max(widest, out)), 0.0
	first, _, err := c.table.Read(new(matrix.Rows), 0, min(rows, atOnce))
	if err != nil {
		return 0, 0, false, err
	}
	more := min(2*c.l0+1, float64(out))
	if guess, _, _ = c.pass.Calibrated(first, c.last, int(more*float64(first.Rows)), more); math.IsNaN(guess) {
		return guess, 0, true, nil
	}
	return c.pass.CalibratedInPasses(c.last, c.want, guess, func(f func(x matrix.Rows)) error {
		return c.table.Each(atOnce, func(_ int, x, _ matrix.Rows) error { f(x); return nil })
	})
}
