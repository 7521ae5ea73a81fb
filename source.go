package ksparse

// Source is a matrix of samples that need not fit in memory: rows are read by
// index range. Training and Evaluate read from one goroutine at a time.
type Source interface {
	// Dims returns the number of rows (samples) and columns.
	Dims() (rows, cols int)
	// ReadRows writes the rows lo to hi to dst, one after the other; dst has
	// (hi-lo)·cols numbers.
	ReadRows(dst []float64, lo, hi int) error
}
