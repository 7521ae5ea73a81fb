package kernel

import "math"

// The elementary functions behind activations and losses, written so that every
// processor and every path gives the same bits: one order of operations, each
// product in a sum either fused by name (fma, which is math.FMA) or rounded by name
// (float64(x*y)). math.Exp offers neither: its assembly differs between
// architectures, and on amd64 even between processors.
//
// Exp, Expm1, Sigmoid and Tanh never decrease. The choice of the k largest
// relies on that: it filters by pre-activation and ranks by activation. It holds
// because each is a composition of roundings of non-decreasing steps, except at
// the few points where a formula or the integer n of the reduction changes; the
// tests visit all of those.
//
// Coefficients come from _gen/vector/fit, which describes how it finds them.

const (
	log2E = 1.4426950408889634 // 1/ln 2
	ln2Hi = 0.6931471805599453 // ln 2, nearest float64
	ln2Lo = 2.3190468138462996e-17

	// Beyond these the result is +Inf and 0; clamping there keeps n in range.
	expHigh = 710
	expLow  = -746

	// Adding 1.5*2^52 rounds to an integer and leaves it in the low bits of the
	// sum. The 2046 beside it is two exponent biases; see ldexp2.
	expShift = 0x1.8p52 + 2046
)

// Coefficients of (exp(r)-1-r)/r² in powers of r, for |r| <= ln2/2.
const (
	exp2  = 0x1.0000000000001p-01
	exp3  = 0x1.5555555555556p-03
	exp4  = 0x1.5555555553d63p-05
	exp5  = 0x1.11111111109b3p-07
	exp6  = 0x1.6c16c1788bd9p-10
	exp7  = 0x1.a01a01a7c41d5p-13
	exp8  = 0x1.a019b90d2ae7ap-16
	exp9  = 0x1.71de0dae63bb3p-19
	exp10 = 0x1.289185613a3d6p-22
	exp11 = 0x1.af38a9b0ec855p-26
)

// expReduced writes exp(x) as 2^n exp(r), |r| <= ln2/2, for x in
// [expLow, expHigh], and exp(r) as 1 + r + r² q. The low bits of shifted hold
// n+2046. Of a NaN, r and q are NaN.
func expReduced(x float64) (shifted, r, q float64) {
	shifted = fma(x, log2E, expShift)
	n := shifted - expShift
	r = fma(-n, ln2Hi, x) // exact: a multiple of 2^-54 below 1/2
	r = fma(-n, ln2Lo, r)
	q = fma(r, exp11, exp10)
	q = fma(r, q, exp9)
	q = fma(r, q, exp8)
	q = fma(r, q, exp7)
	q = fma(r, q, exp6)
	q = fma(r, q, exp5)
	q = fma(r, q, exp4)
	q = fma(r, q, exp3)
	q = fma(r, q, exp2)
	return shifted, r, q
}

// ldexp2 returns y 2^n, rounded once, for the n in shifted. 2^n may be
// out of range where y 2^n is not, so it is two factors, each with half of
// n+2046 as its exponent field: 2^(n1+n2) with n1+1023 + n2+1023 = n+2046. The
// first product is exact, the second rounds where the result is subnormal.
func ldexp2(y, shifted float64) float64 {
	b := math.Float64bits(shifted)
	return y * math.Float64frombits(b>>1<<52) * math.Float64frombits((b-b>>1)<<52)
}

// Exp returns e raised to the power x. Error below 1 ulp; Exp(0) = 1,
// Exp(-Inf) = 0, overflow gives +Inf, underflow is gradual.
func Exp(x float64) float64 {
	if x > expHigh {
		x = expHigh
	}
	if x < expLow {
		x = expLow
	}
	shifted, r, q := expReduced(x)
	h := 1 + r
	l := (1 - h) + r // what h has lost, exactly
	return ldexp2(h+fma(float64(r*r), q, l), shifted)
}

// Expm1 returns exp(x)-1, accurate also where x is small: error below 2 ulp.
func Expm1(x float64) float64 {
	switch {
	case x > 37 || x < -37: // 1 and exp(x) no longer overlap
		return Exp(x) - 1
	case math.Abs(x) < 0x1p-54: // keeps the sign of zero
		return x
	}
	shifted, r, q := expReduced(x)
	p := math.Float64frombits((math.Float64bits(shifted) - 1023) << 52) // 2^n
	// 2^n exp(r) - 1, the largest terms first and their rounding error kept. The
	// products with 2^n are exact.
	r2 := float64(r * r)
	r = float64(p * r)
	h := (p - 1) + r
	l := ((p - 1) - h) + r
	return h + fma(float64(p*r2), q, l)
}

// sigmoidTail is well below where 1+exp(x) and 1 become the same number.
const sigmoidTail = -40

// Sigmoid returns 1/(1+exp(-x)). Error below 3 ulp. The usual second form for
// negative x, e/(1+e) with e = exp(x), would decrease at some points: where 1+e
// rises by one of its units, e has risen by less. So the first form serves all x but
// those in the tail, where exp(x) itself keeps gradual underflow.
func Sigmoid(x float64) float64 {
	if x < sigmoidTail {
		return Exp(x)
	}
	return 1 / (1 + Exp(-x))
}

// tanhSplit separates the polynomial from the exponential; from tanhHigh on the
// result is 1.
const (
	tanhSplit = 0.625
	tanhHigh  = 20
)

// Coefficients of (tanh(x)-x)/x³ in powers of x², for |x| <= tanhSplit.
const (
	tanh3  = -0x1.5555555555553p-02
	tanh5  = 0x1.11111111107acp-03
	tanh7  = -0x1.ba1ba1b92a52cp-05
	tanh9  = 0x1.664f4836ffb5ep-06
	tanh11 = -0x1.226e29216080bp-07
	tanh13 = 0x1.d6d17faac7499p-09
	tanh15 = -0x1.7d80275a99754p-10
	tanh17 = 0x1.33fc7f7473d21p-11
	tanh19 = -0x1.e3f90249802dbp-13
	tanh21 = 0x1.4ddd5fb800f82p-14
	tanh23 = -0x1.21522c06d082ap-16
)

// Tanh returns the hyperbolic tangent of x. It is odd, and its error is below
// 2 ulp everywhere, subnormal x included.
func Tanh(x float64) float64 {
	a := math.Abs(x)
	if a < tanhSplit {
		w := float64(a * a)
		p := fma(w, tanh23, tanh21)
		p = fma(w, p, tanh19)
		p = fma(w, p, tanh17)
		p = fma(w, p, tanh15)
		p = fma(w, p, tanh13)
		p = fma(w, p, tanh11)
		p = fma(w, p, tanh9)
		p = fma(w, p, tanh7)
		p = fma(w, p, tanh5)
		p = fma(w, p, tanh3)
		return math.Copysign(fma(float64(a*w), p, a), x)
	}
	if a > tanhHigh {
		a = tanhHigh
	}
	return math.Copysign(1-2/(Exp(2*a)+1), x)
}
