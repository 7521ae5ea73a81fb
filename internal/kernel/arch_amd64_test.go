//go:build amd64 && !purego

package kernel

type peak struct {
	name  string
	flops int // of one turn
	run   func(n int)
}

// peaks lists the register-only kernels of the paths that are available.
func peaks() []peak {
	all := map[string][]peak{
		"avx512": {{"avx512/f64", 2 * 24 * 8, callPeakAVX512F64}, {"avx512/f32", 2 * 24 * 16, callPeakAVX512F32}},
		"avx2":   {{"avx2/f64", 2 * 12 * 4, callPeakAVX2F64}, {"avx2/f32", 2 * 12 * 8, callPeakAVX2F32}},
	}
	var list []peak
	for _, p := range paths {
		if p.available {
			list = append(list, all[p.name]...)
		}
	}
	return list
}

// variants are paths whose products always pack, and always by single lanes, or
// never pack, and such as take any matrix to be gathered from for a large one.
func variants() []path {
	var list []path
	for _, p := range archPaths() {
		f64, f32 := avx512F64, avx512F32
		if p.name == "avx2" {
			f64, f32 = avx2F64, avx2F32
		}
		for _, v := range []struct {
			name       string
			cache, few int
		}{{name: "packed", cache: f64.cache}, {name: "lane by lane", cache: 1}, {name: "straight", cache: 1, few: 1 << 30}} {
			a, b := f64, f32
			a.cache, a.few, a.near = v.cache, v.few, 0
			b.cache, b.few, b.near = v.cache, v.few, 0
			variant := p
			variant.name = p.name + " " + v.name
			variant.mulT, variant.mulT32 = a.mulT, b.mulT
			list = append(list, variant)
		}
		g, narrow := avx512Gather, avx512GatherNarrow
		if p.name == "avx2" {
			g, narrow = avx2Gather, avx2GatherNarrow
		}
		g.farBytes, narrow.farBytes = 0, 0
		p.name += " from afar"
		p.addRows, p.addRowsBatch, p.addRowsBatch32 = g.addRows, g.addRowsBatch, narrow.addRowsBatch
		list = append(list, p)
	}
	return list
}
