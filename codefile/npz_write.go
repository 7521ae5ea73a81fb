package codefile

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ksparse/ksparse/internal/npy"
)

// writeNpz writes the file of scipy.sparse.save_npz, not compressed: data in float64, indices in int32, indptr in
// int64. The first two wait in temporary files, for their length stands before them.
func writeNpz(w io.Writer, in *input) (err error) {
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
	indptr := make([]int64, 1, in.rows+1)
	err = in.eachRow(func(latents []int32, row []float64) error {
		indptr = append(indptr, in.sum.Entries)
		return errors.Join(binary.Write(values.w, binary.LittleEndian, row), binary.Write(indices.w, binary.LittleEndian, latents))
	})
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	entries := fmt.Sprintf("(%d,)", in.sum.Entries)
	for _, part := range []struct {
		name, descr string
		shape       string
		write       func(io.Writer) error
	}{
		{"indices", "<i4", entries, indices.copyTo},
		{"indptr", "<i8", fmt.Sprintf("(%d,)", len(indptr)), numbers(indptr)},
		{"format", "|S3", "()", func(w io.Writer) error { _, err := io.WriteString(w, "csr"); return err }},
		{"shape", "<i8", "(2,)", numbers([]int64{int64(in.rows), int64(in.latents)})},
		{"data", "<f8", entries, values.copyTo},
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
