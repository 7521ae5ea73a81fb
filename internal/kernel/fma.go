package kernel

import "math"

// emulatedFMA is math.FMA for processors without an instruction for it, where it is three
// to four times as fast as that. The product is split into p and its error e, exactly
// (Dekker). p + z + e is then one rounding of vh + w, where vh is a rounded sum and w is
// the exact rest of it, but w has to be rounded first. Boldo and Melquiond ("Emulation of
// a FMA and correctly rounded sums: proved algorithms using rounding to odd", IEEE
// Transactions on Computers 57(4), 2008) round w to odd. Here it is rounded to nearest,
// which gives another result only where it ends in the middle between two results: there
// it is a power of two, or 1.5 times one, because w is at most 1.5 units of vh if it has
// to be rounded at all. math.FMA takes these cases, and those of numbers so large or
// small that a part of the product would not be exact.
func emulatedFMA(x, y, z float64) float64 {
	const low, high = 0x1p-900, 0x1p900
	p := float64(x * y)
	if a := math.Abs(p); !(a > low && a < high && math.Abs(x) < high && math.Abs(y) < high && math.Abs(z) < high) {
		return math.FMA(x, y, z)
	}
	xh, xl := halves(x)
	yh, yl := halves(y)
	e := float64(xl*yl) - (((p - float64(xh*yh)) - float64(xl*yh)) - float64(xh*yl))
	th, tl := twoSum(z, e)
	vh, vl := twoSum(p, th)
	w, lost := twoSum(tl, vl)
	if lost != 0 && math.Float64bits(w)<<13 == 0 { // no bit of the mantissa but the first
		return math.FMA(x, y, z)
	}
	return vh + w
}

// halves returns two numbers of 26 bits whose sum is x (Veltkamp).
func halves(x float64) (high, low float64) {
	t := float64((1<<27 + 1) * x)
	high = t - (t - x)
	return high, x - high
}

// twoSum returns x+y and what it has lost, exactly (Knuth).
func twoSum(x, y float64) (sum, lost float64) {
	sum = x + y
	v := sum - x
	return sum, (x - (sum - v)) + (y - v)
}
