package codefile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/atomicfile"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/raw"
	"github.com/ksparse/ksparse/internal/sparse"
)

// Options says how codes are written. The zero value keeps values exactly.
type Options struct {
	// Values is how exactly a .ksc file keeps the values. Other kinds of files have them exactly as
	// they are, and want Float64.
	Values Precision

	// Progress, where not nil, is called after each block of rows with how many are done, and of
	// how many.
	Progress func(done, rows int)
}

// Summary says what was written.
type Summary struct {
	Rows, Latents int
	Entries       int64 // values that are not zero

	// Error is the largest relative error of the values that were kept: |kept - value| / |value|, 0
	// for Float64. It is that of values whose magnitude is at least the smallest normal number of
	// the precision; Small counts the smaller ones that were rounded, for which Float16 and
	// Float32 have an absolute error: see there.
	Error float64
	Small int64
}

// note takes in a value and what was kept of it.
func (s *Summary) note(v, kept float64, p Precision) {
	if v != 0 {
		s.Entries++
	}
	switch {
	case kept == v:
	case math.Abs(v) < precisions[p].normal:
		s.Small++
	default:
		s.Error = max(s.Error, math.Abs((kept-v)/v))
	}
}

// block is how many rows are in memory at a time, beside the part of a .ksc file that grows.
const block = 1024

// kinds has what writes the codes of a source, by the end of the file's name.
var kinds = map[string]func(w io.Writer, in *input) error{".ksc": writeParts, ".npz": writeNpz, ".jsonl": writeLines}

// CheckPath returns an error unless Write can tell by the end of the path which kind of file to
// write: .ksc, .npz or .jsonl, in small or capital letters. It wraps ksparse.ErrRange.
func CheckPath(path string) error {
	if kinds[ending(path)] == nil {
		return fault.Errorf(fault.ErrRange, "%s: codes are in a file whose name ends in .ksc, .npz or .jsonl", path)
	}
	return nil
}

// ending returns the end of a file's name, in small letters.
func ending(path string) string { return strings.ToLower(filepath.Ext(path)) }

// Write writes the codes of src to the file at path, which appears, or replaces the one that was
// there, at once and whole; after an error the old one is as it was. The end of the name says which
// kind it is:
//
//   - .ksc is the format of this package: the codes as they are, the numbers by which their rows
//     were normalised too, and values as exactly as o.Values says. doc/codes.md has it to the byte.
//   - .npz is a CSR matrix of float64 that scipy.sparse.load_npz reads, without the zeros.
//   - .jsonl has a line for each row, without the zeros: {"latents":[3,17],"values":[0.5,1.25]}.
//
// Some 50 MB are in memory at a time, of rows with more than 2,000,000 entries more.
//
// Errors wrap ksparse.ErrEmpty (no rows), ksparse.ErrRange (a value that is too large for o.Values,
// a path that does not say the kind), ksparse.ErrNotFinite, which name the row and the latent, or
// ksparse.ErrShape (a source that is not what it says, or of rows of which some are normalised); or
// are those of ctx, of src and of package os.
func Write(ctx context.Context, path string, src Source, o Options) (Summary, error) {
	in, err := newInput(ctx, src, o)
	if err == nil {
		err = CheckPath(path)
	}
	if err == nil && o.Values != Float64 && ending(path) != ".ksc" {
		err = fault.Errorf(fault.ErrRange, "%s: only a .ksc file keeps values as %s", path, o.Values)
	}
	if err == nil && in.rows == 0 {
		err = fault.Errorf(fault.ErrEmpty, "%s: there are no codes to write", path)
	}
	if err != nil {
		return Summary{}, err
	}
	err = atomicfile.Write(path, func(w io.Writer) error { return kinds[ending(path)](w, in) })
	if err != nil {
		return Summary{}, inFile(path, err)
	}
	return in.sum, nil
}

// inFile returns err with the path, as an error of this library.
func inFile(path string, err error) error {
	err = fault.In(path, err)
	return fault.Errorf(err, "%s", fault.Text(err))
}

// input is the codes that are written.
type input struct {
	ctx           context.Context
	src           Source
	options       Options
	rows, latents int
	sum           Summary
}

// newInput looks at the codes to write.
func newInput(ctx context.Context, src Source, o Options) (*input, error) {
	if fault.IsNil(src) {
		return nil, fault.Errorf(fault.ErrEmpty, "the source of codes is nil")
	}
	if err := o.Values.check(); err != nil {
		return nil, err
	}
	in := &input{ctx: ctx, src: src, options: o}
	in.rows, in.latents = src.Dims()
	if in.rows < 0 || in.rows > 0 && (in.latents < 1 || in.latents > math.MaxInt32) {
		return nil, fault.Errorf(fault.ErrShape, "the source of codes is %d x %d", in.rows, in.latents)
	}
	in.sum.Latents = in.latents
	return in, nil
}

// each calls f for all rows, a block at a time.
func (in *input) each(f func(c *sparse.Codes, s *normal.Scales) error) error {
	var codes ksparse.Codes
	for lo := 0; lo < in.rows; lo += block {
		if err := in.ctx.Err(); err != nil {
			return err
		}
		hi := min(lo+block, in.rows)
		if err := in.src.ReadCodes(&codes, lo, hi); err != nil {
			return err
		}
		if rows, latents := codes.Dims(); rows != hi-lo || latents != in.latents {
			return fault.Errorf(fault.ErrShape, "the source gave %d rows of %d latents for the rows %d to %d, want %d of %d", rows, latents, lo, hi, hi-lo, in.latents)
		}
		if err := f(raw.Codes(&codes)); err != nil {
			return err
		}
		in.sum.Rows = hi
		if in.options.Progress != nil {
			in.options.Progress(hi, in.rows)
		}
	}
	return nil
}

// eachRow calls f for each row, without its zeros, once it has checked the values.
func (in *input) eachRow(f func(latents []int32, values []float64) error) error {
	var latents []int32
	var values []float64
	return in.each(func(c *sparse.Codes, _ *normal.Scales) error {
		for i := range c.Rows {
			indices, all := c.Row(i)
			latents, values = latents[:0], values[:0]
			for t, v := range all {
				if v-v != 0 {
					return refuseValue(in.sum.Rows+i, indices[t], v, Float64)
				}
				if v != 0 {
					latents, values = append(latents, indices[t]), append(values, v)
				}
			}
			in.sum.Entries += int64(len(values))
			if err := f(latents, values); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeParts writes the parts of a .ksc file.
func writeParts(w io.Writer, in *input) error {
	p := partWriter{to: w, layout: layout{latents: in.latents, precision: in.options.Values}, sum: &in.sum}
	return p.all(in)
}

// all writes all of the codes.
func (w *partWriter) all(in *input) error {
	if err := in.each(w.add); err != nil {
		return err
	}
	return w.flush()
}

// Append writes the codes of src behind those in the .ksc file at path, as parts of their own, and
// waits until they are on the disk. Where there is no file it is Write. The codes have as many
// latents as those in the file, and are normalised if those are; values may have another precision.
//
// When the process is killed meanwhile the file keeps all that it had; Open then says that a part is
// not whole, and the next Append puts its codes in the place of that part (with a src of no
// rows it only removes it). After an error the file is as it was, without such a part. Programs that have
// the file open go on reading what it had. Two appends to a file at the same time are an error,
// where the system can lock files.
//
// Errors are those of Write and Open; they wrap ksparse.ErrShape where the codes do not fit those of
// the file.
func Append(ctx context.Context, path string, src Source, o Options) (Summary, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return Write(ctx, path, src, o)
	}
	in, err := newInput(ctx, src, o)
	if err == nil {
		err = appendTo(path, in)
	}
	if err != nil {
		return Summary{}, err
	}
	return in.sum, nil
}
