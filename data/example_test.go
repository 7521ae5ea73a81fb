package data_test

import (
	"fmt"
	"log"

	"github.com/ksparse/ksparse/data"
	"gonum.org/v1/gonum/mat"
)

func ExampleFromFloat32() {
	src, err := data.FromFloat32([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	if err != nil {
		log.Fatal(err)
	}
	rows, cols := src.Dims()
	last := make([]float64, cols)
	if err := src.ReadRows(last, rows-1, rows); err != nil {
		log.Fatal(err)
	}
	fmt.Println(rows, "x", cols, "and the last row is", last)
	// Output: 3 x 2 and the last row is [5 6]
}

func ExampleGeometricMedian() {
	x := mat.NewDense(5, 1, []float64{1, 2, 3, 4, 1000})
	mean, err := data.MeanRow(x)
	if err != nil {
		log.Fatal(err)
	}
	median, err := data.GeometricMedian(x)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("mean", mean.AtVec(0), "median", median.AtVec(0))
	// Output: mean 202 median 3
}

func ExampleHoldOut() {
	src, err := data.FromFloat32([]float32{0, 1, 2, 3, 4, 5, 6}, 7, 1)
	if err != nil {
		log.Fatal(err)
	}
	rest, held, err := data.HoldOut(src, 3)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range []data.Source{rest, held} {
		rows, _ := s.Dims()
		numbers := make([]float64, rows)
		if err := s.ReadRows(numbers, 0, rows); err != nil {
			log.Fatal(err)
		}
		fmt.Println(numbers)
	}
	// Output:
	// [0 1 3 4 6]
	// [2 5]
}

func ExamplePair() {
	inputs, err := data.FromFloat32([]float32{1, 2, 3, 4}, 2, 2)
	if err != nil {
		log.Fatal(err)
	}
	targets, err := data.FromFloat32([]float32{10, 20}, 2, 1)
	if err != nil {
		log.Fatal(err)
	}
	pairs, err := data.Pair(inputs, targets)
	if err != nil {
		log.Fatal(err)
	}
	row := make([]float64, 3)
	if err := pairs.ReadRows(row, 1, 2); err != nil {
		log.Fatal(err)
	}
	n := pairs.(data.Paired).Inputs()
	fmt.Println("inputs", row[:n], "targets", row[n:])
	// Output: inputs [3 4] targets [20]
}
