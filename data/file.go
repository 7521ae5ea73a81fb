package data

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sort"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/mapped"
	"github.com/ksparse/ksparse/internal/natural"
)

// File is a Source of the rows of one or more files: see Open. They are read when they are
// asked for; none of them stay in memory, but for arrays of a compressed .npz, which are
// inflated when they are first read. Its methods may be called from any number of goroutines
// at once.
type File struct {
	files      *mapped.Set
	parts      []filePart
	rows, cols int
}

// fileRows are the rows of one file.
type fileRows interface {
	dims() (rows, cols int)
	// read sets dst to the rows lo to hi. The caller has checked all of them.
	read(dst []float64, lo, hi int) error
}

// opened is what was found in a file.
type opened struct {
	fileRows
	kind   string // "safetensors"
	what   string // what more there is to say: `tensor "x" float32`
	tensor string // the name of the array, where it has one
}

// filePart is a file among those of a File.
type filePart struct {
	opened
	path       string
	start, end int // its rows
}

// add adds the rows of the file at path. It returns the name of their array.
func (f *File) add(path string, o Options) (tensor string, err error) {
	read, err := recognise(path, o)
	if err != nil {
		return "", err
	}
	h, err := f.files.Open(path)
	if err != nil {
		return "", fault.Errorf(err, "%s", fault.Text(err))
	}
	found, err := read(h, h.Size(), path, o)
	if err != nil {
		return "", fault.InFile(path, err)
	}
	rows, cols := found.dims()
	switch {
	case rows == 0 || cols == 0:
		return "", fault.Errorf(fault.ErrEmpty, "%s holds %d x %d numbers, which is no data", path, rows, cols)
	case len(f.parts) > 0 && cols != f.cols:
		return "", fault.Errorf(fault.ErrShape, "%s has %d columns, %s has %d", path, cols, f.parts[0].path, f.cols)
	case o.Cols > 0 && cols != o.Cols:
		return "", fault.Errorf(fault.ErrShape, "%s has %d columns, Options.Cols is %d", path, cols, o.Cols)
	case rows > math.MaxInt/8/cols-f.rows:
		return "", fault.Errorf(fault.ErrShape, "up to %s there are more numbers than can be counted", path)
	}
	f.parts = append(f.parts, filePart{found, path, f.rows, f.rows + rows})
	f.rows, f.cols = f.rows+rows, cols
	return found.tensor, nil
}

// Dims returns the number of rows of all files together and of their columns, also once f is
// closed.
func (f *File) Dims() (rows, cols int) {
	if f == nil {
		return 0, 0
	}
	return f.rows, f.cols
}

// ReadRows writes the rows lo to hi to dst: see Source. In the steady state it makes no
// garbage. Errors wrap ksparse.ErrRange or ksparse.ErrShape, or name the file: they are
// os.ErrClosed once f is closed, io.ErrUnexpectedEOF for a file that was cut short meanwhile,
// and wrap ksparse.ErrFormat for contents that are damaged where opening does not look.
func (f *File) ReadRows(dst []float64, lo, hi int) error {
	if err := checkRead(f, dst, lo, hi); err != nil {
		return err
	}
	for lo < hi {
		p := f.part(lo)
		end := min(hi, p.end)
		n := (end - lo) * f.cols
		if err := f.files.Check(p.path); err != nil {
			return fault.Errorf(err, "%s", err)
		}
		if err := p.read(dst[:n], lo-p.start, end-p.start); err != nil {
			return readError(p.path, err)
		}
		dst, lo = dst[n:], end
	}
	return nil
}

// readError is fault.InFile for an error of reading: a file that is shorter than it was may have been
// sound.
func readError(path string, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) && !fault.FromOS(err) {
		return fault.Errorf(err, "%s: %s", path, fault.Text(err))
	}
	return fault.InFile(path, err)
}

// part returns the file that row is in.
func (f *File) part(row int) *filePart {
	return &f.parts[sort.Search(len(f.parts), func(i int) bool { return f.parts[i].end > row })]
}

// ReadsAhead returns true: training reads the next rows while it uses others.
func (f *File) ReadsAhead() bool { return true }

// Origin says in words where a row comes from, for errors about its contents.
func (f *File) Origin(row int) string {
	if f == nil || row < 0 || row >= f.rows {
		return fmt.Sprintf("row %d", row)
	}
	p := f.part(row)
	return fmt.Sprintf("row %d of %s", row-p.start, p.path)
}

// Close closes all files. Of a File that Open did not make, nil too, the error wraps
// os.ErrInvalid; of a closed one os.ErrClosed.
func (f *File) Close() error {
	if f == nil || f.files == nil {
		return os.ErrInvalid
	}
	return f.files.Close()
}

// String says in one line what was found, as in
// `12 safetensors files, tensor "activations" [.., 8, 64] float16, 1,200,000 x 512`.
func (f *File) String() string {
	if f == nil || len(f.parts) == 0 {
		return "no files"
	}
	kind, what := f.parts[0].kind+" ", f.parts[0].what
	for i := range f.parts {
		if f.parts[i].kind+" " != kind {
			kind = ""
		}
		if f.parts[i].what != what {
			what = ""
		}
	}
	if what != "" {
		what += ", "
	}
	files := "files"
	if len(f.parts) == 1 {
		files = "file"
	}
	return fmt.Sprintf("%s %s%s, %s%s x %d", natural.Number(len(f.parts)), kind, files, what, natural.Number(f.rows), f.cols)
}
