package measure_test

import (
	"math"
	"testing"

	"github.com/ksparse/ksparse/measure"
)

// TestPSNR has values by hand; squares of the peak may overflow.
func TestPSNR(t *testing.T) {
	for _, c := range []struct{ mse, peak, want float64 }{
		{65.025, 255, 30}, {0.01, 1, 20}, {1e-6, 1e200, 4060}, {1e-300, 1e-200, -1000}, {0x1p-1073, 0x1p-500, 10 * math.Log10(0x1p73)}, {1e-310, 1, 3100},
	} {
		if got := measure.PSNR(c.mse, c.peak); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("PSNR(%v, %v) is %v, want %v", c.mse, c.peak, got, c.want)
		}
	}
	if got := measure.PSNR(0, 1); !math.IsInf(got, 1) {
		t.Errorf("PSNR without error is %v, want +Inf", got)
	}
}
