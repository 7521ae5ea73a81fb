package search

import (
	"math"

	"gonum.org/v1/gonum/blas/blas64"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// Near is a question for the rows nearest to a row.
type Near struct {
	// Row is the row, of as many numbers as those of the index. Its direction is what counts: it is given the usual
	// length of the rows of the index first.
	Row []float64
	// Latents and Values are its code, latents ascending, as Row of *ksparse.Codes gives them, of a row that is about as
	// long as those of the index. Nil: the model of the index encodes the row, where that is needed. It takes less time to
	// encode many rows together.
	Latents []int32
	Values  []float64
	// K is how many rows are wanted.
	K int
	// Recall is how large a share of the K nearest rows should be found, on average: 0 to 1, where 0 stands
	// for 0.95. More takes longer. What it takes was measured on other rows, until Calibrate has measured it
	// on those of the index. For more than the largest recall that was measured, all rows are compared.
	Recall float64
	// Only are the rows that count; nil: all.
	Only *IDs
}

// dense is what an index has, beside its segments, to answer Nearest. It never changes.
type dense struct {
	cols    int
	decoder uint32 // the checksum of the model's decoder
	model   Model  // nil in an index that was opened
	atoms   *atoms // nil where rows are encoded normalised, or atoms are too many
	signed  bool   // codes have negative values
	ladder  ladder
}

// Nearest appends to dst the K rows, or fewer, that have the largest cosine with a row, the largest first, and of equal ones
// that with the smaller ID first. Score is the cosine, in float64, of the row with the row of the index in
// float32. It finds most of them, not all: see Near.Recall. It needs an index that was built with Options.Rows.
//
// Of all rows it looks at those whose codes have the largest products with the latents that the row asks for: the
// products of the row with the atoms of the decoder, or its own code where the decoder is large. These candidates it
// compares by their rows in bytes, and the best of them by their rows in float32. A row that shares no latent with
// what is asked for is not found. The answer does not depend on the processor.
//
// It may be called from any number of goroutines. Where dst has room, and the code is given or not needed, it makes no garbage.
// Errors wrap ksparse.ErrUnset where the index has no rows, or no model and the code is needed; ksparse.ErrShape,
// ksparse.ErrRange or ksparse.ErrNotFinite for a question that does not fit the index; os.ErrClosed after Close;
// io.ErrUnexpectedEOF where a file of the index was cut short since it was opened.
func (x *Index) Nearest(dst []Hit, q Near) (hits []Hit, err error) {
	if err := x.checkNear(&q); err != nil {
		return dst, err
	}
	faults, err := x.begin()
	if err != nil {
		return dst, err
	}
	defer x.end(faults, &err)
	hits = dst // also where a file fails
	s := newNearScratch(x)
	if err := s.set(x, &q); err != nil {
		return dst, err
	}
	rows, _ := x.Dims()
	k := min(q.K, rows)
	s.search(x, k, x.dense.ladder.effort(q.Recall, k, rows), q.Only)
	hits = append(hits, s.found...)
	s.free()
	return hits, nil
}

// checkNear returns what is wrong with a question.
func (x *Index) checkNear(q *Near) error {
	if x.dense == nil {
		return fault.Errorf(fault.ErrUnset, "the index has codes alone: Build it with Options.Rows to search for the nearest rows")
	}
	if err := fault.Count("Near.K", q.K); err != nil {
		return err
	}
	if len(q.Row) != x.dense.cols {
		return fault.Errorf(fault.ErrShape, "Near.Row has %d numbers, the rows of the index have %d", len(q.Row), x.dense.cols)
	}
	if !kernel.AllFinite(q.Row) {
		i := matrix.FirstNotFinite(q.Row)
		return fault.Errorf(fault.ErrNotFinite, "Near.Row holds %v at %d", q.Row[i], i)
	}
	if err := fault.Share("Near.Recall", q.Recall); err != nil {
		return err
	}
	switch largest := kernel.MaxAbs(q.Row); {
	case largest == 0:
		return fault.Errorf(fault.ErrRange, "Near.Row is all zeros, which has no direction")
	case largest > maxMagnitude:
		return fault.Errorf(fault.ErrRange, "Near.Row has a number of magnitude %v, want at most %v", largest, maxMagnitude)
	}
	if err := x.checkQuery(q.Latents, q.Values); err != nil {
		return err
	}
	if q.Latents == nil && x.dense.atoms == nil && x.dense.model == nil {
		return fault.Errorf(fault.ErrUnset, "an index that was opened has no model to encode the row with: give Near.Latents and Values")
	}
	return nil
}

// set prepares a question: the row in all forms, and its code where it is needed.
func (s *nearScratch) set(x *Index, q *Near) error {
	s.setRow(q.Row, x.usual)
	s.latents, s.values = q.Latents, q.Values
	if x.dense.atoms != nil || q.Latents != nil {
		return nil
	}
	n := len(q.Row)
	s.matrix.SetRawMatrix(blas64.General{Rows: 1, Cols: n, Stride: n, Data: s.usual})
	if err := x.dense.model.EncodeInto(&s.code, &s.matrix); err != nil {
		return fault.Errorf(err, "Near.Row: %s", fault.Text(err))
	}
	s.latents, s.values = s.code.Row(0)
	return x.checkQuery(s.latents, s.values)
}

// setRow sets the row, divided by a power of two so that its squares are in range, its norm and its bytes, and the row of
// the usual norm.
func (s *nearScratch) setRow(row []float64, usual float64) {
	s.row, s.usual = matrix.Resized(s.row, len(row)), matrix.Resized(s.usual, len(row))
	matrix.TimesPower(s.row, row, -matrix.Exponent(row))
	s.norm = math.Sqrt(kernel.SumSquares(s.row))
	factor := 0.0
	if s.norm > 0 {
		factor = usual / s.norm
	}
	for i, v := range s.row {
		s.usual[i] = v * factor
	}
	s.signedBytes(s.row)
}

// signedBytes puts numbers into s.query8.
func (s *nearScratch) signedBytes(x []float64) {
	stride := byteStride(len(x))
	s.bytes, s.query8 = matrix.Resized(s.bytes, stride), matrix.Resized(s.query8, stride)
	clear(s.bytes)
	toBytes(s.bytes, x, 0)
	for i, b := range s.bytes {
		s.query8[i] = int8(b)
	}
}
