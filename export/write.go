package export

import (
	"context"
	"io"
	"math"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/internal/atomicfile"
	"github.com/ksparse/ksparse/internal/fault"
)

// Summary says what was written.
type Summary struct {
	Rows    int
	Latents int
	Entries int64   // values written
	Empty   int     // rows without one. Seismic's file leaves them out; no product finds them anyway
	Tiny    int64   // values other than zero that were left out, as the engine's numbers would make them zero
	Longest int     // most entries of a row. An HNSW index of pgvector takes 1,000
	Largest float64 // largest magnitude of a value written, as float32
	Error   float64 // largest relative error of a value written
}

const (
	blockRows  = 1024     // rows that are read at a time
	flushBytes = 64 << 10 // that are kept before they are written
	bodyBytes  = 16 << 20 // of a request of Qdrant, which takes 32 MB
)

// WriteFile is Write to a file, which appears, or replaces the one that was there, at once and
// whole; after an error the old one is as it was. Errors may also be those of package os.
func (f Format) WriteFile(ctx context.Context, path string, codes codefile.Source, o Options) (Summary, error) {
	var s Summary
	err := atomicfile.Write(path, func(w io.Writer) (err error) {
		s, err = f.Write(ctx, w, codes, o)
		return err
	})
	if err != nil {
		err = fault.In(path, err)
		return Summary{}, fault.Errorf(err, "%s", fault.Text(err))
	}
	return s, nil
}

// Write writes all codes in the format f. 1024 rows are in memory at a time. After an error w has a
// part of them.
//
// Errors wrap ksparse.ErrEmpty where there are no rows; ksparse.ErrRange where the engine cannot hold
// the codes (negative or large values, too many latents or entries: the text names the row), or an
// option makes no sense; ksparse.ErrNotFinite for a value that is NaN or an infinity; or are those
// of ctx, codes and w.
func (f Format) Write(ctx context.Context, w io.Writer, codes codefile.Source, o Options) (Summary, error) {
	e, err := f.engine()
	if err != nil {
		return Summary{}, err
	}
	p, err := o.place(f.withoutCeiling())
	if err != nil {
		return Summary{}, err
	}
	if fault.IsNil(codes) {
		return Summary{}, fault.Errorf(fault.ErrEmpty, "the codes to write are nil")
	}
	rows, latents := codes.Dims()
	if rows < 1 || latents < 1 {
		return Summary{}, fault.Errorf(fault.ErrEmpty, "there are no codes to write (%d rows of %d latents)", rows, latents)
	}
	if err := fault.First(e.checkLatents(latents), o.check(rows)); err != nil {
		return Summary{}, err
	}
	if o.Batch == 0 {
		o.Batch = defaultBatch
	}
	x := &exporter{engine: e, place: p, options: o, to: w, codes: codes, rows: rows, latents: latents}
	if err := x.write(ctx); err != nil {
		return Summary{}, err
	}
	x.sum.Rows, x.sum.Latents = rows, latents
	return x.sum, nil
}

// withoutCeiling returns the format whose file is the same and needs no ceiling.
func (f Format) withoutCeiling() Format {
	if f == OpenSearchSeismic {
		return OpenSearch
	}
	return f
}

// checkLatents returns an error where the engine cannot hold codes of so many latents.
func (e *engine) checkLatents(latents int) error {
	if e.latents > 0 && latents > e.latents {
		return fault.Errorf(fault.ErrRange, "the codes have %d latents, and %s takes %d at most", latents, e.name, e.latents)
	}
	return nil
}

// exporter writes codes.
type exporter struct {
	engine
	place
	options       Options
	to            io.Writer
	codes         codefile.Source
	rows, latents int

	at      entries // the row at hand
	buffer  []byte  // what is not written yet
	written int     // rows in the buffer or written
	inBody  int     // rows in the request at hand
	sum     Summary
}

// write writes the file.
func (x *exporter) write(ctx context.Context) error {
	x.begin(x)
	var block ksparse.Codes
	for lo := 0; lo < x.rows; lo += blockRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(lo+blockRows, x.rows)
		if err := x.codes.ReadCodes(&block, lo, hi); err != nil {
			return err
		}
		if n, latents := block.Dims(); n != hi-lo || latents != x.latents {
			return fault.Errorf(fault.ErrShape, "the source gave codes of %d rows by %d latents for the rows %d to %d, want %d by %d", n, latents, lo, hi, hi-lo, x.latents)
		}
		if err := x.block(&block, lo); err != nil {
			return err
		}
		if x.options.Progress != nil {
			x.options.Progress(hi, x.rows)
		}
	}
	x.end(x)
	return x.flush()
}

// block writes rows, the first of which is lo.
func (x *exporter) block(codes *ksparse.Codes, lo int) error {
	n, _ := codes.Dims()
	for i := range n {
		latents, values := codes.Row(i)
		if err := x.at.take(&x.engine, lo+i, latents, values); err != nil {
			return err
		}
		x.count()
		x.row(x, x.options.FirstID+int64(lo+i))
		if x.bodies && (x.inBody == x.options.Batch || len(x.buffer) >= bodyBytes) {
			x.end(x)
		}
		if x.inBody == 0 && len(x.buffer) >= flushBytes {
			if err := x.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// count adds the row at hand to the summary.
func (x *exporter) count() {
	n := len(x.at.latents)
	x.sum.Entries += int64(n)
	x.sum.Tiny += x.at.tiny
	x.sum.Longest = max(x.sum.Longest, n)
	x.sum.Largest = max(x.sum.Largest, x.at.largest)
	x.sum.Error = max(x.sum.Error, x.at.err)
	if n == 0 {
		x.sum.Empty++
	}
}

// flush writes what is in the buffer.
func (x *exporter) flush() error {
	_, err := x.to.Write(x.buffer)
	x.buffer = x.buffer[:0]
	return err
}

// entries are the values of a row as an engine gets them: latents ascend, no value is zero.
type entries struct {
	latents []int32
	values  []float32
	tiny    int64   // values other than zero that became zero, or that the engine does not take
	largest float64 // magnitude
	err     float64 // largest relative error
}

// take makes r the code of row i, or returns why the engine cannot hold it.
func (r *entries) take(e *engine, i int, latents []int32, values []float64) error {
	*r = entries{latents: r.latents[:0], values: r.values[:0]}
	for t, v := range values {
		if v == 0 {
			continue
		}
		if v-v != 0 {
			return fault.Errorf(fault.ErrNotFinite, "row %d has %v for latent %d", i, v, latents[t])
		}
		if v < 0 && !e.negative {
			return fault.Errorf(fault.ErrRange, "row %d has %v for latent %d, and %s takes no values below 0", i, v, latents[t], e.name)
		}
		f := float32(v)
		magnitude := math.Abs(float64(f))
		if magnitude > float64(e.largest) {
			return fault.Errorf(fault.ErrRange, "row %d has %v for latent %d, and %s takes %v at most", i, v, latents[t], e.name, e.largest)
		}
		if magnitude < float64(e.smallest) {
			r.tiny++
			continue
		}
		r.latents, r.values = append(r.latents, latents[t]), append(r.values, f)
		r.largest = max(r.largest, magnitude)
		r.err = max(r.err, math.Abs((float64(f)-v)/v))
	}
	if e.entries > 0 && len(r.values) > e.entries {
		return fault.Errorf(fault.ErrRange, "row %d has %d values other than 0, and %s takes %d at most", i, len(r.values), e.name, e.entries)
	}
	return nil
}
