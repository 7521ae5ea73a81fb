package kernel

import "math"

// AdamStep moves w by one Adam step and updates its two moments, for slices of
// one length:
//
//	m = beta1 m + (1-beta1) g
//	v = beta2 v + (1-beta2) g²
//	w = shrink w - (rate/c1) m / (sqrt(v)/sqrt(c2) + eps)
//
// where c1 = 1-beta1^t and c2 = 1-beta2^t undo the moments' start at zero.
func AdamStep(w, g, m, v []float64, shrink, rate, beta1, beta2, c1, c2, eps float64) {
	step, root := rate/c1, math.Sqrt(c2)
	for i, gi := range g {
		m[i] = math.FMA(beta1, m[i], float64((1-beta1)*gi))
		v[i] = math.FMA(beta2, v[i], float64((1-beta2)*float64(gi*gi)))
		w[i] = float64(shrink*w[i]) - float64(step*m[i])/(math.Sqrt(v[i])/root+eps)
	}
}

// SGDStep: w -= rate g.
func SGDStep(w, g []float64, rate float64) {
	for i, gi := range g {
		w[i] -= float64(rate * gi)
	}
}

// MomentumStep: v = mu v + g, then w -= rate v, or rate (g + mu v) for Nesterov.
func MomentumStep(w, g, v []float64, rate, mu float64, nesterov bool) {
	for i, gi := range g {
		v[i] = float64(mu*v[i]) + gi
		d := v[i]
		if nesterov {
			d = gi + float64(mu*v[i])
		}
		w[i] -= float64(rate * d)
	}
}

// RMSPropStep: s = alpha s + (1-alpha) g², w -= rate g / (sqrt(s) + eps).
func RMSPropStep(w, g, s []float64, rate, alpha, eps float64) {
	for i, gi := range g {
		s[i] = float64(alpha*s[i]) + float64((1-alpha)*float64(gi*gi))
		w[i] -= float64(rate*gi) / (math.Sqrt(s[i]) + eps)
	}
}

// AdaGradStep: s += g², w -= rate g / (sqrt(s) + eps).
func AdaGradStep(w, g, s []float64, rate, eps float64) {
	for i, gi := range g {
		s[i] += float64(gi * gi)
		w[i] -= float64(rate*gi) / (math.Sqrt(s[i]) + eps)
	}
}
