//go:build !race

package ksparse

import (
	"math/rand/v2"
	"testing"
)

// TestConfigEncodesWithoutGarbage: no kind of model makes garbage when it encodes, with
// a normalisation before the first layer, a gate or thresholds, once its memory is warm.
func TestConfigEncodesWithoutGarbage(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for name, cfg := range configCases(rng, 48, 1024, 20, 8) {
		for _, mode := range []string{"on", "off"} {
			withScreening(mode, func() {
				n, err := New(cfg.copied())
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
