package ksparse
type section struct { name string; floats []float64; counts []int64 }
