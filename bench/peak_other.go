//go:build !amd64

package main

// peaks returns nothing: there is no loop of vector multiply-adds here, and the table
// then has no share of the processor's peak.
func peaks() (f64, f32 peakLoop) { return peakLoop{}, peakLoop{} }
