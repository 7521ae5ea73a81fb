package measure

import (
	"errors"
	"math"
	"sort"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/feed"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/stat"
	"gonum.org/v1/gonum/mat"
)

// Model is an autoencoder, or a transcoder, with a sparse layer. A *ksparse.Network is one, and
// so is a *ksparse.Frozen.
type Model interface {
	// In and Out are how many values the model takes and gives for a row.
	In() int
	Out() int
	// Reconstruct returns the codes and the outputs of the rows of x, and leaves x as
	// it is. What it returns for a row does not depend on the other rows.
	Reconstruct(x mat.Matrix) (*ksparse.Codes, *mat.Dense, error)
}

// chunkRows is how many rows are in memory at a time.
const chunkRows = stat.ChunkRows

const (
	// mostVariance is the largest variance of rows, and its inverse the least: figures
	// divide by it, and by squares that are larger and smaller.
	mostVariance = 1e280
	// zeroRow is the squared norm below which a row counts as zero: figures that divide
	// by it could overflow, and its digits are going.
	zeroRow = 0x1p-960
	// meanRow is up to which share of the variance the squared distance from the mean
	// row counts as zero, as it is when the mean is only rounded.
	meanRow = 0x1p-80
)

// Evaluate measures the model on all rows of src. It goes through them twice, because
// RowExplainedVariance needs the mean row first. It reads 1024 rows at a time, so its
// memory does not grow with src. All sums go over the rows in order: the bits are the
// same for every GOMAXPROCS.
//
// Where src is a data.Paired, as data.Pair makes it, the model is given the inputs and
// measured against the targets: each figure of the Report is that of targets and
// outputs, the mean row is that of the targets, and L0, Frequency and Dead are those of the
// codes of the inputs.
//
// Errors wrap ksparse.ErrEmpty; ErrShape, where src has not In columns, or Out is not
// In, or a data.Paired has other numbers of inputs and targets than In and Out; ErrNotFinite,
// for the first row of src or of the reconstructions that holds NaN or
// an infinity, or for a figure that overflows; ErrRange where all rows (or targets) are equal up to
// rounding, so that there is no variance to explain, or where they are too large or too
// small to be squared (a variance below 1e-280; ErrNotFinite beyond 1e280); or what src or the model returned, such as
// ErrNoSparseLayer, ErrNoDecoder or ErrUnset. An error of the model that is not about
// the data comes before any row is read.
func Evaluate(m Model, src data.Source) (*Report, error) {
	table, err := check(m, src)
	if err != nil {
		return nil, err
	}
	what := "the rows of the source"
	if table.Paired() {
		what = "the targets of the source"
	}
	var targets stat.Moments
	err = table.Each(chunkRows, func(_ int, _, y matrix.Rows) error {
		targets.Add(y)
		return nil
	})
	if err != nil {
		return nil, err
	}
	variance, err := targets.Variance(what, mostVariance)
	if err != nil {
		return nil, err
	}
	if variance == 0 {
		return nil, fault.Errorf(fault.ErrRange, "Evaluate needs rows that differ: the variance of %s is zero", what)
	}
	e := &evaluation{inputs: m.In(), mean: targets.Mean(), variance: targets.Total(), nearMean: variance * meanRow}
	err = table.Each(chunkRows, func(from int, x, y matrix.Rows) error {
		codes, out, err := reconstruct(m, x, y.Cols, from)
		if err != nil {
			return err
		}
		e.addRows(y, out)
		return e.addCodes(codes, from)
	})
	if err != nil {
		return nil, err
	}
	return e.report()
}

// check looks at src, and returns an error where m cannot reconstruct its rows,
// whatever they are. To find that out it has m reconstruct a row of zeros.
func check(m Model, src data.Source) (table feed.Table, err error) {
	if fault.IsNil(m) {
		return table, fault.Errorf(fault.ErrEmpty, "the model is nil")
	}
	if table, err = feed.Check(src, m.In(), m.Out()); err != nil {
		return table, err
	}
	_, _, err = m.Reconstruct(dense.Of(matrix.New(1, m.In())))
	if err != nil && !errors.Is(err, fault.ErrNotFinite) { // the rows of src may do better than zeros
		return table, err
	}
	if !table.Paired() && m.In() != m.Out() {
		return table, fault.Errorf(fault.ErrShape, "Evaluate needs an autoencoder, or a source that data.Pair made: this model gives %d values for %d", m.Out(), m.In())
	}
	return table, nil
}

// reconstruct returns m's codes and outputs, of that many columns, for x. from is the number of
// x's first row in the source, for an error.
func reconstruct(m Model, x matrix.Rows, cols, from int) (codes *ksparse.Codes, out matrix.Rows, err error) {
	codes, y, err := m.Reconstruct(dense.Of(x))
	if errors.Is(err, fault.ErrNotFinite) {
		if _, _, zeros := m.Reconstruct(dense.Of(matrix.New(1, x.Cols))); errors.Is(zeros, fault.ErrNotFinite) {
			return nil, out, zeros // whatever the row: the model itself is not finite
		}
		return nil, out, fault.Errorf(err, "the reconstruction of row %d overflows: data or weights are too large", from+overflowing(m, x))
	}
	if err != nil {
		return nil, out, err
	}
	if codes == nil || y == nil {
		return nil, out, fault.Errorf(fault.ErrEmpty, "the model returned nil codes or outputs")
	}
	out = dense.View(y)
	if codeRows, _ := codes.Dims(); codeRows != x.Rows || out.Rows != x.Rows || out.Cols != cols {
		return nil, out, fault.Errorf(fault.ErrShape, "for %d rows of %d values the model returned %d codes and outputs of %d x %d, want %d columns",
			x.Rows, x.Cols, codeRows, out.Rows, out.Cols, cols)
	}
	if i := out.NotFiniteRow(); i >= 0 {
		return nil, out, fault.Errorf(fault.ErrNotFinite, "the model's output for row %d holds NaN or an infinity", from+i)
	}
	return codes, out, nil
}

// overflowing returns the first row of x that m cannot reconstruct because a number
// overflows; there is one.
func overflowing(m Model, x matrix.Rows) int {
	return sort.Search(x.Rows-1, func(i int) bool {
		_, _, err := m.Reconstruct(dense.Of(x.Slice(0, i+1)))
		return errors.Is(err, fault.ErrNotFinite)
	})
}

// evaluation is Evaluate's second pass under way.
type evaluation struct {
	inputs   int          // of the model
	mean     []float64    // of the targets, which x stands for here
	variance float64      // the sum over the rows of |x-x̄|²
	nearMean float64      // the |x-x̄|² up to which a row counts as the mean row
	residual stat.Moments // of x-x̂
	fired    []int        // for each latent, the rows in which it is not zero

	// Sums over the rows.
	errors, outputs, products        float64 // |x̂-x|², |x̂|², x·x̂
	normalized, explained            float64 // |x̂-x|²/|x|², 1 - |x̂-x|²/|x-x̄|²
	cosines, lengths                 float64 // x·x̂/(|x||x̂|), |x̂|/|x|
	rows, zeroRows, meanRows, active int

	residuals matrix.Rows // scratch: those of a chunk
	figures   []figures   // scratch: those of a chunk's rows
}

// figures are what one row adds to the sums: squared norms and a product.
type figures struct{ err, x, out, product, centred float64 }

// addRows takes in a chunk of the data and its reconstruction.
func (e *evaluation) addRows(x, out matrix.Rows) {
	e.residuals.Resize(x.Rows, x.Cols)
	e.figures = matrix.Resized(e.figures, x.Rows)
	parallel.For(x.Rows, matrix.RowGrain(8*x.Cols), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			x, out := x.Row(i), out.Row(i)
			e.figures[i] = figures{
				err:     stat.SquaredDistance(e.residuals.Row(i), x, out),
				x:       kernel.Dot(x, x),
				out:     kernel.Dot(out, out),
				product: kernel.Dot(x, out),
				centred: stat.SquaredDistance(nil, x, e.mean),
			}
		}
	})
	e.residual.Add(e.residuals)
	e.rows += x.Rows
	for _, f := range e.figures {
		e.addFigures(f)
	}
}

// addFigures adds those of one row to the sums.
func (e *evaluation) addFigures(f figures) {
	e.errors += f.err
	e.outputs += f.out
	e.products += f.product
	if f.x < zeroRow {
		e.zeroRows++
	} else {
		e.normalized += f.err / f.x
		e.lengths += math.Sqrt(f.out) / math.Sqrt(f.x)
		if f.out != 0 {
			e.cosines += f.product / (math.Sqrt(f.x) * math.Sqrt(f.out))
		}
	}
	if f.centred <= e.nearMean {
		e.meanRows++
	} else {
		e.explained += 1 - f.err/f.centred
	}
}

// addCodes takes in the codes of a chunk that begins with the row from. They must have as
// many latents as those before.
func (e *evaluation) addCodes(c *ksparse.Codes, from int) error {
	rows, latents := c.Dims()
	if e.fired == nil {
		e.fired = make([]int, latents)
	}
	if latents != len(e.fired) {
		return fault.Errorf(fault.ErrShape, "the model returned codes of %d latents after codes of %d", latents, len(e.fired))
	}
	for i := range rows {
		indices, values := c.Row(i)
		if !kernel.AllFinite(values) {
			return fault.Errorf(fault.ErrNotFinite, "the model's code of row %d holds NaN or an infinity", from+i)
		}
		for t, j := range indices {
			if values[t] != 0 {
				e.fired[j]++
				e.active++
			}
		}
	}
	return nil
}

// report makes the means of the sums.
func (e *evaluation) report() (*Report, error) {
	rows := float64(e.rows)
	withNorm, offMean := float64(e.rows-e.zeroRows), float64(e.rows-e.meanRows)
	r := &Report{
		Rows: e.rows, Inputs: e.inputs, Latents: len(e.fired),
		MSE:                      e.errors / (rows * float64(len(e.mean))),
		FVU:                      e.errors / e.variance,
		NormalizedMSE:            e.normalized / withNorm,
		CentredExplainedVariance: 1 - e.residual.Total()/e.variance,
		RowExplainedVariance:     e.explained / offMean,
		CosineSimilarity:         e.cosines / withNorm,
		L2Ratio:                  e.lengths / withNorm,
		ReconstructionBias:       math.NaN(),
		ZeroRows:                 e.zeroRows,
		MeanRows:                 e.meanRows,
		L0:                       float64(e.active) / rows,
		Frequency:                make([]float64, len(e.fired)),
	}
	bias := 0.0
	if e.products != 0 {
		bias = e.outputs / e.products
		r.ReconstructionBias = bias
	}
	for _, figure := range []float64{e.variance, e.outputs, e.products, r.MSE, r.FVU, r.NormalizedMSE,
		r.CentredExplainedVariance, r.RowExplainedVariance, r.CosineSimilarity, r.L2Ratio, bias} {
		if math.IsNaN(figure) || math.IsInf(figure, 0) {
			return nil, fault.Errorf(fault.ErrNotFinite, "a figure overflows: data or outputs are too large, or too small to divide by")
		}
	}
	for j, count := range e.fired {
		r.Frequency[j] = float64(count) / rows
		if count == 0 {
			r.Dead = append(r.Dead, j)
		}
	}
	return r, nil
}
