//go:build !unix

package main

import "time"

// began is when the process did.
var began = time.Now()

// cpuSeconds returns the time that has passed: how much of it was CPU time is not known here.
func cpuSeconds() float64 { return time.Since(began).Seconds() }
