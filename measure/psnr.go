package measure

import "math"

// PSNR returns the peak signal-to-noise ratio in decibels,
// 20 log10(peak) - 10 log10(mse), for a mean squared error, as ksparse.MeanSquaredError
// gives it, of values that lie between 0 and peak. It is +Inf for an error of zero.
func PSNR(mse, peak float64) float64 { return 20*log10(peak) - 10*log10(mse) }

// log10 is math.Log10, which is wrong for numbers below 2^-1022 on some processors.
func log10(v float64) float64 {
	if v > 0 && v < 0x1p-1000 {
		return math.Log10(v*0x1p100) - 100*math.Log10(2)
	}
	return math.Log10(v)
}
