package main

import "golang.org/x/sys/cpu"

func peak512(n int, x float64)
func peak512x32(n int, x float32)
func peak256(n int, x float64)
func peak256x32(n int, x float32)

// peaks returns loops of multiply-adds on the widest registers of the processor.
func peaks() (f64, f32 peakLoop) {
	switch x := cpu.X86; {
	case x.HasAVX512F:
		return peakLoop{2 * 16 * 8, call512}, peakLoop{2 * 16 * 16, call512x32}
	case x.HasAVX2 && x.HasFMA:
		return peakLoop{2 * 12 * 4, call256}, peakLoop{2 * 12 * 8, call256x32}
	}
	return peakLoop{}, peakLoop{}
}

// Assembly cannot be interrupted, so each call is short. It is made by a function in
// Go, which the garbage collector can stop.

//go:noinline
func call512(n int) { peak512(n, 0.5) }

//go:noinline
func call512x32(n int) { peak512x32(n, 0.5) }

//go:noinline
func call256(n int) { peak256(n, 0.5) }

//go:noinline
func call256x32(n int) { peak256x32(n, 0.5) }
