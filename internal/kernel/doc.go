// Package kernel holds the arithmetic that every layer is built from: products
// of row-major float64 matrices, the gather forms that a sparse code needs, the
// choice of the k largest of a row, activations, optimizers' steps, and the integer
// products of the certified screen.
//
// # One order for every sum
//
// A result must not depend on the batch that a row came in, on the number of
// cores or on the processor. So each kind of sum has one order, defined here
// and nowhere else, and every path (plain Go, AVX2, AVX2 with AVX-VNNI, AVX-512) gives its
// bits.
//
//   - Dot order, for sums along two contiguous rows (pre-activations of a sparse
//     layer, deltas of a linear layer's inputs): eight lanes, lane l
//     is the chain of fused multiply-adds over p = l, l+8, l+16, ... from +0;
//     the last group of eight is filled up with zeros. Then the tree
//     ((l0+l4)+(l2+l6)) + ((l1+l5)+(l3+l7)).
//   - Chain order, for sums of scaled rows (a decoder's output, weight
//     gradients): each element is one chain of fused multiply-adds in ascending
//     order of the summed index, starting from the value in dst. Leaving out a
//     term whose factor is zero changes nothing but the sign of a zero, which is
//     why the sparse and the dense form agree.
//   - Extent, for squares beside a maximum: 32 lanes. x[p] goes to lane p%32, or to
//     lane p%8 where fewer than 32 elements are left. Lanes 16 apart are added, then
//     those 8 apart, then the tree above.
//   - Quantise and Quantise16, for sums beside integers: 16 lanes. x[p] goes to lane
//     p%16, or to lane 8 + p%8 among the last len(x)%8 elements. Lanes 8 apart are
//     added, then the tree above.
//
// float32 products have the same orders with sixteen lanes, l = p mod 16, added
// by halves: lanes i and i+8, then i+4, i+2, i+1. (Eight lanes by halves is the
// tree above.)
//
// Dot order and chain order multiply and add with one rounding (math.FMA), so no
// compiler can change them. The functions here run on the calling goroutine; the
// caller splits the work by rows of the result, never inside a sum.
//
// Callers check shapes. A row stride (ld...) is at least the row's length, and
// operands do not overlap unless a function allows it.
//
// # Where things are
//
// The exported functions are in kernel.go (products, gathers and searches), vector.go
// (element by element), optimize.go, strip.go, screen.go, bytes.go, take.go, exp.go and widen.go. They report to the
// race detector (race_on.go) and call the path in use (active.go). path.go lists the
// kernels that a path has. The files *_generic.go, generic.go and generic32.go have those in
// plain Go, which define the others. generic_product.go and generic_rows.go have faster
// ones of the path "go", which path_generic.go puts together. fma.go is for processors that
// have no fused multiply-add. operands.go, screen_layout.go and screen_grid.go describe what
// kernels read and write. Integers of the screen differ by path (screen_grid.go), and so do its
// bounds, but no answer does.
//
// On amd64, path_amd64.go puts the other paths together. matrix_amd64.go has what an
// instruction set offers, product_amd64.go cuts products into tiles, with what was
// tried and lost, pack.go packs for them, gather_amd64.go adds gathered rows, with
// the rule for the order in which they are read, dot_amd64.go multiplies single rows,
// search.go searches one, screen_amd64.go and screen_dot_amd64.go are the screen by
// AVX2, AVX-VNNI and AVX-512, strip_amd64.go, vector_amd64.go, widen_amd64.go, bytes_amd64.go and take_amd64.go serve the
// files of those names.
//
// On arm64, files of the same names do the same for NEON, with the same bits: four
// registers of two lanes are the eight lanes of a sum, and path_arm64.go has three paths, which differ in how they
// multiply int8. features*_arm64.go find out what the processor has.
//
// The assembly, *_avx*.s and *_neon*.s, and its stubs come from _gen: go generate writes
// them, and _gen/check.sh fails where they differ. Each stub's comment is the loop that it replaces.
package kernel

//go:generate go -C _gen run ./matrix ..
//go:generate go -C _gen run ./screen ..
//go:generate go -C _gen run ./widen ..
//go:generate go -C _gen run ./search ..
//go:generate go -C _gen run ./arm64 ..
//go:generate go -C _gen/vector run . -isa avx512 -pkg kernel -out ../../vector_avx512_amd64.s -stubs ../../vector_avx512_amd64.go
//go:generate go -C _gen/vector run . -isa avx2 -pkg kernel -out ../../vector_avx2_amd64.s -stubs ../../vector_avx2_amd64.go
