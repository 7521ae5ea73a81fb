package main

// peakLoop is a loop of multiply-adds: turns runs n of its turns.
type peakLoop struct {
	operations int // of each turn
	turns      func(n int)
}
