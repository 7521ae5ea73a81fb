package pretrained

import (
	"math"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"gonum.org/v1/gonum/mat"
)

// trialRows is how many rows are in memory at a time.
const trialRows = 1024

// A trial runs a model on rows, and counts and sums what Check asks for.
type trial struct {
	model  *Model
	x, y   data.Source // the rows, and what their outputs should be
	scale  float64     // by which both are multiplied
	decode bool        // whether there are outputs

	seen   []bool // for each latent, whether it was not zero in a row
	active int    // values that are not zero, in all rows
	most   int    // and in one row

	mean     []float64 // ȳ, of the rows y
	left     float64   // the sum over the rows of |ŷ-y|²
	variance float64   // the sum over the rows of |y-ȳ|²
}

// newTrial returns a trial that has not run yet.
func newTrial(m *Model, x, y data.Source, decode bool, scale float64) *trial {
	return &trial{model: m, x: x, y: y, decode: decode, scale: scale}
}

// run goes through all rows.
func (t *trial) run() error {
	rows, inputs := t.x.Dims()
	if inputs != t.model.In() {
		return errorf(ksparse.ErrShape, "the rows are %d x %d, the model takes %d values per row", rows, inputs, t.model.In())
	}
	if t.decode {
		targets, outputs := t.y.Dims()
		if targets != rows || outputs != t.model.Out() {
			return errorf(ksparse.ErrShape, "the targets are %d x %d, want %d x %d", targets, outputs, rows, t.model.Out())
		}
		var err error
		if t.mean, err = meanRow(t.y, t.scale); err != nil {
			return err
		}
	}
	return eachChunk(t.x, t.scale, func(lo int, x *mat.Dense) error {
		if !t.decode {
			codes, err := t.model.Encode(x)
			if err != nil {
				return err
			}
			t.addCodes(codes)
			return nil
		}
		codes, out, err := t.model.Reconstruct(x)
		if err != nil {
			return err
		}
		t.addCodes(codes)
		y, err := readChunk(t.y, lo, lo+x.RawMatrix().Rows, t.scale)
		if err != nil {
			return err
		}
		t.addOutputs(out, y)
		return nil
	})
}

// addCodes counts the latents that are active.
func (t *trial) addCodes(codes *ksparse.Codes) {
	rows, latents := codes.Dims()
	if t.seen == nil {
		t.seen = make([]bool, latents)
	}
	for i := range rows {
		n := 0
		indices, values := codes.Row(i)
		for e, j := range indices {
			if values[e] != 0 {
				t.seen[j] = true
				n++
			}
		}
		t.active, t.most = t.active+n, max(t.most, n)
	}
}

// addOutputs adds to the sums of squares.
func (t *trial) addOutputs(out, y *mat.Dense) {
	for i := range y.RawMatrix().Rows {
		got := out.RawRowView(i)
		for j, v := range y.RawRowView(i) {
			t.left += (got[j] - v) * (got[j] - v)
			t.variance += (v - t.mean[j]) * (v - t.mean[j])
		}
	}
}

// dead returns how many latents were zero in all rows.
func (t *trial) dead() int {
	n := 0
	for _, seen := range t.seen {
		if !seen {
			n++
		}
	}
	return n
}

// fvu returns the fraction of variance unexplained, NaN where all rows of y are equal.
func (t *trial) fvu() float64 {
	if t.variance == 0 {
		return math.NaN()
	}
	return t.left / t.variance
}

// eachChunk calls f for the rows of s times scale, chunk by chunk, with the number of
// the chunk's first row.
func eachChunk(s data.Source, scale float64, f func(lo int, x *mat.Dense) error) error {
	rows, _ := s.Dims()
	for lo := 0; lo < rows; lo += trialRows {
		x, err := readChunk(s, lo, min(lo+trialRows, rows), scale)
		if err == nil {
			err = f(lo, x)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readChunk reads the rows lo to hi of a source, times scale.
func readChunk(s data.Source, lo, hi int, scale float64) (*mat.Dense, error) {
	_, cols := s.Dims()
	d := mat.NewDense(hi-lo, cols, nil)
	if err := s.ReadRows(d.RawMatrix().Data, lo, hi); err != nil {
		return nil, err
	}
	if scale != 1 {
		d.Scale(scale, d)
	}
	return d, nil
}

// meanRow returns the mean of the rows times scale.
func meanRow(s data.Source, scale float64) ([]float64, error) {
	rows, cols := s.Dims()
	mean := make([]float64, cols)
	err := eachChunk(s, scale, func(_ int, d *mat.Dense) error {
		for i := range d.RawMatrix().Rows {
			for j, v := range d.RawRowView(i) {
				mean[j] += v
			}
		}
		return nil
	})
	times(mean, 1/float64(rows))
	return mean, err
}

// normScale returns the scale that makes the mean norm of the rows sqrt(columns). It is
// infinite for rows of zeros.
func normScale(s data.Source) (float64, error) {
	rows, cols := s.Dims()
	sum := 0.0
	err := eachChunk(s, 1, func(_ int, d *mat.Dense) error {
		for i := range d.RawMatrix().Rows {
			sum += mat.Norm(d.RowView(i), 2)
		}
		return nil
	})
	return math.Sqrt(float64(cols)) * float64(rows) / sum, err
}
