package columnar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/natural"
	"github.com/ksparse/ksparse/internal/sniff"
	"github.com/ksparse/ksparse/internal/tensor"
)

// container is a file of columns.
type container interface {
	fields() []field
	// rowsOf and textsOf open column i, whose blocks go to the cache under the number of the
	// file, shard.
	rowsOf(shard, i int, blocks *cache[float64]) (rowColumn, error)
	textsOf(shard, i int, blocks *cache[string]) (textColumn, error)
	// note returns what the writer noted under a key, "" if nothing.
	note(key string) string
}

// rowColumn is a column of rows of numbers in a file.
type rowColumn interface {
	dims() (rows, cols int)
	read(dst []float64, lo, hi int) error
}

// textColumn is a column of texts in a file.
type textColumn interface {
	rows() int
	text(row int) (string, error)
}

func (a *arrowFile) note(key string) string { return a.metadata[key] }

// shards are the files of one data set, one after the other.
type shards struct {
	kind   string // of the files, in words
	paths  []string
	files  []*os.File
	starts []int // the first row of each; at the end the number of rows
	order  []int // the row of the files that each row is; nil where that is itself
}

// open opens the files, and calls add with what is in each. Close what was opened also after
// an error.
func (s *shards) open(what found, add func(i int, c container) (rows int, err error)) error {
	paths := what.paths
	s.paths, s.starts = paths, []int{0}
	for i, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return fault.Errorf(err, "%v", err)
		}
		s.files = append(s.files, f)
		rows := 0
		err = guard(path, func() error {
			c, kind, err := openContainer(f)
			if err == nil && i > 0 && kind != s.kind {
				err = fault.Errorf(fault.ErrFormat, "this is an %s file, %s is an %s file", kind, paths[0], s.kind)
			}
			if err == nil {
				s.kind = kind
				rows, err = add(i, c)
			}
			return err
		})
		if err != nil {
			return err
		}
		start := s.starts[i]
		if int64(rows) > 1<<60-int64(start) {
			return fault.Errorf(fault.ErrRange, "%s: its %d rows are too many", path, rows)
		}
		s.starts = append(s.starts, start+rows)
	}
	if len(what.order) == 0 {
		return nil
	}
	var err error
	s.order, err = readOrder(what.order, s.starts[len(paths)])
	return err
}

// openContainer says what the file is, and opens it.
func openContainer(f *os.File) (c container, kind string, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, "", err
	}
	switch kind = kindOf(f, info.Size()); kind {
	case "Arrow":
		c, err = openArrow(f, info.Size())
	case "Parquet":
		c, err = openParquet(f, info.Size())
	default:
		err = errors.New("this is neither an Arrow nor a Parquet file")
	}
	return c, kind, err
}

// kindOf says what a file is by its first bytes, "" where it is none of ours. Streams of Arrow
// are sure only by their first message.
func kindOf(r io.ReaderAt, size int64) string {
	head := make([]byte, min(size, 64))
	if tensor.ReadFull(r, head, 0) != nil {
		return ""
	}
	switch is := sniff.Head(head); {
	case is == sniff.Parquet:
		return "Parquet"
	case is == sniff.Arrow && bytes.HasPrefix(head, []byte(arrowMagic)), isArrowStream(r, size):
		return "Arrow"
	}
	return ""
}

// guard calls f, which reads the file at path, and names the file in its error. A panic on
// bytes that nobody thought of, here or in a library that inflates them, is such an error too.
func guard(path string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Errorf(fault.ErrFormat, "%s: it is damaged: %v", path, p)
		}
	}()
	err = f()
	if err == nil {
		return nil
	}
	if fault.FromOS(err) {
		return fault.Errorf(err, "%s", fault.Text(err))
	}
	cause := err
	for _, known := range []error{fault.ErrShape, fault.ErrNotFinite, fault.ErrEmpty, fault.ErrRange, fault.ErrFormat} {
		if errors.Is(err, known) {
			return fault.Errorf(err, "%s: %s", path, fault.Text(err))
		}
	}
	return fault.Errorf(errors.Join(fault.ErrFormat, cause), "%s: %s", path, fault.Text(err))
}

// find returns the file that holds the row.
func (s *shards) find(row int) int { return sort.SearchInts(s.starts, row+1) - 1 }

// rows returns the number of rows.
func (s *shards) rows() int {
	switch {
	case s.order != nil:
		return len(s.order)
	case len(s.starts) == 0:
		return 0
	}
	return s.starts[len(s.starts)-1]
}

// close closes the files.
func (s *shards) close() error {
	if len(s.files) == 0 {
		return os.ErrInvalid
	}
	var all []error
	for _, f := range s.files {
		all = append(all, f.Close())
	}
	return errors.Join(all...)
}

// String says what the files are.
func (s *shards) String() string {
	if len(s.files) == 1 {
		return fmt.Sprintf("%s file %s", s.kind, s.paths[0])
	}
	return fmt.Sprintf("%d %s files from %s on", len(s.files), s.kind, s.paths[0])
}

// File is a data.Source of the rows of a column. Its methods may be called from any number of
// goroutines at once.
type File struct {
	shards
	column string // its name and what it is
	cols   int
	inFile []rowColumn
	blocks cache[float64]
}

// maxNumbers is how many numbers a file may say it has.
const maxNumbers = 1 << 50

// Open opens the column of lists of numbers at path, the only one if column is "". path is
//
//   - an Arrow IPC file or stream, or a Parquet file,
//   - a pattern with * ? or [ for several of one kind and width, which are one after another
//     in natural order (part-2 before part-10),
//   - a folder that Hugging Face datasets saved (save_to_disk), its rows in the order that was
//     saved with them; of one with several splits, "folder:train" is the split train,
//   - a folder with .arrow or .parquet files,
//   - "hf:org/name", "hf:org/name/config", each also with ":split", for what the libraries
//     datasets and huggingface_hub have in their cache folders. Nothing is downloaded.
//
// Errors wrap ksparse.ErrFormat (a damaged file, or none of these kinds), ksparse.ErrShape (the
// column: there is none, or several and no name, or rows of several lengths),
// ksparse.ErrNotFinite (a missing row or number), ksparse.ErrEmpty or ksparse.ErrRange, or are
// those of package os. They name the file. What stands in rows that were not read is not known.
func Open(path, column string) (*File, error) {
	what, err := find(path)
	if err != nil {
		return nil, err
	}
	f := &File{}
	f.blocks.size = numbersSize
	err = f.open(what, func(i int, c container) (int, error) {
		fields := c.fields()
		at, err := choose(fields, column, forRows)
		if err != nil {
			return 0, err
		}
		if i == 0 {
			f.column = fmt.Sprintf("column %q %s", fields[at].name, fields[at].kind)
			column = fields[at].name
		}
		rows, err := c.rowsOf(i, at, &f.blocks)
		if err != nil {
			return 0, err
		}
		n, cols := rows.dims()
		if int64(n) > maxNumbers/int64(cols) {
			return 0, fault.Errorf(fault.ErrRange, "it says that it has %d rows of %d numbers, which is not possible", n, cols)
		}
		if i > 0 && cols != f.cols {
			return 0, fault.Errorf(fault.ErrShape, "its rows have %d numbers, those of %s have %d", cols, f.paths[0], f.cols)
		}
		f.cols, f.inFile = cols, append(f.inFile, rows)
		return n, nil
	})
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// Dims returns the number of rows and how many numbers each has, also once f is closed.
func (f *File) Dims() (rows, cols int) {
	if f == nil {
		return 0, 0
	}
	return f.rows(), f.cols
}

// ReadRows writes the rows lo to hi (without hi) to dst, one after the other; dst has
// (hi-lo)·cols numbers. Errors are those of Open, wrap ksparse.ErrShape, for a dst of another
// length, or ksparse.ErrRange, or, once f is closed, os.ErrClosed.
func (f *File) ReadRows(dst []float64, lo, hi int) error {
	rows, cols := f.Dims()
	if lo < 0 || lo > hi || hi > rows {
		return fault.Errorf(fault.ErrRange, "rows %d to %d of a source that has %d", lo, hi, rows)
	}
	if len(dst) != (hi-lo)*cols {
		return fault.Errorf(fault.ErrShape, "rows %d to %d of %d columns are read into %d numbers, want %d", lo, hi, cols, len(dst), (hi-lo)*cols)
	}
	for lo < hi {
		row, n := f.run(lo, hi)
		i := f.find(row)
		row -= f.starts[i]
		err := guard(f.paths[i], func() error { return f.inFile[i].read(dst[:n*cols], row, row+n) })
		if err != nil {
			return err
		}
		dst, lo = dst[n*cols:], lo+n
	}
	return nil
}

// ReadsAhead returns true: training may read rows ahead, from another goroutine.
func (f *File) ReadsAhead() bool { return true }

// Close closes the files. Of a File that Open did not make, nil too, the error wraps
// os.ErrInvalid.
func (f *File) Close() error {
	if f == nil {
		return os.ErrInvalid
	}
	return f.close()
}

// String says in one line what was found: the files, the column, and the size.
func (f *File) String() string {
	if f == nil || len(f.files) == 0 {
		return "no file"
	}
	return fmt.Sprintf("%v, %s, %s x %d", &f.shards, f.column, natural.Number(f.rows()), f.cols)
}
