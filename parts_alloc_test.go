//go:build !race

package ksparse

import (
	"math/rand/v2"
	"testing"
)

// TestPartsEncodeWithoutGarbage: no kind of model makes garbage when it encodes, with
// a frame before the first layer, a gate or thresholds, once its memory is warm.
func TestPartsEncodeWithoutGarbage(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for name, p := range partsCases(rng, 48, 1024, 20, 8) {
		for _, mode := range []string{"on", "off"} {
			withScreening(mode, func() {
				n, err := Assemble(p.copied())
				if err != nil {
					t.Fatal(err)
				}
				f, err := n.Freeze()
				if err != nil {
					t.Fatal(err)
				}
				for _, rows := range []int{1, 100} {
					x, codes := gauss(rng, rows, 48), new(Codes)
					encode := func() {
						if err := f.EncodeInto(codes, x); err != nil {
							t.Fatal(err)
						}
					}
					for range 20 {
						encode()
					}
					if got := testing.AllocsPerRun(20, encode); got != 0 {
						t.Errorf("%s, screening %s, %d rows: %v allocations a call", name, mode, rows, got)
					}
				}
			})
		}
	}
}
