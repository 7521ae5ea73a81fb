package ticks

import (
	"strings"
	"testing"
)

// TestLog: the numbers that stand at an axis, for axes of all lengths, and where the marks are.
func TestLog(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		want   string
	}{
		{0.15, 1.1, "0.2 0.3 0.5 1"}, {0.015, 1.1, "0.02 0.05 0.1 0.2 0.5 1"}, {0.0015, 11, "0.01 0.1 1 10"},
		{1e-6, 1e3, "1e-06 1e-05 0.0001 0.001 0.01 0.1 1 10 100 1000"},
		{2e-10, 2e12, "1e-09 1e-06 0.001 1 1000 1e+06 1e+09 1e+12"},
	} {
		var texts []string
		for _, tick := range (Log{}).Ticks(c.lo, c.hi) {
			if tick.Value < c.lo || tick.Value > c.hi {
				t.Errorf("%v to %v: a mark at %v", c.lo, c.hi, tick.Value)
			}
			if tick.Label != "" {
				texts = append(texts, tick.Label)
			}
		}
		if got := strings.Join(texts, " "); got != c.want {
			t.Errorf("%v to %v: %s, want %s", c.lo, c.hi, got, c.want)
		}
	}
}

// TestLogShort: an axis of any length has two numbers or more, which stand on it.
func TestLogShort(t *testing.T) {
	for lo := 0.01; lo < 1; lo *= 1.07 {
		for _, times := range []float64{1.2, 1.5, 2, 3, 4.9, 5.1, 7, 9.9} {
			numbers := 0
			for _, tick := range (Log{}).Ticks(lo, times*lo) {
				if tick.Label != "" && lo <= tick.Value && tick.Value <= times*lo {
					numbers++
				}
			}
			if numbers < 2 {
				t.Errorf("%v to %v has %d numbers", lo, times*lo, numbers)
			}
		}
	}
}
