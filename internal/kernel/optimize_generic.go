package kernel

import "math"

// The optimizers' steps in plain Go: they define those of the other paths. Each returns
// false where a parameter would not stay finite, and keeps that parameter's value.

// adamGeneric is AdamStep: step is the factor of m, floor is what is added to the
// root.
func adamGeneric(w, g, m, v []float64, shrink, step, floor, beta1, beta2 float64) (finite bool) {
	finite = true
	rest1, rest2 := 1-beta1, 1-beta2
	w, m, v = w[:len(g)], m[:len(g)], v[:len(g)]
	for i, gi := range g {
		mi := fma(beta1, m[i], float64(rest1*gi))
		vi := fma(beta2, v[i], float64(rest2*float64(gi*gi)))
		m[i], v[i] = mi, vi
		finite = moved(&w[i], float64(shrink*w[i])-float64(step*mi)/(math.Sqrt(vi)+floor)) && finite
	}
	return finite
}

// sgdGeneric is SGDStep.
func sgdGeneric(w, g []float64, rate float64) (finite bool) {
	finite = true
	w = w[:len(g)]
	for i, gi := range g {
		finite = moved(&w[i], fma(-rate, gi, w[i])) && finite
	}
	return finite
}

// momentumGeneric is MomentumStep.
func momentumGeneric(w, g, v []float64, rate, mu float64) (finite bool) {
	finite = true
	w, v = w[:len(g)], v[:len(g)]
	for i, gi := range g {
		v[i] = fma(mu, v[i], gi)
		finite = moved(&w[i], fma(-rate, v[i], w[i])) && finite
	}
	return finite
}

// nesterovGeneric is MomentumStep with Nesterov's velocity.
func nesterovGeneric(w, g, v []float64, rate, mu float64) (finite bool) {
	finite = true
	w, v = w[:len(g)], v[:len(g)]
	for i, gi := range g {
		v[i] = fma(mu, v[i], gi)
		finite = moved(&w[i], fma(-rate, fma(mu, v[i], gi), w[i])) && finite
	}
	return finite
}

// rmsPropGeneric is RMSPropStep.
func rmsPropGeneric(w, g, s []float64, rate, alpha, eps float64) (finite bool) {
	finite = true
	rest := 1 - alpha
	w, s = w[:len(g)], s[:len(g)]
	for i, gi := range g {
		s[i] = fma(alpha, s[i], float64(rest*float64(gi*gi)))
		finite = moved(&w[i], w[i]-float64(rate*gi)/(math.Sqrt(s[i])+eps)) && finite
	}
	return finite
}

// adaGradGeneric is AdaGradStep.
func adaGradGeneric(w, g, s []float64, rate, eps float64) (finite bool) {
	finite = true
	w, s = w[:len(g)], s[:len(g)]
	for i, gi := range g {
		s[i] = fma(gi, gi, s[i])
		finite = moved(&w[i], w[i]-float64(rate*gi)/(math.Sqrt(s[i])+eps)) && finite
	}
	return finite
}

// moved sets w to v and returns true, unless v is not finite.
func moved(w *float64, v float64) bool {
	if v-v != 0 { // NaN, where v is NaN or an infinity
		return false
	}
	*w = v
	return true
}
