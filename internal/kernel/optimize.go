package kernel

import "math"

// AdamStep moves w by one Adam step and updates its two moments, for slices of
// one length:
//
//	m = beta1 m + (1-beta1) g
//	v = beta2 v + (1-beta2) g²
//	w = w - rate (m / c1) / (sqrt(v / c2) + eps)
//
// where c1 = 1-beta1^t and c2 = 1-beta2^t undo the moments' start at zero.
func AdamStep(w, g, m, v []float64, rate, beta1, beta2, c1, c2, eps float64) {
	step, root := rate/c1, math.Sqrt(c2)
	for i, gi := range g {
		m[i] = math.FMA(beta1, m[i], float64((1-beta1)*gi))
		v[i] = math.FMA(beta2, v[i], float64((1-beta2)*float64(gi*gi)))
		w[i] -= float64(step*m[i]) / (math.Sqrt(v[i])/root + eps)
	}
}
