package data

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/npy"
	"github.com/ksparse/ksparse/internal/safetensors"
	"github.com/ksparse/ksparse/internal/tensor"
)

// arrayRows are the rows of an array.
type arrayRows struct{ *tensor.Tensor }

// dims returns the sizes of the array as rows.
func (a arrayRows) dims() (rows, cols int) { return a.Rows(), a.Cols() }

// read reads and converts the elements.
func (a arrayRows) read(dst []float64, lo, hi int) error { return a.ReadRows(dst, lo, hi) }

// readNpy reads a .npy file.
func readNpy(r io.ReaderAt, size int64, path string, o Options) (opened, error) {
	if err := refuseOptions(o, ".npy", false, false); err != nil {
		return opened{}, err
	}
	t, err := npy.Read(r, size)
	if err != nil {
		return opened{}, err
	}
	return openArray(t, path, "NumPy")
}

// readNpz reads an array of an .npz file.
func readNpz(r io.ReaderAt, size int64, path string, o Options) (opened, error) {
	if err := refuseOptions(o, ".npz", true, false); err != nil {
		return opened{}, err
	}
	archive, err := npy.ReadArchive(r, size)
	if err != nil {
		return opened{}, err
	}
	t, err := chooseArray(o.Tensor, archive.Names(), archive.Tensor)
	if err != nil {
		return opened{}, err
	}
	return openArray(t, path, ".npz")
}

// readSafetensors reads an array of a safetensors file.
func readSafetensors(r io.ReaderAt, size int64, path string, o Options) (opened, error) {
	if err := refuseOptions(o, "safetensors", true, false); err != nil {
		return opened{}, err
	}
	file, err := safetensors.Read(r, size)
	if err != nil {
		return opened{}, err
	}
	t, err := chooseArray(o.Tensor, file.Names(), file.Tensor)
	if err != nil {
		return opened{}, err
	}
	return openArray(t, path, "safetensors")
}

// chooseArray returns the array of that name, for "" the only one that can be rows.
func chooseArray(want string, names []string, array func(name string) (*tensor.Tensor, error)) (*tensor.Tensor, error) {
	if want != "" {
		if !slices.Contains(names, want) {
			return nil, chooseError(want, names, array)
		}
		return array(want)
	}
	var rows []*tensor.Tensor
	var last error
	for _, name := range names {
		switch t, err := array(name); {
		case err != nil:
			last = err
		case len(t.Shape()) >= 2:
			rows = append(rows, t)
		}
	}
	switch {
	case len(rows) == 1:
		return rows[0], nil
	case len(names) == 1 && last != nil:
		return nil, last
	}
	return nil, chooseError("", names, array)
}

// chooseError is the error that there is no array of the name want, or, where that is "", that
// one of several must be named.
func chooseError(want string, names []string, array func(name string) (*tensor.Tensor, error)) error {
	const most = 20
	if len(names) == 0 {
		return fault.Errorf(fault.ErrEmpty, "it holds no arrays")
	}
	var list []string
	for _, name := range names[:min(len(names), most)] {
		shape := "which cannot be read"
		if t, err := array(name); err == nil {
			shape = fmt.Sprintf("%v %s", t.Shape(), typeName(t.DType()))
		}
		list = append(list, fmt.Sprintf("%.100q %s", name, shape))
	}
	if len(names) > most {
		list = append(list, fmt.Sprintf("and %d more", len(names)-most))
	}
	if want == "" {
		return fault.Errorf(fault.ErrRange, "Options.Tensor must say which array the rows are in: %s", strings.Join(list, ", "))
	}
	return fault.Errorf(fault.ErrRange, "Options.Tensor is %.100q, want one of %s", want, strings.Join(list, ", "))
}

// openArray makes rows of an array: of [.., d] rows of d numbers, of [.., heads, d_head] rows of
// heads·d_head where the name of the array or of its file says so.
func openArray(t *tensor.Tensor, path, kind string) (opened, error) {
	shape := t.Shape()
	if len(shape) < 2 {
		return opened{}, fault.Errorf(fault.ErrShape, "an array of shape %v, want two dimensions or more: rows, and numbers in a row", shape)
	}
	what := typeName(t.DType())
	if len(shape) > 2 {
		const joined = "hook_z"
		keep := len(shape) - 1
		if strings.Contains(t.Name(), joined) || strings.Contains(filepath.Base(path), joined) {
			keep--
		}
		rows, _ := tensor.Count(shape[:keep]) // the whole shape has been counted
		cols, _ := tensor.Count(shape[keep:])
		flat, err := t.Reshape(rows, cols)
		if err != nil {
			return opened{}, fault.Errorf(fault.ErrShape, "%s: save it in C order (numpy.ascontiguousarray)", err)
		}
		t = flat
		what = "[.., " + strings.Trim(strings.ReplaceAll(fmt.Sprint(shape[1:]), " ", ", "), "[]") + "] " + what
	}
	if t.Name() != "" {
		what = fmt.Sprintf("tensor %.100q %s", t.Name(), what)
	}
	return opened{arrayRows{t}, kind, what, t.Name()}, nil
}

// typeName is how NumPy calls a type.
func typeName(d tensor.DType) string {
	names := map[tensor.DType]string{
		tensor.F64: "float64", tensor.F32: "float32", tensor.F16: "float16", tensor.BF16: "bfloat16",
		tensor.I64: "int64", tensor.I32: "int32", tensor.I16: "int16", tensor.I8: "int8",
		tensor.U64: "uint64", tensor.U32: "uint32", tensor.U16: "uint16", tensor.U8: "uint8", tensor.Bool: "bool",
	}
	return names[d]
}
