//go:build !race

package kernel

// Without the race detector there is nobody to tell.

const raceEnabled = false

func raceRead[T any](s []T, rows, ld, cols int)          {}
func raceWrite[T any](s []T, rows, ld, cols int)         {}
func raceStrided[T any](s []T, rows, si, cols, sp int)   {}
func raceGather[T any](s []T, ld, cols int, idx []int32) {}

func markRead(...[]float64)    {}
func markWritten(...[]float64) {}
