package kernel

import (
	"math"
	"math/big"
)

// The reference for exp_test.go: the same functions in 250-bit arithmetic, by
// series.
const bigPrec = 250

func newBig(x float64) *big.Float { return new(big.Float).SetPrec(bigPrec).SetFloat64(x) }

// bigLn2 is log 2 = 2 (1/3 + 1/(3*3³) + 1/(5*3⁵) + ...).
var bigLn2 = func() *big.Float {
	sum, power := newBig(0), newBig(2)
	power.Quo(power, newBig(3))
	for i := 1; i < 400; i += 2 {
		sum.Add(sum, new(big.Float).SetPrec(bigPrec).Quo(power, newBig(float64(i))))
		power.Quo(power, newBig(9))
	}
	return sum
}()

// bigExpm1Small returns exp(r)-1 by its series, for |r| < 1/2.
func bigExpm1Small(r *big.Float) *big.Float {
	sum, term := newBig(0), newBig(1)
	for i := 1; i < 60; i++ {
		term.Mul(term, r)
		term.Quo(term, newBig(float64(i)))
		sum.Add(sum, term)
	}
	return sum
}

// bigReduce returns n and r = x - n log 2 with |r| < 0.35.
func bigReduce(x *big.Float) (n int, r *big.Float) {
	v, _ := x.Float64()
	n = int(math.Round(v / math.Ln2))
	r = newBig(float64(n))
	r.Mul(r, bigLn2)
	return n, r.Sub(x, r)
}

// bigExp returns exp(x).
func bigExp(x *big.Float) *big.Float {
	n, r := bigReduce(x)
	e := bigExpm1Small(r)
	e.Add(e, newBig(1))
	return e.SetMantExp(e, n)
}

// bigExpm1 returns exp(x)-1.
func bigExpm1(x *big.Float) *big.Float {
	n, r := bigReduce(x)
	e := bigExpm1Small(r)
	if n == 0 { // no cancellation, however small x is
		return e
	}
	e.Add(e, newBig(1))
	e.SetMantExp(e, n)
	return e.Sub(e, newBig(1))
}

func bigSigmoid(x *big.Float) *big.Float {
	e := bigExp(new(big.Float).Neg(x))
	e.Add(e, newBig(1))
	return e.Quo(newBig(1), e)
}

// bigTanh is e/(e+2) with e = exp(2x)-1.
func bigTanh(x *big.Float) *big.Float {
	e := bigExpm1(new(big.Float).SetPrec(bigPrec).Add(x, x))
	d := new(big.Float).SetPrec(bigPrec).Add(e, newBig(2))
	return e.Quo(e, d)
}

// bigLog improves an estimate y of log x once: log x = y + log(1+d) with
// d = x exp(-y) - 1, which is some 1e-16, so four terms of log(1+d) are enough.
func bigLog(x *big.Float) *big.Float {
	v, _ := x.Float64()
	fraction, exponent := math.Frexp(v)
	y := math.Log(fraction) + float64(exponent)*math.Ln2
	if v > 0.5 && v < 2 { // keep y small beside the correction near 1
		y = math.Log1p(v - 1)
	}
	d := bigExp(newBig(-y))
	d.Mul(d, x)
	d.Sub(d, newBig(1))
	sum, power := newBig(y), newBig(1)
	for i := 1; i <= 4; i++ {
		power.Mul(power, d)
		term := new(big.Float).SetPrec(bigPrec).Quo(power, newBig(float64(i)))
		if i%2 == 0 {
			term.Neg(term)
		}
		sum.Add(sum, term)
	}
	return sum
}
