//go:build !race

package kernel

const raceEnabled = false

func markRead(...[]float64)    {}
func markWritten(...[]float64) {}
