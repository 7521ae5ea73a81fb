package probe

import (
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/sparse"
)

// problem is what Fit makes small: the objective of Fit, its gradient and its curvature.
//
// Parameters, gradients and directions have width numbers, one after the other, for each column of x and, at
// the end, for the intercepts. width is the number of classes or, for two classes, 1.
type problem struct {
	x       sparse.Rows
	index   sparse.Index // of codes: the entries column by column
	factors []float64    // their values
	squares []float64    // and these squared
	labels  []int
	width   int
	l2      float64

	at       []float64 // the parameters
	loss     float64   // at them
	gradient []float64
	share    []float64 // of each row and class: its probability
	losses   []float64 // of each row
	perRow   []float64 // memory for width numbers of each row
}

// newProblem returns the problem at parameters of zero.
func newProblem(x sparse.Rows, labels []int, classes int, l2 float64) *problem {
	p := &problem{x: x, labels: labels, width: classes, l2: l2}
	if classes == 2 {
		p.width = 1
	}
	if x.Codes != nil {
		p.index.Build(*x.Codes)
		p.factors = p.index.Gather(nil, x.Codes.Values)
		p.squares = make([]float64, len(p.factors))
		for e, v := range p.factors {
			p.squares[e] = v * v
		}
	}
	size := (x.Cols() + 1) * p.width
	p.at, p.gradient = make([]float64, size), make([]float64, size)
	p.losses = make([]float64, x.Len())
	p.share, p.perRow = make([]float64, x.Len()*p.width), make([]float64, x.Len()*p.width)
	return p
}

// norm returns the largest magnitude of a number of the gradient, over the number of rows.
func (p *problem) norm() float64 { return kernel.MaxAbs(p.gradient) / float64(p.x.Len()) }

// rowGrain is how many rows are worth handing to another goroutine.
func (p *problem) rowGrain() int {
	cost := p.x.Cols()
	if p.x.Codes != nil {
		cost = p.x.Codes.RowCost(1)
	}
	return matrix.RowGrain((cost + 20) * p.width)
}

// multiply sets dst, width numbers for each of the rows lo to hi of x, to the products with parameters.
func multiply(dst []float64, x sparse.Rows, parameters []float64, width, lo, hi int) {
	clear(dst)
	weights, intercepts := parameters[:x.Cols()*width], parameters[x.Cols()*width:]
	if c := x.Codes; c != nil {
		kernel.AddRowsBatch(dst, width, width, c.Offsets[lo:hi+1], c.Values, weights, width, c.Indices)
	} else {
		kernel.MulAdd(dst, width, hi-lo, width, x.Cols(), x.Dense.Data[lo*x.Dense.Stride:], x.Dense.Stride, 1, weights, width)
	}
	for i := 0; i < len(dst); i += width {
		matrix.AddTo(dst[i:i+width], intercepts)
	}
}

// collect sets dst to what perRow, width numbers for each row, gives the parameters: the sum over the rows of
// the row's numbers times each of its columns and, for the intercepts, 1.
func (p *problem) collect(dst, perRow []float64) {
	cols, width := p.x.Cols(), p.width
	rows := matrix.Rows{Data: perRow, Rows: p.x.Len(), Cols: width, Stride: width}
	clear(dst)
	if p.x.Codes != nil {
		parallel.For(cols, p.index.Grain(rows.Rows, width, max(1, 1024/width)), func(_, lo, hi int) {
			p.index.AddRows(dst[lo*width:hi*width], p.factors, rows, lo, hi)
		})
	} else {
		parallel.For(cols, columnGrain, func(_, lo, hi int) {
			kernel.MulAdd(dst[lo*width:hi*width], width, hi-lo, width, rows.Rows, p.x.Dense.Data[lo:], 1, p.x.Dense.Stride, perRow, width)
		})
	}
	matrix.AddRowsTo(dst[cols*width:], nil, rows)
}

// columnGrain is how many columns of dense rows are worth handing to another goroutine.
const columnGrain = 64

// evaluate finds the loss, the gradient and the probabilities at parameters.
func (p *problem) evaluate(parameters []float64) {
	width := p.width
	parallel.For(p.x.Len(), p.rowGrain(), func(_, lo, hi int) {
		share := p.share[lo*width : hi*width]
		multiply(share, p.x, parameters, width, lo, hi)
		for i := lo; i < hi; i++ {
			row, slope := p.share[i*width:(i+1)*width], p.perRow[i*width:(i+1)*width]
			if width == 1 {
				p.losses[i] = twoClasses(row, slope, p.labels[i])
			} else {
				p.losses[i] = moreClasses(row, slope, p.labels[i])
			}
		}
	})
	p.collect(p.gradient, p.perRow)
	weights := parameters[:p.x.Cols()*width]
	for j, w := range weights {
		p.gradient[j] += float64(p.l2 * w)
	}
	p.loss = kernel.Sum(p.losses) + float64(p.l2/2*kernel.SumSquares(weights))
}

// twoClasses turns a row's product into the probability of class 1. It returns the loss, and sets slope to its
// derivative by the product.
func twoClasses(row, slope []float64, label int) float64 {
	z := row[0]
	row[0] = kernel.Sigmoid(z)
	slope[0] = row[0] - float64(label)
	if label == 1 {
		z = -z
	}
	// log(1 + exp(z))
	return max(z, 0) + kernel.Log(1+kernel.Exp(-math.Abs(z)))
}

// moreClasses turns a row's products into probabilities: their softmax. It returns the loss, and sets slope to
// its derivatives by the products.
func moreClasses(row, slope []float64, label int) float64 {
	loss := softmax(row, label)
	copy(slope, row)
	slope[label]--
	return loss
}

// softmax turns products into probabilities, and returns -log of that of label.
func softmax(row []float64, label int) float64 {
	top, total := slices.Max(row), 0.0
	below := top - row[label]
	for k, z := range row {
		row[k] = kernel.Exp(z - top)
		total += row[k]
	}
	for k := range row {
		row[k] /= total
	}
	return kernel.Log(total) + below
}

// curve sets dst to the product of the objective's second derivative, at the parameters of the last evaluate,
// with direction.
func (p *problem) curve(dst, direction []float64) {
	width := p.width
	parallel.For(p.x.Len(), p.rowGrain(), func(_, lo, hi int) {
		multiply(p.perRow[lo*width:hi*width], p.x, direction, width, lo, hi)
		for i := lo; i < hi; i++ {
			share, row := p.share[i*width:(i+1)*width], p.perRow[i*width:(i+1)*width]
			mean := 0.0
			if width == 1 {
				mean = float64(share[0] * row[0])
			} else {
				for k, q := range share {
					mean += float64(q * row[k])
				}
			}
			for k, q := range share {
				row[k] = q * (row[k] - mean)
			}
		}
	})
	p.collect(dst, p.perRow)
	for j, v := range direction[:p.x.Cols()*width] {
		dst[j] += float64(p.l2 * v)
	}
}

// curvature sets dst to the diagonal of that second derivative; 1 where that is zero.
func (p *problem) curvature(dst []float64) {
	for e, q := range p.share {
		p.perRow[e] = q * (1 - q)
	}
	cols, width := p.x.Cols(), p.width
	rows := matrix.Rows{Data: p.perRow, Rows: p.x.Len(), Cols: width, Stride: width}
	clear(dst)
	if p.x.Codes != nil {
		parallel.For(cols, p.index.Grain(rows.Rows, width, max(1, 1024/width)), func(_, lo, hi int) {
			p.index.AddRows(dst[lo*width:hi*width], p.squares, rows, lo, hi)
		})
	} else {
		parallel.For(cols, columnGrain, func(_, lo, hi int) { p.denseCurvature(dst[lo*width:hi*width], lo, hi) })
	}
	matrix.AddRowsTo(dst[cols*width:], nil, rows)
	for j := range dst {
		if j < cols*width {
			dst[j] += p.l2
		}
		if !(dst[j] > 0) {
			dst[j] = 1
		}
	}
}

// denseCurvature adds to dst the sums over the rows of the squares of the columns lo to hi, up to columnGrain of
// them, times perRow.
func (p *problem) denseCurvature(dst []float64, lo, hi int) {
	const some = 256 // rows at a time
	var squares [some * columnGrain]float64
	n, width := hi-lo, p.width
	for first := 0; first < p.x.Len(); first += some {
		end := min(first+some, p.x.Len())
		for i := first; i < end; i++ {
			for j, v := range p.x.Dense.Row(i)[lo:hi] {
				squares[(i-first)*n+j] = v * v
			}
		}
		kernel.MulAdd(dst, width, n, width, end-first, squares[:], 1, n, p.perRow[first*width:], width)
	}
}

// centred returns the parameters without what changes no probability: for three classes or more a number that
// is added to all intercepts or, without L2, to all weights of a column.
func (p *problem) centred() []float64 {
	from := p.x.Cols() * p.width
	if p.l2 == 0 {
		from = 0
	}
	for at := from; at < len(p.at) && p.width > 1; at += p.width {
		row := p.at[at : at+p.width]
		mean := kernel.Sum(row) / float64(p.width)
		for k := range row {
			row[k] -= mean
		}
	}
	return p.at
}
