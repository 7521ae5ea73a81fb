//go:build !race

package ksparse

import (
	"math/rand/v2"
	"testing"
)

// TestEncodeIntoMakesNoGarbage: an encoder on warm buffers allocates nothing, for
// one row and for a batch.
func TestEncodeIntoMakesNoGarbage(t *testing.T) {
	net, err := New(Config{Inputs: 96, Latents: 1024, K: 16, Activation: ReLU})
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"on", "off"} {
		withScreening(mode, func() {
			e, err := net.Freeze()
			if err != nil {
				t.Fatal(err)
			}
			for _, rows := range []int{1, 100} {
				x, codes := gauss(rand.New(rand.NewPCG(1, 2)), rows, 96), new(Codes)
				got := testing.AllocsPerRun(20, func() {
					if err := e.EncodeInto(codes, x); err != nil {
						t.Fatal(err)
					}
				})
				if got != 0 {
					t.Errorf("screening %s, %d rows: %v allocations a call", mode, rows, got)
				}
			}
		})
	}
}
