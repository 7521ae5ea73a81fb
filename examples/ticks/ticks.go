// Package ticks marks the logarithmic axes of the pictures that the programs draw.
package ticks

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// Log marks an axis with plot.LogScale: 1 to 9 times the powers of ten. It writes numbers at
// the powers, or at every second, third, ... where there are many. Where there are few it
// writes them at 2, 5 and 3 times the powers, too. (plot.LogTicks writes those at the powers
// alone: many an axis has one power or none.) An axis from a number to less than five times
// it is marked as plot.DefaultTicks marks one.
type Log struct{}

// Ticks implements plot.Ticker for an axis from lo to hi; lo is above 0.
func (Log) Ticks(lo, hi float64) []plot.Tick {
	decades := math.Log10(hi / lo)
	if decades < 0.7 {
		return plot.DefaultTicks{}.Ticks(lo, hi)
	}
	each := max(1, math.Ceil(decades/10)) // a number stands at each so many powers
	var all []plot.Tick
	for e := math.Floor(math.Log10(lo)); e <= math.Log10(hi); e++ {
		for digit := 1; digit <= 9; digit++ {
			t := plot.Tick{Value: float64(digit) * math.Pow(10, e)}
			if digit == 1 && math.Mod(e, each) == 0 || decades < 2.5 && (digit == 2 || digit == 5) || decades < 1.5 && digit == 3 {
				t.Label = strconv.FormatFloat(t.Value, 'g', 6, 64)
			}
			if lo <= t.Value && t.Value <= hi {
				all = append(all, t)
			}
		}
	}
	return all
}
