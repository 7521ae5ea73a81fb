package screen

import "github.com/ksparse/ksparse/internal/kernel"

// MaxInputs is the most inputs that a layer may have to be screened at all.
const MaxInputs = kernel.ScreenInputs

// Worth reports whether Encode, where the Packed is up to date, is faster than the
// float64 path on this processor, for data that are not made to defeat the bound. The
// rule is from BenchmarkCrossing, on two cores with VNNI: below it the ratio is 0.8
// to 1.5, from it on nearly always above 1.5. Where the share k/latents is larger there
// are more candidates; where there are few latents the bookkeeping costs what the
// integer product saves.
func Worth(rows, inputs, latents, k int) bool {
	return kernel.FastScreen() && rows > 0 && k > 0 && k <= latents/16 &&
		inputs >= 16 && inputs <= kernel.ScreenInputs && latents >= 256
}

// WorthPacking is Worth where the weights must be packed first, for these rows only:
// packing costs what screening saves on about 50 rows.
func WorthPacking(rows, inputs, latents, k int) bool {
	return rows >= 128 && Worth(rows, inputs, latents, k)
}

// WorthAbove is Worth for EncodeAbove, where the given share of the latents is
// expected above the thresholds. Share 0 means that nobody knows: then the watcher
// stops screening if that is slower. The rule is from BenchmarkCrossingAbove: at a
// share of 1/32 the ratio is 1 to 3, at 1/16 often below 1, as the rows with the most
// candidates take the float64 path.
func WorthAbove(rows, inputs, latents int, share float64) bool {
	return share <= 1.0/32 && Worth(rows, inputs, latents, 1)
}

// WorthPackingAbove is WorthPacking for EncodeAbove.
func WorthPackingAbove(rows, inputs, latents int, share float64) bool {
	return rows >= 128 && WorthAbove(rows, inputs, latents, share)
}

// The integer product costs twice as much in int16 as in int8, and leaves fewer
// candidates: of 784 -> 1000, k = 25, on normal numbers 27 a row, not 64, in a training
// 42, not 97. So the fine grid is for few latents, where candidates cost more than the
// product. How many times as fast as in int8 a batch of 256 rows is, without and with
// the repacking of a training step (BenchmarkFine, normal numbers, two cores of a
// Zen 5; a cell may be off by 0.05):
//
//	inputs  latents     k = 16       k = 64
//	    64      256  1.03  1.02
//	    64     1024  0.96  0.96   1.07  1.08
//	   256      256  1.15  1.12
//	   256     1024  1.02  0.99   1.11  1.16
//	   256     2048  0.93  0.90   1.09  1.07
//	   784     1024  1.21  1.04   1.37  1.26
//	   784     2048  1.05  0.96   1.22  1.17
//	   784     4096  0.97  0.95   1.21  1.16
//	  2048     2048  1.07  1.01   2.29  2.06
//	  2048     4096  0.94  0.95   1.21  1.23
//
// A single row is bound by reading the copy, and takes up to 1.5 times as long.
const (
	fineLatents  = 2048
	finePerInput = 4 // latents at most for each input
)

// worthFine reports whether the fine grid is faster than int8.
func worthFine(latents, inputs int) bool {
	return latents <= fineLatents && latents <= finePerInput*inputs
}
