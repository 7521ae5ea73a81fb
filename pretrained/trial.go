package pretrained

import (
	"math"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/stat"
	"gonum.org/v1/gonum/mat"
)

// trialRows is how many rows are in memory at a time.
const trialRows = 1024

// A trial runs a model on rows, and counts and sums what Check asks for.
type trial struct {
	model   *Model
	x, y    data.Source // the rows, and what their outputs should be
	scale   float64     // by which both are multiplied
	decode  bool        // whether there are outputs
	about   *rowsAbout  // what is known of y
	unusual []bool      // the rows that are not usual; nil for none
	toNorm  float64     // the scale that makes the mean norm of the usual rows sqrt(d)

	outlying string // whether the outlying ones are rows or targets, in words

	all, usual tally // of all rows, and of the usual ones
}

// A tally counts and sums over some of the rows. Sums of squares are those of the
// rows times a power of two, so that none overflows or vanishes.
type tally struct {
	rows   int
	seen   []bool // for each latent, whether it was not zero in a row
	active int    // values that are not zero, in all rows
	most   int    // and in one row

	spread
	left   float64   // the sum over the rows of |ŷ-y|²
	centre []float64 // of the rows
	off    []float64 // memory for ŷ-y and y-centre of a row
	away   []float64
	shares []float64 // for each row that is not zero |ŷ-y|²/|y-centre|²
}

// tallies returns those that a row belongs to.
func (t *trial) tallies(row int) []*tally {
	if t.unusual == nil || t.unusual[row] {
		return []*tally{&t.all}
	}
	return []*tally{&t.all, &t.usual}
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
		if err := t.all.measure(t, nil); err != nil {
			return err
		}
		if t.unusual != nil {
			if err := t.usual.measure(t, t.unusual); err != nil {
				return err
			}
		}
	}
	return eachChunk(t.x, t.scale, func(lo int, x *mat.Dense) error {
		if !t.decode {
			codes, err := t.model.Encode(x)
			if err != nil {
				return err
			}
			t.addCodes(lo, codes)
			return nil
		}
		codes, out, err := t.model.Reconstruct(x)
		if err != nil {
			return err
		}
		t.addCodes(lo, codes)
		y, err := readChunk(t.y, lo, lo+x.RawMatrix().Rows, t.scale)
		if err != nil {
			return err
		}
		for i := range y.RawMatrix().Rows {
			for _, to := range t.tallies(lo + i) {
				to.addOutput(out.RawRowView(i), y.RawRowView(i))
			}
		}
		return nil
	})
}

// measure sets how the outputs of t should be spread, but for the rows that are left out.
func (t *tally) measure(of *trial, without []bool) (err error) {
	if t.spread, err = spreadOf(of.y, of.scale, without); err != nil {
		return err
	}
	n := len(of.about.centre)
	t.centre, t.off, t.away = make([]float64, n), make([]float64, n), make([]float64, n)
	for j, v := range of.about.centre {
		t.centre[j] = v / of.about.unit * of.scale
	}
	return nil
}

// addCodes counts the latents that are active in rows from lo on.
func (t *trial) addCodes(lo int, codes *ksparse.Codes) {
	rows, _ := codes.Dims()
	for i := range rows {
		for _, to := range t.tallies(lo + i) {
			to.addCode(codes, i)
		}
	}
}

// addCode counts the latents that are active in one row.
func (t *tally) addCode(codes *ksparse.Codes, row int) {
	if t.seen == nil {
		_, latents := codes.Dims()
		t.seen = make([]bool, latents)
	}
	n := 0
	indices, values := codes.Row(row)
	for e, j := range indices {
		if values[e] != 0 {
			t.seen[j] = true
			n++
		}
	}
	t.rows++
	t.active, t.most = t.active+n, max(t.most, n)
}

// addOutput adds a row's squares to the sums.
func (t *tally) addOutput(got, want []float64) {
	left, zero := 0.0, true
	for j, v := range want {
		t.off[j], t.away[j] = got[j]-v, v-t.centre[j]
		d := t.off[j] * t.unit
		left += float64(d * d)
		zero = zero && v == 0
	}
	t.left += left
	if away := matrix.Norm(t.away); !zero && away > 0 {
		share := matrix.Norm(t.off) / away
		if share *= share; !(share <= math.MaxFloat64) { // NaN of two infinities, too
			share = math.MaxFloat64
		}
		t.shares = append(t.shares, share)
	}
}

// figures are what was counted. They have an FVU where outputs could be compared.
func (t *tally) figures() Figures {
	f := Figures{L0: float64(t.active) / float64(max(1, t.rows)), MostL0: t.most}
	for _, seen := range t.seen {
		if !seen {
			f.Dead++
		}
	}
	if t.variance > 0 {
		fvu := min(t.left/t.variance, math.MaxFloat64)
		median := fvu
		if len(t.shares) > 0 {
			median = stat.Median(t.shares)
		}
		f.FVU, f.MedianFVU = &fvu, &median
	}
	return f
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
