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
