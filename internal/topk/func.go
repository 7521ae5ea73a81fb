package topk

import "math"

// Func is an activation, with what a selection may rely on. Value alone is enough;
// each of the other fields promises something, of the numbers as computed, that lets
// the selection compute fewer values or compute them faster.
type Func struct {
	// Value returns the activation of one pre-activation.
	Value func(z float64) float64
	// Identity: Value(z) is z.
	Identity bool
	// Monotone: Value never decreases. So a pre-activation that is no larger than
	// another one has no larger value, and can be passed over without computing it.
	Monotone bool
	// Rising, of a function that is not Monotone: Value(z) <= 0 for z <= 0, and Value
	// never decreases from 0 on. (Swish and GELU.)
	Rising bool
	// ReLU: Value(z) is z where z > 0, else 0.
	ReLU bool
	// Values, where not nil, sets dst = Value(z) for a whole slice; dst may be z. It
	// is for a Monotone function of which a slice of values costs much less than the
	// same values one at a time. Encode then selects by pre-activation first: see
	// finishByPreActivation.
	Values func(dst, z []float64)
	// Magnitude selects the k largest by |Value(z)|. The values keep their signs. It
	// is for the identity alone.
	Magnitude bool
}

// ByPreActivation selects by the pre-activation itself.
var ByPreActivation = Func{Value: func(z float64) float64 { return z }, Identity: true, Monotone: true}

// order returns what f selects by.
func (f Func) order(z float64) float64 {
	if f.Magnitude {
		return math.Abs(z)
	}
	return f.Value(z)
}

// Apply sets dst to what f selects by, for every pre-activation of z.
func (f Func) Apply(dst, z []float64) {
	dst = dst[:len(z)]
	switch {
	case f.Magnitude:
		for t, v := range z {
			dst[t] = math.Abs(v)
		}
	case f.Identity:
		copy(dst, z)
	case f.ReLU:
		for t, v := range z {
			if !(v > 0) {
				v = 0
			}
			dst[t] = v
		}
	case f.Values != nil:
		f.Values(dst, z)
	default:
		for t, v := range z {
			dst[t] = f.Value(v)
		}
	}
}

// scanned returns what a scan for the k best by f selects by, and how many entries
// of each row it keeps.
func (f Func) scanned(k int) (Func, int) {
	if f.Values != nil {
		return ByPreActivation, k + 1
	}
	return f, k
}
