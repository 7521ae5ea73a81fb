//go:build !race

package train_test

import (
	"testing"

	"github.com/ksparse/ksparse/train"
)

// TestMoveOfMakesNoGarbage: a step allocates nothing, with a copy of the parameters or
// without.
func TestMoveOfMakesNoGarbage(t *testing.T) {
	for _, o := range []train.Optimizer{train.Adam{}, train.AdamW{}, train.SGD{Momentum: 0.9}, train.RMSProp{}, train.AdaGrad{}, &train.Adam{}} {
		move, w, g, state := train.MoveOf(o), start(500), start(500), zeroState(o, 500)
		step := 0
		got := testing.AllocsPerRun(100, func() {
			step++
			move(w, g, state, 1e-3, step)
		})
		if got != 0 {
			t.Errorf("%T: %v allocations a step", o, got)
		}
	}
}
