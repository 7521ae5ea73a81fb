package npy

import (
	"bytes"
	"fmt"
	"io"
	"iter"

	"github.com/ksparse/ksparse/internal/tensor"
)

// Write writes a .npy file of rows x cols values, <f4 or <f8 by the type of the
// values, byte for byte as numpy.save does. values gives them in row-major order,
// in runs of any length, each a call of w.Write or more. It is an error when there
// are more or fewer, or rows or cols is negative.
func Write[T float32 | float64](w io.Writer, rows, cols int, values iter.Seq[[]T]) error {
	count, err := tensor.Count([]int{rows, cols})
	if err != nil {
		return err
	}
	d, descr := tensor.F32, "<f4"
	var zero T
	if _, double := any(zero).(float64); double {
		d, descr = tensor.F64, "<f8"
	}
	if err := WriteHeader(w, descr, fmt.Sprintf("(%d, %d)", rows, cols)); err != nil {
		return err
	}
	return tensor.Write(w, d, count, values)
}

// WriteHeader writes the beginning of a .npy file, version 1.0, before the elements: their type and
// the shape as Python writes them, such as <f4 and (3,).
func WriteHeader(w io.Writer, descr, shape string) error {
	const align, lengthAt, textAt = 64, 8, 10
	var head bytes.Buffer
	head.WriteString(magic + "\x01\x00\x00\x00")
	fmt.Fprintf(&head, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape)
	for (head.Len()+1)%align != 0 {
		head.WriteByte(' ')
	}
	head.WriteByte('\n')
	b := head.Bytes()
	length := len(b) - textAt
	b[lengthAt], b[lengthAt+1] = byte(length), byte(length>>8)
	_, err := w.Write(b)
	return err
}
