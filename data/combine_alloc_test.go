//go:build !race

package data_test

import (
	"testing"

	"github.com/ksparse/ksparse/data"
)

// TestCombineMakesNoGarbage once the memory is there.
func TestCombineMakesNoGarbage(t *testing.T) {
	x := &writesSome{plain{Dense: numbered(0, 4000, 2)}} // a source that makes none itself
	rest, part, err := data.Split(must(data.Pair(x, x)), 0.3, 5)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float64, 4*200)
	if n := testing.AllocsPerRun(50, func() {
		if rest.ReadRows(dst, 500, 700) != nil || part.ReadRows(dst, 500, 700) != nil {
			t.Error("an error")
		}
	}); n >= 1 {
		t.Errorf("%v allocations for two reads", n)
	}
}
