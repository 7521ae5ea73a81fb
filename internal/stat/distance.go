package stat

import (
	"sync"

	"github.com/ksparse/ksparse/internal/kernel"
)

// SquaredDistance returns |a-b|², and sets difference to a-b where it is not nil. The
// kernel sums the squares of distanceBlock numbers at a time, and those sums are added
// in order.
func SquaredDistance(difference, a, b []float64) float64 {
	var buffer *[distanceBlock]float64
	if difference == nil {
		buffer = distancePool.Get().(*[distanceBlock]float64)
		defer distancePool.Put(buffer)
	}
	sum := 0.0
	for lo := 0; lo < len(a); lo += distanceBlock {
		hi := min(lo+distanceBlock, len(a))
		var d []float64
		if difference != nil {
			d = difference[lo:hi]
		} else {
			d = buffer[:hi-lo]
		}
		kernel.Subtract(d, a[lo:hi], b[lo:hi])
		sum += kernel.Dot(d, d)
	}
	return sum
}

const distanceBlock = 256

// distancePool keeps memory for the differences of SquaredDistance. On the stack they
// cannot be, because the kernel makes them escape.
var distancePool = sync.Pool{New: func() any { return new([distanceBlock]float64) }}
