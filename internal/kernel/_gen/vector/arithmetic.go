package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// arithmetic writes the kernels of one operation an element, and those of the derivatives
// of activations.
func arithmetic() {
	elementwise("scale", "x[i] *= f", []array{{name: "x", load: true, store: true}}, []string{"f"}, nil,
		func(v map[string]reg.VecVirtual) { VMULPD(v["f"], v["x"], v["x"]) })

	x, y, dst := array{name: "x", load: true}, array{name: "y", load: true}, array{name: "dst", store: true}
	elementwise("add", "dst[i] = x[i] + y[i]", []array{dst, x, y}, nil, nil,
		func(v map[string]reg.VecVirtual) { VADDPD(v["y"], v["x"], v["dst"]) })

	elementwise("subtract", "dst[i] = x[i] - y[i]", []array{dst, x, y}, nil, nil,
		func(v map[string]reg.VecVirtual) { VSUBPD(v["y"], v["x"], v["dst"]) })

	delta, value := array{name: "delta", load: true, store: true}, array{name: "value", load: true}
	elementwise("sigmoidSlope", "delta[i] *= value[i] * (one-value[i])", []array{delta, value}, []string{"one"}, nil,
		func(v map[string]reg.VecVirtual) {
			t := target.vec()
			VSUBPD(v["value"], v["one"], t)
			VMULPD(t, v["value"], t)
			VMULPD(t, v["delta"], v["delta"])
		})

	elementwise("tanhSlope", "delta[i] *= FMA(-value[i], value[i], one)", []array{delta, value}, []string{"one"}, nil,
		func(v map[string]reg.VecVirtual) {
			t := target.vec()
			VMOVAPD(v["one"], t)
			VFNMADD231PD(v["value"], v["value"], t)
			VMULPD(t, v["delta"], v["delta"])
		})
}
