// Package codes writes the codes of a model to files, and reads such files: JSON lines, a row a line, and the .npz files
// in which scipy.sparse.save_npz keeps a CSR matrix.
package codes

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/atomicfile"
	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/feed"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/npy"
)

// An Encoder gives codes: a *ksparse.Network or a *ksparse.Frozen.
type Encoder interface {
	In() int
	EncodeInto(dst *ksparse.Codes, x mat.Matrix) error
}

// Summary says what was written.
type Summary struct {
	Rows, Latents int
	Entries       int64 // that are not zero
}

// chunk is how many rows are encoded at a time.
const chunk = 1024

// Kind returns the kind of file that path names by its end, ".jsonl" or ".npz".
func Kind(path string) (string, error) {
	switch kind := strings.ToLower(filepath.Ext(path)); kind {
	case ".jsonl", ".npz":
		return kind, nil
	}
	return "", say.Wrong("%s: codes are in a file whose name ends in .jsonl or .npz", path)
}

// Write encodes all rows of src and writes their codes to the file at path. Values that are zero are left out. tell, where
// not nil, is called with the number of rows that are done. The file appears at once and whole.
func Write(path string, m Encoder, src data.Source, tell func(done int) error) (Summary, error) {
	kind, err := Kind(path)
	if err != nil {
		return Summary{}, err
	}
	e := &encoding{model: m, src: src, tell: tell}
	write := e.jsonl
	if kind == ".npz" {
		write = e.npz
	}
	err = atomicfile.Write(path, write)
	return e.done, err
}

// encoding is a call of Write.
type encoding struct {
	model Encoder
	src   data.Source
	tell  func(done int) error
	done  Summary
}

// each calls f with the code of each row, without its zeros.
func (e *encoding) each(f func(latents []int32, values []float64) error) error {
	_, cols := e.src.Dims()
	if cols != e.model.In() {
		return fmt.Errorf("rows have %d numbers, the model takes %d", cols, e.model.In())
	}
	table, err := feed.Check(e.src, cols, cols)
	if err != nil {
		return err
	}
	var latents []int32
	var values []float64
	var c ksparse.Codes
	return table.Each(chunk, func(from int, x, _ matrix.Rows) error {
		if err := e.model.EncodeInto(&c, dense.Of(x)); err != nil {
			return fmt.Errorf("rows %d to %d: %w", from, from+x.Rows-1, err)
		}
		_, e.done.Latents = c.Dims()
		for i := range x.Rows {
			latents, values = latents[:0], values[:0]
			indices, all := c.Row(i)
			for t, v := range all {
				if v != 0 {
					latents, values = append(latents, indices[t]), append(values, v)
				}
			}
			if err := f(latents, values); err != nil {
				return err
			}
			e.done.Rows++
			e.done.Entries += int64(len(values))
		}
		if e.tell != nil {
			return e.tell(from + x.Rows)
		}
		return nil
	})
}

// jsonl writes a line of JSON for each row.
func (e *encoding) jsonl(w io.Writer) error {
	var line []byte
	return e.each(func(latents []int32, values []float64) error {
		line = append(AppendJSON(line[:0], latents, values), '\n')
		_, err := w.Write(line)
		return err
	})
}

// AppendJSON appends the code of a row: {"latents":[2,5],"values":[0.5,1.25]}. Values have as many digits as give
// the same number when they are read.
func AppendJSON(dst []byte, latents []int32, values []float64) []byte {
	dst = append(dst, `{"latents":[`...)
	for i, j := range latents {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(j), 10)
	}
	dst = append(dst, `],"values":[`...)
	return append(AppendFloats(dst, values), `]}`...)
}

// AppendFloats appends numbers with commas between them, each with as many digits as tell it from all others.
func AppendFloats(dst []byte, numbers []float64) []byte {
	for i, v := range numbers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendFloat(dst, v, 'g', -1, 64)
	}
	return dst
}

// npz writes the file of scipy.sparse.save_npz, not compressed: data in float64, indices in int32, indptr in int64. The
// first two wait in temporary files, for their length stands before them.
func (e *encoding) npz(w io.Writer) (err error) {
	values, err := newSpool()
	if err != nil {
		return err
	}
	defer values.close()
	indices, err := newSpool()
	if err != nil {
		return err
	}
	defer indices.close()
	rows, _ := e.src.Dims()
	indptr := make([]int64, 1, rows+1)
	err = e.each(func(latents []int32, row []float64) error {
		indptr = append(indptr, indptr[len(indptr)-1]+int64(len(row)))
		return errors.Join(binary.Write(values.w, binary.LittleEndian, row), binary.Write(indices.w, binary.LittleEndian, latents))
	})
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	shape := []int64{int64(e.done.Rows), int64(e.done.Latents)}
	entries := int(e.done.Entries)
	for _, part := range []struct {
		name, descr string
		shape       string
		write       func(io.Writer) error
	}{
		{"indices", "<i4", fmt.Sprintf("(%d,)", entries), indices.copyTo},
		{"indptr", "<i8", fmt.Sprintf("(%d,)", len(indptr)), numbers(indptr)},
		{"format", "|S3", "()", func(w io.Writer) error { _, err := io.WriteString(w, "csr"); return err }},
		{"shape", "<i8", "(2,)", numbers(shape)},
		{"data", "<f8", fmt.Sprintf("(%d,)", entries), values.copyTo},
	} {
		to, err := z.CreateHeader(&zip.FileHeader{Name: part.name + ".npy", Method: zip.Store})
		if err != nil {
			return err
		}
		if err := npy.WriteHeader(to, part.descr, part.shape); err != nil {
			return err
		}
		if err := part.write(to); err != nil {
			return err
		}
	}
	return z.Close()
}

// numbers returns a function that writes integers.
func numbers(v []int64) func(io.Writer) error {
	return func(w io.Writer) error { return binary.Write(w, binary.LittleEndian, v) }
}

// spool is a temporary file that is written once and read once.
type spool struct {
	f *os.File
	w *bufio.Writer
}

// newSpool makes an empty one.
func newSpool() (*spool, error) {
	f, err := os.CreateTemp("", "ksparse-codes-*")
	if err != nil {
		return nil, err
	}
	return &spool{f, bufio.NewWriterSize(f, 1<<16)}, nil
}

// copyTo writes what it holds to w.
func (s *spool) copyTo(w io.Writer) error {
	if err := s.w.Flush(); err != nil {
		return err
	}
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, s.f)
	return err
}

// close removes it.
func (s *spool) close() {
	s.f.Close() // nothing of it is wanted any more
	os.Remove(s.f.Name())
}
