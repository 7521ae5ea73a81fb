// Package dense turns gonum's matrices into rows and rows into gonum's matrices,
// and checks what a caller of the library hands over.
package dense

import (
	"math"
	"reflect"
	"slices"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// Rows returns x, which an error calls what, as rows: the memory of x itself where x
// is a *mat.Dense, else a copy. It checks that x is not nil, has rows, has cols
// columns (any number of columns where cols is negative), and holds no NaN and no
// infinity. Errors wrap fault.ErrEmpty, fault.ErrShape or fault.ErrNotFinite.
func Rows(what string, x mat.Matrix, cols int) (matrix.Rows, error) {
	if IsNil(x) {
		return matrix.Rows{}, fault.Errorf(fault.ErrEmpty, "%s is nil", what)
	}
	r, c := x.Dims()
	if r == 0 || c == 0 {
		return matrix.Rows{}, fault.Errorf(fault.ErrEmpty, "%s has no rows (it is %d x %d)", what, r, c)
	}
	if cols >= 0 && c != cols {
		return matrix.Rows{}, fault.Errorf(fault.ErrShape, "%s has %d columns, want %d", what, c, cols)
	}
	rows := rowsOf(x, r, c)
	if i := rows.NotFiniteRow(); i >= 0 {
		row := rows.Row(i)
		j := slices.IndexFunc(row, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
		return matrix.Rows{}, fault.Errorf(fault.ErrNotFinite, "%s holds %v at row %d, column %d", what, row[j], i, j)
	}
	return rows, nil
}

// rowsOf returns the rows of x, which is r x c: see Rows. A matrix that makes a
// *mat.Dense of itself, as sparse codes do, is asked for that.
func rowsOf(x mat.Matrix, r, c int) matrix.Rows {
	switch x := x.(type) {
	case *mat.Dense:
		return View(x)
	case interface{ Dense() *mat.Dense }:
		if rows := View(x.Dense()); rows.Rows == r && rows.Cols == c {
			return rows
		}
	}
	rows := matrix.New(r, c)
	for i := range r {
		row := rows.Row(i)
		for j := range row {
			row[j] = x.At(i, j)
		}
	}
	return rows
}

// Pair returns x and y as Rows does, and checks that they have the same number of
// rows; if not, the error wraps fault.ErrShape. Where both are one matrix it is read once.
func Pair(whatX, whatY string, x, y mat.Matrix, colsX, colsY int) (rowsX, rowsY matrix.Rows, err error) {
	if rowsX, err = Rows(whatX, x, colsX); err != nil {
		return matrix.Rows{}, matrix.Rows{}, err
	}
	if colsX == colsY && sameMatrix(x, y) {
		return rowsX, rowsX, nil
	}
	if rowsY, err = Rows(whatY, y, colsY); err != nil {
		return matrix.Rows{}, matrix.Rows{}, err
	}
	if rowsX.Rows != rowsY.Rows {
		return matrix.Rows{}, matrix.Rows{}, fault.Errorf(fault.ErrShape, "%s has %d rows, %s has %d", whatX, rowsX.Rows, whatY, rowsY.Rows)
	}
	return rowsX, rowsY, nil
}

// sameMatrix reports whether x and y are pointers to one matrix.
func sameMatrix(x, y mat.Matrix) bool {
	a, b := reflect.ValueOf(x), reflect.ValueOf(y)
	return a.IsValid() && b.IsValid() && a.Type() == b.Type() && a.Kind() == reflect.Pointer && a.Pointer() == b.Pointer()
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
		return x.Vector == nil || IsNil(x.Vector)
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
