package screen

import (
	"math"

	"github.com/ksparse/ksparse/internal/topk"
)

// What a bound on a pre-activation says about the value after the activation f.
//
// f does not decrease, as computed, so a latent whose pre-activation is at most z
// has a value of at most f(z), rounding and saturation included: with a sigmoid,
// many bounds may give 1, and all of those latents stay in the race, where ties go
// to the lowest index. At the other end f may have a floor, a smallest value that
// it takes for all z up to some point: 0 of ReLU, -1 of ELU. A latent whose bound
// is at the floor has exactly that value, without being computed.
//
// Swish and GELU fall before they rise. On z > 0 they are what is said above,
// with 0 as the floor, and a latent with z <= 0 has a value of at most 0. So a row
// with k values above 0 is chosen as if f were 0 below 0, and any other takes the
// float64 path.

// activation is the function whose values a call selects by.
type activation struct {
	topk.Func
	floor float64 // the function is never below it; see level
}

// newActivation returns f with its floor.
func newActivation(f topk.Func) activation {
	a := activation{Func: f}
	if f.Monotone {
		a.floor = f.Value(-math.MaxFloat64)
	}
	return a
}

// bounded reports whether a bound on a pre-activation is one on the value.
func (a *activation) bounded() bool {
	return (a.Monotone || a.Rising) && !math.IsNaN(a.floor)
}

// level returns f(z), or the floor where f has not begun to rise.
func (a *activation) level(z float64) float64 {
	switch {
	case a.Identity:
		return z
	case !a.Monotone && z <= 0:
		return a.floor
	}
	return a.Value(z)
}

// exceeds returns the smallest code whose bound has a value above t. The largest
// code stands for any bound and always counts.
func (a *activation) exceeds(unit, t float64) int16 {
	if t == -math.MaxFloat64 {
		return math.MinInt16 // the floor of functions without one
	}
	return firstCode(func(code int) bool { return a.level(upper(code, unit)) > t })
}

// reaches returns the smallest code whose bound has at least the value t.
func (a *activation) reaches(unit, t float64) int16 {
	return firstCode(func(code int) bool { return a.level(upper(code, unit)) >= t })
}

// firstCode returns the smallest code that satisfies ok: all codes above it do.
func firstCode(ok func(code int) bool) int16 {
	lo, hi := math.MinInt16, math.MaxInt16
	for lo < hi {
		mid := lo + (hi-lo)>>1
		if ok(mid) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return int16(lo)
}
