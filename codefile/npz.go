package codefile

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/mapped"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/npy"
	"github.com/ksparse/ksparse/internal/sparse"
	"github.com/ksparse/ksparse/internal/tensor"
)

// npzFile is a CSR matrix that scipy.sparse.save_npz wrote.
type npzFile struct {
	latents         int
	starts          []float64 // indptr
	indices, values *tensor.Tensor
	spare           sync.Pool
}

// npzRows is the memory for rows as they are in the file.
type npzRows struct{ latents, values []float64 }

// openNpz finds the rows of a CSR matrix.
func openNpz(file *mapped.File, _ string) (fileCodes, error) {
	if err := wantCSR(file, file.Size()); err != nil {
		return nil, err
	}
	a, err := npy.ReadArchive(file, file.Size())
	if err != nil {
		return nil, err
	}
	f := new(npzFile)
	f.spare.New = func() any { return new(npzRows) }
	shape, err := vector(a, "shape", false)
	if err != nil {
		return nil, err
	}
	starts, err := vector(a, "indptr", false)
	if err != nil {
		return nil, err
	}
	if f.indices, err = vector(a, "indices", false); err != nil {
		return nil, err
	}
	if f.values, err = vector(a, "data", true); err != nil {
		return nil, err
	}
	return f, f.check(shape, starts)
}

// wantCSR returns an error where the archive does not say that it holds a CSR matrix.
func wantCSR(r io.ReaderAt, size int64) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return err
	}
	entry, err := z.Open("format.npy")
	if err != nil {
		return fmt.Errorf("it is no matrix of scipy.sparse.save_npz: it has no array %q", "format")
	}
	defer entry.Close() // read only
	text, err := io.ReadAll(io.LimitReader(entry, 1024))
	if err != nil {
		return err
	}
	if !bytes.HasSuffix(bytes.ReplaceAll(text, []byte{0}, nil), []byte("csr")) { // in ASCII or in UTF-32
		return fmt.Errorf("it holds a sparse matrix of another format than csr: convert it with .tocsr()")
	}
	return nil
}

// vector returns an array of one dimension, of integers where it may not have others.
func vector(a *npy.Archive, name string, floats bool) (*tensor.Tensor, error) {
	t, err := a.Tensor(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("it is no CSR matrix of scipy: %w", err)
	case len(t.Shape()) != 1:
		return nil, fmt.Errorf("array %q: it has the shape %v, want one dimension", name, t.Shape())
	case t.DType().Floating() && !floats:
		return nil, fmt.Errorf("array %q: it has numbers of type %s, want integers", name, t.DType())
	}
	return t, nil
}

// check reads the shape and where the rows begin, and checks them.
func (f *npzFile) check(shape, starts *tensor.Tensor) error {
	if shape.Count() != 2 {
		return fmt.Errorf("its shape has %d numbers, want 2", shape.Count())
	}
	var size [2]float64
	if err := shape.ReadRows(size[:], 0, 2); err != nil {
		return err
	}
	if !(size[0] >= 0 && size[1] >= 1 && size[1] <= math.MaxInt32) || float64(starts.Count()) != size[0]+1 {
		return fmt.Errorf("its shape is %v, and indptr has %d numbers", size, starts.Count())
	}
	f.latents = int(size[1])
	var err error
	if f.starts, err = starts.Float64s(); err != nil {
		return err
	}
	entries, last := f.values.Count(), f.starts[len(f.starts)-1]
	if f.indices.Count() != entries || f.starts[0] != 0 || last != float64(entries) {
		return fmt.Errorf("indptr goes from %v to %v, for %d indices and %d values", f.starts[0], last, f.indices.Count(), entries)
	}
	for i, lo := range f.starts[:len(f.starts)-1] {
		if hi := f.starts[i+1]; !(lo <= hi && hi <= last) {
			return fmt.Errorf("row %d goes from %v to %v", i, lo, hi)
		}
	}
	return nil
}

// about returns what is known of the codes.
func (f *npzFile) about() about {
	return about{kind: ".npz", rows: len(f.starts) - 1, latents: f.latents, entries: int64(f.values.Count()), what: f.values.DType().String() + " values"}
}

// read appends the rows lo to hi.
func (f *npzFile) read(to *sparse.Codes, _ *normal.Scales, lo, hi int) error {
	m := f.spare.Get().(*npzRows)
	defer f.spare.Put(m)
	from, end := int(f.starts[lo]), int(f.starts[hi])
	m.latents, m.values = matrix.Resized(m.latents, end-from), matrix.Resized(m.values, end-from)
	if err := f.indices.ReadRows(m.latents, from, end); err != nil {
		return err
	}
	if err := f.values.ReadRows(m.values, from, end); err != nil {
		return err
	}
	for i := lo; i < hi; i++ {
		a, b := int(f.starts[i])-from, int(f.starts[i+1])-from
		if err := appendRow(to, m.latents[a:b], m.values[a:b], float64(f.latents)); err != nil {
			return fault.Errorf(err, "row %d: %s", i, fault.Text(err))
		}
	}
	return nil
}
