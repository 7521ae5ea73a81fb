package screen

import "math"

// firstThreshold returns the lowest code that round 1 takes of row i. Of the maxima, k
// reach t. The error of a product is hardly ever as large as a tenth of its bound. So
// a code lies above its value by about the bound, and t by about that of the mean
// latent. A round 1 from about the code of the k-th best value on leaves little to
// round 2, which would have to fetch the weights again.
func (b *block) firstThreshold(i int) int16 {
	t := b.codes.kth(i, b.k)
	row := &b.tiles.numbers[i]
	bound := float64(float64(row.Norm)*b.summary.meanNorm) + float64(float64(row.Residual)*b.summary.meanResidual)
	likely := int16(max(math.MinInt16, float64(t)-float64(likelyPart*bound)))
	return max(likely, b.f.exceeds(b.ranges.unit[i], b.f.floor))
}

// likelyPart is how much of the bound firstThreshold takes off. From 0.9 to 1 encoding takes
// the same time (a training step 768 -> 8192 0.89 of that with 0, 784 -> 1000 0.96), with
// less there is more to fetch again, with more there are more candidates. TestTheTest
// sets it to 0, as what round 1 takes in addition hides a bound that is too small.
var likelyPart = 0.95

// secondThreshold sets the codes of row i that round 2 takes: below those of
// round 1, and with a bound that reaches the k-th best value, or just the floor
// where there are no k values above it yet.
func (b *block) secondThreshold(i int) {
	done := b.ranges.low[i]
	if done == math.MinInt16 {
		b.ranges.setNone(i)
		return
	}
	unit, low := b.ranges.unit[i], int16(0)
	if b.candidates.evaluate(i, &b.f) >= b.k {
		low = b.f.reaches(unit, b.candidates.kth(b.k))
	} else {
		low = b.f.exceeds(unit, b.f.floor)
	}
	b.ranges.set(i, low, done-1)
}
