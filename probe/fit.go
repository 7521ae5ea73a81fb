package probe

import (
	"context"
	"errors"
	"math"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/raw"
	"github.com/ksparse/ksparse/internal/sparse"
	"gonum.org/v1/gonum/mat"
)

var (
	// ErrNotConverged: the gradient is not as small as Options.Tolerance asks after
	// Options.MaxIterations. Allow more iterations, raise L2, or scale columns whose sizes are far apart.
	ErrNotConverged = errors.New("not converged")

	// ErrSeparable: without L2 there is no minimum, because a linear function tells the classes apart
	// without an error: larger weights always fit better. Set L2.
	ErrSeparable = errors.New("separable classes")
)

// Options says what Fit makes small, and how small. The zero value is scikit-learn's C = 1, to convergence.
type Options struct {
	// L2 is the weight of the penalty, 1/C of scikit-learn; 0 stands for 1, and -1 for no penalty. Without a penalty
	// there is no minimum where some classes can be told apart, as by a latent that is active in rows of one class
	// alone: ErrSeparable is for classes that can all be told apart; where it is some of them, weights grow until the
	// gradient is below Tolerance.
	L2 float64
	// Tolerance is how large the gradient may be at the end: the largest of the magnitudes of its numbers,
	// over the number of rows. 0 stands for 1e-6. (scikit-learn's is 1e-4.)
	Tolerance float64
	// MaxIterations is how many steps of Newton's method there are at most; 0 stands for 100. About ten
	// are usual.
	MaxIterations int
}

// The choices of Options, and what its rows may hold.
const (
	usualL2         = 1
	usualTolerance  = 1e-6
	usualIterations = 100
	largestInput    = 1e70 // that can be squared, and its products with others
)

// Fit fits a probe to the rows of x, which are *ksparse.Codes or any other matrix, and their labels: one for
// each row, 0 to classes-1, each class having a row. With p the softmax of W x + b it finds the W and b
// with the least
//
//	Σ -log p(label of the row)  +  L2/2 · Σ W²
//
// where the first sum goes over the rows and the second over the numbers of W, but not of b. For two classes
// there is one row w instead, and p(1) = 1/(1+exp(-w·x-b)), as in scikit-learn. b is the one whose
// numbers sum to zero, if there are three classes or more; without L2 the columns of W do so too.
//
// Columns of x count for what they are: scale them before, if they should count the same. Codes are not
// copied into dense rows, unless half of their numbers are not zero. Memory is about 2·classes numbers for each
// row and 8·classes for each column; codes take 24 bytes more for each entry.
//
// Errors wrap ksparse.ErrEmpty, ErrShape, ErrNotFinite, ErrRange (a label or option that makes no sense),
// ErrSeparable, or are ctx.Err(). With an error that wraps ErrNotConverged the model is that of the last step.
func Fit(ctx context.Context, x mat.Matrix, labels []int, o Options) (*Model, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	rows, err := rowsOf(x, -1)
	if err != nil {
		return nil, err
	}
	classes, err := classesOf(labels, rows.Len())
	if err != nil {
		return nil, err
	}
	if rows.Cols() >= matrix.MaxNumbers/classes || rows.Len() > matrix.MaxNumbers/classes {
		return nil, fault.Errorf(fault.ErrRange, "a probe of %d classes for rows of %d x %d is too large", classes, rows.Len(), rows.Cols())
	}
	if c := rows.Codes; c != nil && len(c.Values) > math.MaxInt32 {
		return nil, fault.Errorf(fault.ErrRange, "x has %d entries, want at most %d: fit on fewer rows", len(c.Values), math.MaxInt32)
	}
	if largest := rows.MaxAbs(); largest > largestInput {
		return nil, fault.Errorf(fault.ErrNotFinite, "x holds numbers of up to %.2g, which are too large to be squared: scale them", largest)
	}
	p := newProblem(rows, labels, classes, max(o.L2, 0))
	iterations, err := p.minimise(ctx, o)
	if err != nil && !errors.Is(err, ErrNotConverged) {
		return nil, err
	}
	return &Model{
		classes: classes, cols: rows.Cols(), parameters: p.centred(),
		iterations: iterations, norm: p.norm(),
	}, err
}

// withDefaults returns o with what it leaves open, or what is wrong with it.
func (o Options) withDefaults() (Options, error) {
	if o.L2 != -1 && !(o.L2 >= 0 && o.L2 <= math.MaxFloat64) {
		return o, fault.Errorf(fault.ErrRange, "Options.L2 is %v, want a finite number that is 0 or more, or -1 for none", o.L2)
	}
	if err := fault.First(fault.NotNegative("Options.Tolerance", o.Tolerance), fault.Count("Options.MaxIterations", o.MaxIterations)); err != nil {
		return o, err
	}
	if o.L2 == 0 {
		o.L2 = usualL2
	}
	if o.Tolerance == 0 {
		o.Tolerance = usualTolerance
	}
	if o.MaxIterations == 0 {
		o.MaxIterations = usualIterations
	}
	return o, nil
}

// rowsOf returns x as rows of cols columns, any number where that is negative: codes as they are.
func rowsOf(x mat.Matrix, cols int) (sparse.Rows, error) {
	c, _ := x.(*ksparse.Codes)
	if c == nil {
		rows, err := dense.Rows("x", x, cols)
		return sparse.Rows{Dense: rows}, err
	}
	if _, _, err := dense.Size("x", x, cols); err != nil {
		return sparse.Rows{}, err
	}
	entries, _ := raw.Codes(c)
	if i := entries.NotFiniteRow(); i >= 0 {
		latents, values := entries.Row(i)
		e := matrix.FirstNotFinite(values)
		return sparse.Rows{}, dense.NotFinite("x", values[e], i, int(latents[e]))
	}
	if entries.DenseEnough() {
		var rows matrix.Rows
		entries.Scatter(&rows, entries.Values)
		return sparse.Rows{Dense: rows}, nil
	}
	return sparse.Rows{Codes: entries}, nil
}

// classesOf returns how many classes the labels of that many rows have, or what is wrong with them.
func classesOf(labels []int, rows int) (int, error) {
	if len(labels) != rows {
		return 0, fault.Errorf(fault.ErrShape, "x has %d rows, there are %d labels", rows, len(labels))
	}
	count := make([]int, rows)
	classes := 0
	for i, label := range labels {
		if label < 0 || label >= rows {
			return 0, fault.Errorf(fault.ErrRange, "labels[%d] is %d, want 0 to %d: classes are numbered from 0, and each has a row", i, label, rows-1)
		}
		count[label]++
		classes = max(classes, label+1)
	}
	for class, n := range count[:classes] {
		if n == 0 {
			return 0, fault.Errorf(fault.ErrRange, "no row has the label %d, and the largest label is %d: classes are numbered from 0, and each has a row", class, classes-1)
		}
	}
	if classes < 2 {
		return 0, fault.Errorf(fault.ErrRange, "all labels are 0: a probe needs two classes or more")
	}
	return classes, nil
}
