package measure

import "math"

// PSNR returns the peak signal-to-noise ratio in decibels,
// 20 log10(peak) - 10 log10(mse), for a mean squared error, as ksparse.MeanSquaredError
// gives it, of values that lie between 0 and peak. It is +Inf for an error of zero.
func PSNR(mse, peak float64) float64 {
	return 20*math.Log10(peak) - 10*math.Log10(mse)
}
