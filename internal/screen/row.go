package screen

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
)

// packRow quantises the row x into dst, whose groups of four bytes lie stride bytes
// apart, and sets its numbers: see bound.go. It returns the value of one code, or 0
// where the row must take the float64 path, and at least the norm of the row; clean
// has room for a copy of it.
func (c *call) packRow(dst []uint8, stride int, row *kernel.ScreenRow, x, clean []float64) (unit, length float64) {
	p := c.packed
	largest, squares := kernel.Extent(x)
	if largest != 0 && !(largest >= minInput && largest <= maxInput) {
		return 0, 0
	}
	inner, largestInner, largestOutlier := c.withoutOutliers(x, clean, largest)
	// An outlier of more than 2^30 times the others would take float32 out of its range.
	s := p.rowStep(inner, max(largestInner, largestOutlier*0x1p-30), math.Sqrt(squares))
	if s == 0 {
		s = 1
	}
	inv := 1 / s
	z := p.quantise(dst, stride, inner, inv, 0)

	square := z.Square
	for _, i := range c.outliers.inputs {
		t := x[i] * inv
		square += float64(t * t)
	}
	all := math.Sqrt(square) * normSlack
	residual := float64(boundFactor*math.Sqrt(z.Residual)*normSlack) + float64(sumSlack*all)
	norm := boundFactor * math.Sqrt(z.Square) * normSlack

	units := s * p.unit // of a product
	scale, ofBias := c.rowScale(all, norm, residual, units)
	if !(scale >= minScale && ofBias <= math.MaxFloat32/4) {
		return 0, 0
	}
	by := float64(scale)
	*row = kernel.ScreenRow{
		Scale:    scale,
		Bias:     float32(ofBias),
		Norm:     up32(by * residual * normSlack),
		Residual: up32(by * norm * normSlack),
		Mask:     kernel.ScreenSigned,
	}
	if c.f.Magnitude {
		row.Mask = kernel.ScreenMagnitude
	}
	row.Start = int32(-int64(p.grid.Offset()) * z.Sum)
	for o, i := range c.outliers.inputs {
		row.Outlier[o] = float32(by * (x[i] * inv))
	}
	return units / by, all * s
}

// withoutOutliers returns x with zeros in the place of the outliers, and the largest
// magnitudes of its other entries and of the outliers. largest is that of all
// entries; clean has room for a copy of x.
func (c *call) withoutOutliers(x, clean []float64, largest float64) (inner []float64, largestInner, largestOutlier float64) {
	if len(c.outliers.inputs) == 0 {
		return x, largest, 0
	}
	copy(clean, x)
	for _, i := range c.outliers.inputs {
		largestOutlier = max(largestOutlier, math.Abs(x[i]))
		clean[i] = 0
	}
	return clean, kernel.MaxAbs(clean), largestOutlier
}

// rowScale returns C for a row, and Cβ/(sω). all, norm and residual are those of the
// row in units of s, units is sω.
func (c *call) rowScale(all, norm, residual, units float64) (scale float32, ofBias float64) {
	sum := c.summary
	// The integer product with the outliers is within one error of x·w, the bound
	// within two.
	top := float64(residual*sum.norm) + float64(norm*sum.residual)
	bias := max(c.biases.largest, 0)
	if c.f.Magnitude {
		bias = c.biases.magnitude
	}
	top = 1.01 * (float64(all*sum.norm) + float64(2*top) + bias/units)
	if top == 0 {
		top = c.biases.magnitude / units // a row of zeros whose biases are not positive
	}
	scale = float32(topCode / max(top, 0x1p-40))
	return scale, float64(scale) * (c.biases.biasUnit / units)
}
