// Command fit prints the polynomial coefficients of exp.go: for each function
// the interpolation polynomial at Chebyshev nodes, found in 400-bit arithmetic
// and rounded once to float64.
//
//	go run ./fit
package main

import (
	"fmt"
	"math"
	"math/big"
)

const prec = 400 // bits

func num(x float64) *big.Float { return new(big.Float).SetPrec(prec).SetFloat64(x) }
func add(x, y *big.Float) *big.Float {
	return new(big.Float).SetPrec(prec).Add(x, y)
}
func sub(x, y *big.Float) *big.Float {
	return new(big.Float).SetPrec(prec).Sub(x, y)
}
func mul(x, y *big.Float) *big.Float {
	return new(big.Float).SetPrec(prec).Mul(x, y)
}
func quo(x, y *big.Float) *big.Float {
	return new(big.Float).SetPrec(prec).Quo(x, y)
}

// series sums first, first*step(1), first*step(1)*step(2), ... The arguments
// used here shrink by a factor of two or more per term, so 400 terms are plenty.
func series(first *big.Float, step func(i int) *big.Float) *big.Float {
	sum, term := num(0), first
	for i := 1; i <= 400; i++ {
		sum = add(sum, term)
		term = mul(term, step(i))
	}
	return sum
}

// expTail is (exp(r)-1-r)/r² = 1/2 + r/6 + r²/24 + ...
func expTail(r *big.Float) *big.Float {
	return series(num(0.5), func(i int) *big.Float { return quo(r, num(float64(i+2))) })
}

// tanhTail is (tanh(x)-x)/x³ as a function of w = x², w > 0.
func tanhTail(w *big.Float) *big.Float {
	x := new(big.Float).SetPrec(prec).Sqrt(w)
	// expm1(2x) = 2x + (2x)² expTail(2x), and tanh = expm1/(expm1+2).
	x2 := add(x, x)
	e := add(x2, mul(mul(x2, x2), expTail(x2)))
	return quo(sub(quo(e, add(e, num(2))), x), mul(w, x))
}

// logTail is (log((1+s)/(1-s))/s - 2)/s² = 2/3 + 2/5 s² + ... as a function of
// w = s².
func logTail(w *big.Float) *big.Float {
	sum, power := num(0), num(1)
	for i := 0; i < 400; i++ {
		sum = add(sum, quo(mul(num(2), power), num(float64(2*i+3))))
		power = mul(power, w)
	}
	return sum
}

// fit returns the coefficients, lowest first, of the polynomial of degree n-1
// that meets f at the n Chebyshev nodes of [lo, hi]: divided differences, then
// expansion of Newton's form.
func fit(f func(*big.Float) *big.Float, lo, hi float64, n int) []float64 {
	x, d := make([]*big.Float, n), make([]*big.Float, n)
	for i := range x {
		c := math.Cos(math.Pi * (float64(i) + 0.5) / float64(n))
		x[i] = num((lo+hi)/2 + (hi-lo)/2*c)
		d[i] = f(x[i])
	}
	for j := 1; j < n; j++ {
		for i := n - 1; i >= j; i-- {
			d[i] = quo(sub(d[i], d[i-1]), sub(x[i], x[i-j]))
		}
	}
	c := make([]*big.Float, n)
	for i := range c {
		c[i] = num(0)
	}
	for i := n - 1; i >= 0; i-- { // c = c*(X - x[i]) + d[i]
		for j := n - 1; j >= 0; j-- {
			t := mul(c[j], num(-1))
			t = mul(t, x[i])
			if j > 0 {
				t = add(t, c[j-1])
			}
			c[j] = t
		}
		c[0] = add(c[0], d[i])
	}
	out := make([]float64, n)
	for i := range out {
		out[i], _ = c[i].Float64()
	}
	return out
}

// show prints the coefficients of a polynomial.
func show(name string, c []float64) {
	fmt.Println(name)
	for i, v := range c {
		fmt.Printf("\t%2d  %-24v %x\n", i, v, v)
	}
}

func main() {
	half := math.Ln2 / 2 * 1.0001 // half an interval, and what rounding adds
	show("exp: (exp(r)-1-r)/r² in r, |r| <= ln2/2", fit(expTail, -half, half, 10))
	show("tanh: (tanh(x)-x)/x³ in x², |x| <= 0.625", fit(tanhTail, 0, 0.625*0.625, 11))
	s := (math.Sqrt2 - 1) / (math.Sqrt2 + 1)
	show("log: (log((1+s)/(1-s))/s-2)/s² in s², sqrt(1/2) <= (1+s)/(1-s) <= sqrt(2)", fit(logTail, 0, s*s*1.0001, 7))

	ln2 := num(0) // log 2 = 2 atanh(1/3)
	third := quo(num(1), num(3))
	power := third
	for i := 0; i < 400; i++ {
		ln2 = add(ln2, quo(mul(num(2), power), num(float64(2*i+1))))
		power = mul(power, mul(third, third))
	}
	hi, _ := ln2.Float64()
	lo, _ := sub(ln2, num(hi)).Float64()
	inv, _ := quo(num(1), ln2).Float64()
	fmt.Printf("ln2 %v + %v\n1/ln2 %v\n", hi, lo, inv)
}
