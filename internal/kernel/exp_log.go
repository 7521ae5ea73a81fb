package kernel

import "math"

// Coefficients of (log((1+s)/(1-s))/s-2)/s² in powers of s², for (1+s)/(1-s) between
// sqrt(1/2) and sqrt(2).
const (
	log2  = 0x1.5555555555558p-01
	log4  = 0x1.99999999952d7p-02
	log6  = 0x1.2492492df281ap-02
	log8  = 0x1.c71c62e3f11e6p-03
	log10 = 0x1.7462b51cb66b1p-03
	log12 = 0x1.39fe51a7c18f9p-03
	log14 = 0x1.2b5900de53b32p-03
)

// Log returns the natural logarithm of x. Error below 1 ulp; Log(1) = 0,
// Log(0) = -Inf, Log(+Inf) = +Inf, and NaN for x < 0. Like Exp, it gives the
// same bits on every processor.
func Log(x float64) float64 {
	switch {
	case !(x >= 0):
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	case x > math.MaxFloat64:
		return x
	}
	k := 0
	if x < 0x1p-1022 { // subnormal: give it an exponent
		x *= 0x1p54
		k = -54
	}
	// x = 2^k (1+f) with 1+f in [sqrt(1/2), sqrt(2)).
	b := math.Float64bits(x)
	const half = 0x3fe6a09e667f3bcd // bits of sqrt(1/2)
	e := int64(b-half) >> 52
	k += int(e)
	f := math.Float64frombits(b-uint64(e)<<52) - 1

	// With s = f/(2+f), log(1+f) = 2s + s³(2/3 + 2/5 s² + ...), and since
	// 2s = f - s f = f - f²/2 + s f²/2, the large term f is exact:
	// log(1+f) = f - (f²/2 - s (f²/2 + s² P(s²))).
	s := f / (2 + f)
	w := float64(s * s)
	p := fma(w, log14, log12)
	p = fma(w, p, log10)
	p = fma(w, p, log8)
	p = fma(w, p, log6)
	p = fma(w, p, log4)
	p = fma(w, p, log2)
	h := float64(0.5 * float64(f*f))
	n := float64(k)
	low := fma(s, fma(w, p, h), float64(n*ln2Lo))
	return fma(n, ln2Hi, f-(h-low))
}
