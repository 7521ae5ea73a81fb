// Package screen finds the k largest latents of each row, or all above thresholds,
// at the cost of an integer product, with the answer of package topk bit for bit.
//
// Every product is first computed in int8, or in int16 where there are few latents, with a
// bound on its error. A latent whose upper bound cannot reach the k-th best value is
// dropped; the values of the others are computed as topk computes them, kernel.Dot
// plus the bias, and the choice is made among those. So data on which the bound is
// loose costs time and never changes an answer, and a row for which the arithmetic of
// the bound would leave its range takes the float64 path, topk.Encode.
package screen

import "math"

// # The bound
//
// Let x be a row and w a latent of d inputs, u = 2^-24 and |.| the Euclidean
// norm. The row is quantised as x = s q + r, the latent as w = s' q' + r', with
// integer q and q'. Then x·w - (s q)·(s' q') = r·(s' q') + x·r', so by
// Cauchy-Schwarz, whatever the data,
//
//	|x·w - s s' (q·q')| <= |r| |s' q'| + |x| |r'|.
//
// A few inputs, the outliers, may be taken out of x, q and r; their products are
// then added one by one. The norms of w, s' q' and r' over all inputs bound those
// over the rest.
//
// In int8, a step is the largest entry/127, or what grid.go says. On the fine grid, in int16,
// it is max(largest entry/32767, norm/46000). There even the largest outlier leaves room
// for the others, so none is taken out.
//
// # Units
//
// x is measured in s, w in a power of two ω (Packed.unit), b in β
// (Packed.biasUnit), a product in sω. In these units let N = max(|w|, |s'q'|), at
// least 2^-64, R = |r'|, X = |x| over all inputs, b = bias/(sω). A code is a bound
// times the row's C, rounded up to an integer. The kernel
// is given
//
//	row:    Scale = C, Bias ~ Cβ/(sω), Norm >= C (|r| + 2^-16 X), Residual >= C |x|,
//	        Outlier ~ C x_p
//	latent: Scale = s' (a float32), Bias >= bias/β + 2^-18 |bias/β|, Norm >= N,
//	        Residual >= R; column ~ w_p
//
// where ~ is rounded to nearest float32, and >= is upward. Claim: the code is at
// least C v/(sω), where v = Dot(x, w) + bias is the value that topk computes.
//
// # Magnitudes
//
// x·w and -x·w have the same error, so |v| is at most the magnitude of what the
// kernel adds up with signs (products and bias) plus the same two terms of the
// error: with the Mask ScreenMagnitude the code is at least C |v|/(sω). C is then
// chosen by the largest |bias|. Only the slack in Bias points the wrong way where
// the value is negative; see below.
//
// # Thresholds
//
// EncodeAbove has bias-threshold for bias, so that a code bounds by what the value
// exceeds its threshold. A code is a whole number, at least its bound: where that is
// above 0, the code is 1 or more, and all other latents are out. A threshold of +Inf
// makes the latent count as padding.
//
// # Rounding
//
// The integer product is exact for d <= 16384. In int8, 127*255*d < 2^31, and grid.go has
// the sums in int16 on kernel.GridBlocks. On the fine grid |q| <= |x/s| + sqrt(d)/2 <=
// 46001 + 64, q' is as short, and so |q·q'| <= 46065² < 2^31: a sum modulo 2^32 is right
// when it is complete. (Squares that underflow take less than 2^-50 of a norm.)
//
// The row is quantised by t = x*inv, inv = 1/s rounded, so t is x/s up to a factor
// 1 ± 2^-51, and t - q is exact (q is 0, or t/q is between 1/2 and 2). So the
// computed residual is off by at most 2^-51 X. The same holds for a latent. Sums
// of squares have relative errors below d 2^-53, and the norms are multiplied by
// 1 + 2^-18 before they are rounded upward. As q is the nearest integer, |t-q| <=
// |t|, so |r| <= X, |q| <= 2X, R <= N.
//
// Every partial sum of the epilogue is at most M = C(1.01|b| + 6XN) + 2 in
// magnitude: 1.01 C|b| + 1.26 for the bias and the constant, 1.01 CXN for Norm
// (as |r| + 2^-16 X <= 1.0001 X), 1.01 CXN for Residual, CXN for the outliers and
// 2CXN for |q·q'| s' <= |q| |s'q'|, with room for their rounding. There are 3+m
// fused steps, m <= 16, and an addition, each wrong by at most uM. Converting the
// integer sum and its two products cost 3u 2CXN, the factors of the outliers 2.1u
// CXN, the factor of the bias u C|b|. Together
//
//	20uM + 8.1u CXN + u C|b| <= 128.1u CXN + 21.2u C|b| + 40u < 0.51 (2^-16 CXN) + 2^-19 C|b| + 2^-18.
//
// The value v is wrong as well: Dot has an error below (d/8+4) 2^-53 |x||w|, at
// most 2^-41 XN, the addition of the bias 2^-53 (XN + |b|). With the 2^-51 XN of
// each quantisation all of this is below the 2^-16 XN in Norm and the 2^-18 |b| in
// Bias. The 1 + 1/128 that the kernel adds takes the 2^-18, and what underflow
// loses: a float32 result below 2^-126 is off by 2^-150 in units of codes, a
// column by 2^-150 times an Outlier of at most 2^87, underflow in Dot by d 2^-1075
// in units of sω >= 2^-860 times a C below 2^55.
//
// For magnitudes, the kernel has up to 2^-18 |b| and the rounding of that to a
// float32, 2^-23 |b|, more in the bias than it should where the value is negative,
// and 2^-18 |b| less than the errors above may take: together 2^-16.97 C|b|, and C|b|
// is at most 32000/1.01. That is less than the 1/4 that the kernel adds.
//
// With thresholds, b is bias-threshold, rounded by 2^-53 |b|, but the addition of
// the bias to the value is wrong by 2^-53 of the bias itself, which may be much
// larger. So there the slack has 2^-50 |bias| beside the 2^-18 |b|.
//
// Truncating y towards zero gives more than y-1 and, below zero, at least y. The
// code is saturated to -32768 only where y is below, and it never reaches 32767,
// since C is chosen so that no bound passes 32000. (packRow; 32767 counts as
// unbounded all the same.)
//
// # Ranges
//
// Products, not factors, are what must stay in range. A row takes the
// float64 path unless its largest entry is within 2^±400 (or zero), C >= 2^-50, and
// Cβ/(sω) fits a float32. As the latents' N is at least 2^-64 and the largest bound at least
// 2^-40, C <= 2^55, the integer sum times C is below 2^87, and all else is far from
// overflow too. A very negative bias may give -Inf, and so may the padding's -Inf
// bias, or NaN: both become -32768.
// Latents below 2^-80 ω get q = 0. Weights beyond 2^40 ω, ω outside 2^±400, or
// anything not finite make the whole Packed unusable: all rows take the float64
// path.

const (
	normSlack  = 1 + 0x1p-18 // on computed norms
	sumSlack   = 0x1p-16     // of XN, for rounding
	biasSlack  = 0x1p-18     // of |bias|, for rounding
	shiftSlack = 0x1p-50     // of |bias| beside a threshold, for rounding
	leastNorm  = 0x1p-64     // of a latent, in units of ω
	tiny       = 0x1p-80     // latents below have q = 0
	huge       = 0x1p40      // and beyond there is no bound

	minInput, maxInput = 0x1p-400, 0x1p400 // of a row's largest entry, and of ω

	topCode  = 32000 // no bound of a row lies above
	minScale = 0x1p-50
)

// boundFactor scales the bound. It is 1; with less, the tests must fail, which is
// itself tested.
var boundFactor = 1.0

// up32 returns the smallest float32 that is at least v.
func up32(v float64) float32 {
	f := float32(v)
	if float64(f) < v {
		f = math.Nextafter32(f, float32(math.Inf(1)))
	}
	return f
}

// powerOfTwo returns the largest power of two that is at most v, 1 for zero.
func powerOfTwo(v float64) float64 {
	if v == 0 {
		return 1
	}
	_, e := math.Frexp(v)
	return math.Ldexp(1, e-1)
}

// upper returns the largest value that a latent with this code can have. The
// value of one code is rounded, and so is the product: 2^-50 covers both.
func upper(code int, unit float64) float64 {
	switch {
	case code >= math.MaxInt16:
		return math.Inf(1)
	case code > 0:
		return float64(code) * unit * (1 + 0x1p-50)
	}
	return float64(code) * unit * (1 - 0x1p-50)
}
