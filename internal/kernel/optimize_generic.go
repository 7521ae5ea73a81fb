package kernel

import "math"

// The plain sweeps. Like generic.go they are the definition of every path.

func adamGeneric(w, g, m, v []float64, shrink, step, floor, beta1, beta2 float64) {
	rest1, rest2 := 1-beta1, 1-beta2
	w, m, v = w[:len(g)], m[:len(g)], v[:len(g)]
	for i, gi := range g {
		mi := math.FMA(beta1, m[i], float64(rest1*gi))
		vi := math.FMA(beta2, v[i], float64(rest2*float64(gi*gi)))
		m[i], v[i] = mi, vi
		w[i] = float64(shrink*w[i]) - float64(step*mi)/(math.Sqrt(vi)+floor)
	}
}

func sgdGeneric(w, g []float64, rate float64) {
	w = w[:len(g)]
	for i, gi := range g {
		w[i] = math.FMA(-rate, gi, w[i])
	}
}

func momentumGeneric(w, g, v []float64, rate, mu float64) {
	w, v = w[:len(g)], v[:len(g)]
	for i, gi := range g {
		v[i] = math.FMA(mu, v[i], gi)
		w[i] = math.FMA(-rate, v[i], w[i])
	}
}

func nesterovGeneric(w, g, v []float64, rate, mu float64) {
	w, v = w[:len(g)], v[:len(g)]
	for i, gi := range g {
		v[i] = math.FMA(mu, v[i], gi)
		w[i] = math.FMA(-rate, math.FMA(mu, v[i], gi), w[i])
	}
}

func rmsPropGeneric(w, g, s []float64, rate, alpha, eps float64) {
	rest := 1 - alpha
	w, s = w[:len(g)], s[:len(g)]
	for i, gi := range g {
		s[i] = math.FMA(alpha, s[i], float64(rest*float64(gi*gi)))
		w[i] -= float64(rate*gi) / (math.Sqrt(s[i]) + eps)
	}
}

func adaGradGeneric(w, g, s []float64, rate, eps float64) {
	w, s = w[:len(g)], s[:len(g)]
	for i, gi := range g {
		s[i] = math.FMA(gi, gi, s[i])
		w[i] -= float64(rate*gi) / (math.Sqrt(s[i]) + eps)
	}
}
