//go:build !race

package kernel

// raceEnabled shortens sweeps that the race detector makes slow.
const raceEnabled = false
