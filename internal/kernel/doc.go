// Package kernel holds the arithmetic that every layer is built from: products
// of row-major float64 matrices, the gather forms that a sparse code needs, and
// the choice of the k largest of a row.
//
// # One order for every sum
//
// A result must not depend on the batch that a row came in, on the number of
// cores or on the processor. So each kind of sum has one order, defined here
// and nowhere else, and every path (plain Go, AVX2, AVX-512) gives its bits.
//
//   - Dot order, for sums along two contiguous rows (pre-activations of a sparse
//     layer, deltas that pass back through a linear layer): eight lanes, lane l
//     is the chain of fused multiply-adds over p = l, l+8, l+16, ... from +0;
//     the last group is filled up with zeros. Then the tree
//     ((l0+l4)+(l2+l6)) + ((l1+l5)+(l3+l7)).
//   - Chain order, for sums of scaled rows (a decoder's output, weight
//     gradients): each element is one chain of fused multiply-adds in ascending
//     order of the summed index, starting from what dst holds. Leaving out a
//     term whose factor is zero changes nothing but the sign of a zero, which is
//     why the sparse and the dense form agree.
//
// float32 products keep the same contract with sixteen lanes, l = p mod 16, added
// by halves: lanes i and i+8, then i+4, i+2, i+1. (Eight lanes by halves is the
// tree above.)
//
// Both multiply and add with one rounding (math.FMA), so no compiler can change
// them. The functions here run on the calling goroutine; whoever calls splits
// the work by rows of the result, never inside a sum.
//
// Callers check shapes. A row stride (ld...) is at least the row's length and
// operands do not overlap unless a function says so.
//
// # Where things are
//
// kernel.go holds the functions, generic.go and generic32.go the plain loops that
// define them, path.go the table of paths. On amd64, matrix_amd64.go says what an
// instruction set offers, product_amd64.go cuts products into tiles, with what
// was tried and lost, batch_amd64.go adds gathered rows, with the rule for how they
// are walked, and rows_amd64.go serves the other gather forms and what looks
// through one row. The generated matrix_<set>_<type>_amd64 files come from
// _gen/matrix (cd _gen && go run ./matrix .. writes them, check.sh compares); each
// stub's comment is the loop that it replaces.
//
// strip.go goes from codes through a decoder to the loss and back, a strip of columns
// at a time: strip_generic.go and strip_amd64.go.
//
// screen.go has the kernels of the certified screen and their contract,
// screen_generic.go the loops that define them and screen_amd64.go the Go side of
// screen_avx512_amd64, which comes from _gen/screen.
package kernel
