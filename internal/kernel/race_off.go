//go:build !race

package kernel

// Without the race detector nothing is reported.

const raceEnabled = false

func raceRead[T any](s []T, rows, ld, cols int)          {}
func raceWrite[T any](s []T, rows, ld, cols int)         {}
func raceReadAll[T any](slices ...[]T)                   {}
func raceWriteAll[T any](slices ...[]T)                  {}
func raceStrided[T any](s []T, rows, si, cols, sp int)   {}
func raceGather[T any](s []T, ld, cols int, idx []int32) {}
