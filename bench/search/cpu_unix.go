//go:build unix

package main

import "golang.org/x/sys/unix"

// cpuSeconds returns how much CPU time the process has taken.
func cpuSeconds() float64 {
	var use unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &use); err != nil {
		panic(err)
	}
	seconds := func(t unix.Timeval) float64 { return float64(t.Nano()) / 1e9 }
	return seconds(use.Utime) + seconds(use.Stime)
}
