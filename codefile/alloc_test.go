//go:build !race

package codefile

import (
	"testing"

	"github.com/ksparse/ksparse"
)

// TestReadMakesNoGarbage: of a .ksc file, in ranges and row by row.
func TestReadMakesNoGarbage(t *testing.T) {
	small(t, 100, 1<<21)
	for _, k := range []int{0, 8} {
		codes := someCodes(t, 1, 1000, 3000, k, 100)
		for _, p := range []Precision{Float64, Float32, Float16} {
			f := opened(t, written(t, "a.ksc", codes, Options{Values: p}))
			var got ksparse.Codes
			latents, values := make([]int32, 0, 100), make([]float64, 0, 100)
			row := 0
			read := func() {
				must(t, f.ReadCodes(&got, 30, 950))
				for range 10 {
					var err error
					latents, values, err = f.ReadRow(latents[:0], values[:0], row)
					must(t, err)
					row = (row + 77) % 1000
				}
			}
			for range 100 {
				read() // checksums are compared the first time
			}
			if n := testing.AllocsPerRun(50, read); n >= 1 {
				t.Errorf("%d entries a row, %s: %v allocations", k, p, n)
			}
		}
	}
}
