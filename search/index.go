package search

import (
	"sort"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
)

// The limits of an index. They keep every score and every sum of integers in range: see bound.go.
const (
	maxLatents   = 1 << 24
	maxRows      = 1<<31 - 1
	maxMagnitude = 1e150
)

// An Index finds rows by their codes. Build makes one, Open opens one that was saved. It never
// changes, and any number of goroutines may use it at once.
type Index struct {
	latents int
	scaled  bool      // rows have the numbers by which they were normalised
	next    int64     // the ID of the next row that is added
	parts   []part    // in the order of their IDs
	largest []float64 // by latent: the largest magnitude in any part
	usual   float64   // the usual norm of its rows, where it has any
	dense   *dense    // what Nearest needs; nil where there are codes alone
	nearest []float64 // by latent: the largest magnitude in near.postings of any part
	asking  []float64 // by latent: the unit of its atom, 0 where no row has the latent; nil without atoms
	origin  *origin
	use     use
}

// part is a segment in an index, and which of its rows were deleted.
type part struct {
	*segment
	first   int     // the place of its first row among all rows of the index, deleted ones too
	deleted *bitmap // nil where none is
}

// segment is rows that were added together, or merged. It never changes.
type segment struct {
	ids      []int64 // by row, ascending
	codes    forward
	postings postings
	near     *near        // nil where there are codes alone
	file     *segmentFile // nil while it is in memory alone
}

// Options says what an index is built from beside the codes.
type Options struct {
	// Rows are the rows that were encoded, as many as there are codes. With them the index can
	// also answer Nearest. Nil: it searches by code alone.
	Rows data.Source
	// Model encoded the rows. It is needed with Rows: a *ksparse.Frozen, which is fast, or a
	// *ksparse.Network.
	Model Model
	// Progress is called now and then with how many of the rows are done. Nil: it is not.
	Progress func(done, rows int)
}

// A Model encodes rows: a *ksparse.Frozen or a *ksparse.Network.
type Model interface {
	// In is how many numbers a row has.
	In() int
	// EncodeInto makes dst the codes of the rows of x.
	EncodeInto(dst *ksparse.Codes, x mat.Matrix) error
	// DecodeInto makes dst what the decoder makes of codes.
	DecodeInto(dst *mat.Dense, c *ksparse.Codes) error
}

// A Hit is a row that was found, with its score: the larger, the better.
type Hit struct {
	ID    int64
	Score float64
}

// newIndex returns an index of segments with their deleted rows. Segments without rows are left out.
func newIndex(latents int, scaled bool, next int64, parts []part) (*Index, error) {
	x := &Index{latents: latents, scaled: scaled, next: next, largest: make([]float64, latents)}
	rows := 0
	for _, p := range parts {
		if len(p.ids) == 0 {
			continue
		}
		p.first = rows
		if rows += len(p.ids); rows > maxRows || rows < 0 {
			return nil, fault.Errorf(fault.ErrRange, "an index of more than %d rows", maxRows)
		}
		x.parts = append(x.parts, p)
		for j, m := range p.postings.largest {
			x.largest[j] = max(x.largest[j], m)
		}
		x.addNear(p.near)
	}
	x.use.begin(x.parts)
	return x, nil
}

// with returns an index of other parts that goes on from x.
func (x *Index) with(next int64, parts []part) (*Index, error) {
	y, err := newIndex(x.latents, x.scaled, next, parts)
	if err == nil {
		y.origin = x.origin
		y.setDense(x.dense)
	}
	return y, err
}

// Dims returns the number of rows, without those deleted, and of latents.
func (x *Index) Dims() (rows, latents int) {
	for i := range x.parts {
		rows += x.parts[i].live()
	}
	return rows, x.latents
}

// stored returns the number of rows, those deleted among them.
func (x *Index) stored() int {
	rows := 0
	for i := range x.parts {
		rows += len(x.parts[i].ids)
	}
	return rows
}

// live returns how many rows of p are not deleted.
func (p *part) live() int { return len(p.ids) - p.deleted.len() }

// row returns the row of p that has an ID, -1 where none has or it is deleted.
func (p *part) row(id int64) int {
	n := len(p.ids)
	if n == 0 || id < p.ids[0] || id > p.ids[n-1] {
		return -1
	}
	row := int(id - p.ids[0])              // where no row before it was merged away
	if p.ids[n-1]-p.ids[0] != int64(n-1) { // some were
		row = sort.Search(n, func(i int) bool { return p.ids[i] >= id })
		if p.ids[row] != id {
			return -1
		}
	}
	if p.deleted.has(row) {
		return -1
	}
	return row
}

// find returns the part and the row of an ID, or an error where the index has none.
func (x *Index) find(id int64) (*part, int, error) {
	for i := range x.parts {
		if row := x.parts[i].row(id); row >= 0 {
			return &x.parts[i], row, nil
		}
	}
	return nil, 0, fault.Errorf(fault.ErrRange, "the index has no row with the ID %d", id)
}
