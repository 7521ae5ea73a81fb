//go:build !purego

package kernel

import "slices"

// peak is a kernel that works on registers only.
type peak struct {
	name  string
	flops int // of one turn
	run   func(n int)
}

// peaks lists the register-only kernels.
func peaks() []peak {
	return []peak{{"neon/f64", 2 * 24 * 2, callPeakNEONF64}, {"neon/f32", 2 * 24 * 4, callPeakNEONF32}}
}

// variants are paths whose products always pack, and always by single lanes, or never
// pack.
func variants() []path {
	var list []path
	for _, v := range []struct {
		name       string
		cache, few int
	}{{name: "packed", cache: neonF64.cache}, {name: "lane by lane", cache: 1}, {name: "straight", cache: 1, few: 1 << 30}} {
		a, b := neonF64, neonF32
		a.cache, a.few = v.cache, v.few
		b.cache, b.few = v.cache, v.few
		p := paths[slices.IndexFunc(paths, func(p path) bool { return p.name == "neon" })]
		p.name += " " + v.name
		p.mulT, p.mulT32 = a.mulT, b.mulT
		list = append(list, p)
	}
	return list
}
