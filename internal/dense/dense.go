// Package dense turns gonum's matrices into rows and rows into gonum's matrices,
// and checks what a caller of the library hands over.
package dense

import (
	"math"
	"reflect"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// Rows returns x, which an error calls what, as rows: the memory of x itself where x
// is a *mat.Dense, else a copy. It checks that x is not nil, has rows, has cols
// columns (any number of columns where cols is negative), can be read, and holds no NaN
// and no infinity. Errors wrap fault.ErrEmpty, fault.ErrShape or fault.ErrNotFinite.
func Rows(what string, x mat.Matrix, cols int) (matrix.Rows, error) {
	r, c, err := Size(what, x, cols)
	if err != nil {
		return matrix.Rows{}, err
	}
	rows, err := rowsOf(what, x, r, c)
	if err != nil {
		return matrix.Rows{}, err
	}
	if i := rows.NotFiniteRow(); i >= 0 {
		j := matrix.FirstNotFinite(rows.Row(i))
		return matrix.Rows{}, NotFinite(what, rows.Row(i)[j], i, j)
	}
	return rows, nil
}

// NotFinite is the error for v, NaN or an infinity, in that place of what.
func NotFinite(what string, v float64, row, col int) error {
	return fault.Errorf(fault.ErrNotFinite, "%s holds %v at row %d, column %d", what, v, row, col)
}

// Size returns the size of x, which must have rows, and cols columns, unless cols is negative. Errors
// wrap fault.ErrEmpty or fault.ErrShape.
func Size(what string, x mat.Matrix, cols int) (r, c int, err error) {
	if r, c, err = dims(what, x); err == nil && cols >= 0 && c != cols {
		err = fault.Errorf(fault.ErrShape, "%s has %d columns, want %d", what, c, cols)
	}
	return r, c, err
}

// Read is Rows for any number of columns and any numbers, NaN and infinities too.
func Read(what string, x mat.Matrix) (matrix.Rows, error) {
	r, c, err := dims(what, x)
	if err != nil {
		return matrix.Rows{}, err
	}
	return rowsOf(what, x, r, c)
}

// dims returns the size of x, or what is wrong with it. Methods of x that panic, as those
// of a type that holds a nil pointer do, are an error.
func dims(what string, x mat.Matrix) (r, c int, err error) {
	if IsNil(x) {
		return 0, 0, fault.Errorf(fault.ErrEmpty, "%s is nil", what)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fault.Errorf(fault.ErrEmpty, "%s, of type %T, is no matrix: its Dims panics: %v", what, x, p)
		}
	}()
	switch r, c = x.Dims(); {
	case r < 0 || c < 0:
		return r, c, fault.Errorf(fault.ErrShape, "%s is %d x %d, want at least 1 of each", what, r, c)
	case r == 0 || c == 0:
		return r, c, fault.Errorf(fault.ErrEmpty, "%s has no rows (it is %d x %d)", what, r, c)
	}
	return r, c, nil
}

// rowsOf returns the rows of x, which is r x c: see Rows. A matrix that makes a
// *mat.Dense of itself, as sparse codes do, is asked for that.
func rowsOf(what string, x mat.Matrix, r, c int) (rows matrix.Rows, err error) {
	if r > math.MaxInt32 || c > math.MaxInt32 || r > matrix.MaxNumbers/c {
		return rows, fault.Errorf(fault.ErrShape, "%s is %d x %d, which is too large", what, r, c)
	}
	if d, ok := x.(*mat.Dense); ok {
		rows = View(d)
		return rows, whole(what, rows)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fault.Errorf(fault.ErrShape, "%s, of type %T, is %d x %d but cannot be read: %v", what, x, r, c, p)
		}
	}()
	if made, ok := x.(interface{ Dense() *mat.Dense }); ok {
		if rows = View(made.Dense()); rows.Rows == r && rows.Cols == c {
			return rows, whole(what, rows)
		}
	}
	if r > 1<<20/c {
		x.At(r-1, c-1) // before much memory is taken for a matrix that has no such element
	}
	rows = matrix.New(r, c)
	for i := range r {
		row := rows.Row(i)
		for j := range row {
			row[j] = x.At(i, j)
		}
	}
	return rows, nil
}

// whole returns an error where m, the rows of a *mat.Dense, lacks numbers that its size
// promises, as SetRawMatrix allows, or its rows overlap.
func whole(what string, m matrix.Rows) error {
	if m.Rows > 0 && (m.Stride < m.Cols || len(m.Data) < m.Cols || (len(m.Data)-m.Cols)/m.Stride < m.Rows-1) {
		return fault.Errorf(fault.ErrShape, "%s is %d x %d with a stride of %d, and has %d numbers only", what, m.Rows, m.Cols, m.Stride, len(m.Data))
	}
	return nil
}

// Output returns the memory of dst, which an error calls what and which must be rows x
// cols, or empty (then it takes that shape). Errors wrap fault.ErrEmpty for nil, or
// fault.ErrShape.
func Output(what string, dst *mat.Dense, rows, cols int) (matrix.Rows, error) {
	if dst == nil {
		return matrix.Rows{}, fault.Errorf(fault.ErrEmpty, "%s is nil", what)
	}
	if dst.IsEmpty() && rows > 0 && cols > 0 {
		dst.ReuseAs(rows, cols)
	}
	if r, c := dst.Dims(); r != rows || c != cols {
		return matrix.Rows{}, fault.Errorf(fault.ErrShape, "%s is %d x %d, want %d x %d", what, r, c, rows, cols)
	}
	view := View(dst)
	return view, whole(what, view)
}

// Apart returns x, or a copy of it where writing to dst row by row would change rows of x
// that are still to be read. dst may be x.
func Apart(dst, x matrix.Rows) matrix.Rows {
	if matrix.Same(dst, x) || !dst.Overlaps(x) {
		return x
	}
	return x.Clone()
}

// Pair returns x and y as Rows does, and checks that they have the same number of
// rows; if not, the error wraps fault.ErrShape. Where both are one matrix it is read once.
func Pair(whatX, whatY string, x, y mat.Matrix, colsX, colsY int) (rowsX, rowsY matrix.Rows, err error) {
	if rowsX, err = Rows(whatX, x, colsX); err != nil {
		return matrix.Rows{}, matrix.Rows{}, err
	}
	if colsX == colsY && Same(x, y) {
		return rowsX, rowsX, nil
	}
	if rowsY, err = Rows(whatY, y, colsY); err != nil {
		return matrix.Rows{}, matrix.Rows{}, err
	}
	if err := SameCount(whatX, whatY, rowsX.Rows, rowsY.Rows); err != nil {
		return matrix.Rows{}, matrix.Rows{}, err
	}
	return rowsX, rowsY, nil
}

// SameCount returns an error where there are not as many rows of y as of x.
func SameCount(whatX, whatY string, rowsX, rowsY int) error {
	if rowsX != rowsY {
		return fault.Errorf(fault.ErrShape, "%s has %d rows, %s has %d", whatX, rowsX, whatY, rowsY)
	}
	return nil
}

// Same reports whether x and y are one matrix: pointers to one, or equal values, such
// as transposes of one.
func Same(x, y mat.Matrix) bool {
	a, b := reflect.ValueOf(x), reflect.ValueOf(y)
	return a.IsValid() && b.IsValid() && a.Type() == b.Type() && a.Comparable() && b.Comparable() && a.Equal(b)
}

// IsNil reports whether x is nil: the interface itself, a nil pointer (or other nil
// value) of any type in it, whose methods would panic, or gonum's transpose of one.
func IsNil(x mat.Matrix) bool {
	switch x := x.(type) {
	case nil:
		return true
	case mat.Transpose:
		return IsNil(x.Matrix)
	case mat.TransposeVec:
		return IsNil(x.Vector)
	case mat.TransposeTri:
		return IsNil(x.Triangular)
	case mat.TransposeBand:
		return IsNil(x.Banded)
	case mat.TransposeTriBand:
		return IsNil(x.TriBanded)
	}
	switch v := reflect.ValueOf(x); v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan:
		return v.IsNil()
	}
	return false
}

// View returns the rows of d, which share its memory. A nil d has none.
func View(d *mat.Dense) matrix.Rows {
	if d == nil {
		return matrix.Rows{}
	}
	raw := d.RawMatrix()
	return matrix.Rows{Data: raw.Data, Rows: raw.Rows, Cols: raw.Cols, Stride: raw.Stride}
}

// Of returns a matrix that shares the memory of m. It is empty where m has no rows or
// no columns.
func Of(m matrix.Rows) *mat.Dense {
	d := new(mat.Dense)
	if m.Rows > 0 && m.Cols > 0 {
		d.SetRawMatrix(blas64.General{Data: m.Data, Rows: m.Rows, Cols: m.Cols, Stride: m.Stride})
	}
	return d
}
