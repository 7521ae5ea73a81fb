//go:build race

package kernel

import (
	"runtime"
	"unsafe"
)

const raceEnabled = true

// markRead and markWritten tell the race detector what a kernel touches: it does
// not see the loads and stores of assembly.
func markRead(slices ...[]float64) {
	for _, x := range slices {
		if len(x) > 0 {
			runtime.RaceReadRange(unsafe.Pointer(&x[0]), 8*len(x))
		}
	}
}

func markWritten(slices ...[]float64) {
	for _, x := range slices {
		if len(x) > 0 {
			runtime.RaceWriteRange(unsafe.Pointer(&x[0]), 8*len(x))
		}
	}
}
