package ksparse
import "gonum.org/v1/gonum/mat"
func MeanRow(x mat.Matrix) (*mat.VecDense, error) { return nil, nil }
func GeometricMedian(x mat.Matrix) (*mat.VecDense, error) { return nil, nil }
