package kernel

import (
	"fmt"
	"os"
)

// path is one set of kernels. Every path gives the same bits; they differ in
// speed only.
type path struct {
	name      string
	available bool

	dot            func(x, y []float64) float64
	dotRows        func(dst, x, w []float64, ldw int, idx []int32)
	rowSquares     func(dst, x []float64, cols int)
	addRows        func(dst, alpha, w []float64, ldw int, idx []int32)
	addRowsBatch   func(dst []float64, ldd, cols int, offsets []int, alpha, w []float64, ldw int, idx []int32)
	addRowsBatch32 func(dst []float64, ldd, cols int, offsets []int, alpha []float64, w []float32, ldw int, idx []int32)
	mulT           func(dst []float64, ldd int, a []float64, lda, m int, b []float64, ldb, n, k int)
	mulAdd         func(dst []float64, ldd, m, n, k int, a []float64, ai, ap int, b []float64, ldb int)
	above          func(hits []int32, z []float64, t float64) int
	kthLargest     func(v []float64, k int) float64

	mulT32   func(dst []float32, ldd int, a []float32, lda, m int, b []float32, ldb, n, k int)
	mulAdd32 func(dst []float32, ldd, m, n, k int, a []float32, ai, ap int, b []float32, ldb int)

	elementwise
	stripping
	screening
}

// generic is the plain Go path: the definition, and the fallback everywhere.
var generic = path{
	name:           "go",
	available:      true,
	dot:            dotGeneric,
	dotRows:        dotRowsGeneric,
	rowSquares:     rowSquaresGeneric,
	addRows:        addRowsGeneric,
	addRowsBatch:   addRowsBatchGeneric,
	addRowsBatch32: addRowsBatch32Generic,
	mulT:           mulTGeneric,
	mulAdd:         mulAddGeneric,
	above:          aboveGeneric,
	kthLargest:     kthLargestGeneric,
	mulT32:         mulT32Generic,
	mulAdd32:       mulAdd32Generic,

	elementwise: elementwiseGeneric,
	stripping:   strippingGeneric,
	screening:   screeningGeneric,
}

// paths lists every path that this build knows, fastest first, plain Go last.
var paths = append(archPaths(), generic)

// active is the path in use. It is chosen once, at start.
var active = choose(os.Getenv("KSPARSE_KERNELS"))

// choose returns the first available path, or the one that is asked for by
// name. Asking for a path that is not there is a mistake in a test set-up, and
// quietly testing another one would hide it, so it panics.
func choose(name string) path {
	for _, p := range paths {
		if p.available && (name == "" || name == p.name) {
			return p
		}
	}
	panic(fmt.Sprintf("ksparse: KSPARSE_KERNELS=%q is not available on this processor", name))
}

// Active names the path in use.
func Active() string { return active.name }

// Available names the paths that this processor can run, fastest first.
func Available() []string {
	var names []string
	for _, p := range paths {
		if p.available {
			names = append(names, p.name)
		}
	}
	return names
}

// Use switches to a path by name and returns a function that switches back. It
// is for tests and benchmarks: nothing may be computing meanwhile.
func Use(name string) (restore func()) {
	old := active
	active = choose(name)
	return func() { active = old }
}
