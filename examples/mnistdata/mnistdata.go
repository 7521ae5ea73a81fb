// Package mnistdata holds the MNIST database of handwritten digits, 60,000 to
// train on and 10,000 to test with, inside the program, so that the examples
// run without a download. README.md says where the files come from and under
// which licence they stand.
package mnistdata

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"

	"gonum.org/v1/gonum/mat"
)

// Side is the height and width of an image in pixels, Pixels their product.
const (
	Side   = 28
	Pixels = Side * Side
)

var (
	//go:embed train-images-idx3-ubyte.gz
	trainImages []byte
	//go:embed train-labels-idx1-ubyte.gz
	trainLabels []byte
	//go:embed t10k-images-idx3-ubyte.gz
	testImages []byte
	//go:embed t10k-labels-idx1-ubyte.gz
	testLabels []byte
)

// Set is a set of labelled digits.
type Set struct {
	Images *mat.Dense // one image a row, line by line from the top; 0 is paper, 1 is ink
	Labels []int      // Labels[i], 0 to 9, is the digit in row i
}

// Train returns the 60,000 training digits. Each call reads them again (into some
// 360 MiB of memory), so the caller may change them.
func Train() (Set, error) { return load(trainImages, trainLabels) }

// Test returns the 10,000 test digits.
func Test() (Set, error) { return load(testImages, testLabels) }

// load reads a set from two compressed files.
func load(images, labels []byte) (Set, error) {
	zi, err := gzip.NewReader(bytes.NewReader(images))
	if err != nil {
		return Set{}, fmt.Errorf("mnistdata: images: %w", err)
	}
	zl, err := gzip.NewReader(bytes.NewReader(labels))
	if err != nil {
		return Set{}, fmt.Errorf("mnistdata: labels: %w", err)
	}
	var s Set
	if s.Images, err = ReadImages(zi); err != nil {
		return Set{}, err
	}
	if s.Labels, err = ReadLabels(zl); err != nil {
		return Set{}, err
	}
	if n := s.Images.RawMatrix().Rows; n != len(s.Labels) {
		return Set{}, fmt.Errorf("mnistdata: %d images with %d labels", n, len(s.Labels))
	}
	return s, nil
}

// Head returns the first n digits of s, or s itself where it has at most n digits. The
// two share memory.
func (s Set) Head(n int) Set {
	if n >= len(s.Labels) {
		return s
	}
	_, cols := s.Images.Dims()
	return Set{
		Images: s.Images.Slice(0, n, 0, cols).(*mat.Dense),
		Labels: s.Labels[:n],
	}
}

// OneHot returns the labels as rows of ten numbers: 1 in the column of the
// digit, 0 elsewhere. It is the target of a classifier.
func (s Set) OneHot() *mat.Dense {
	y := mat.NewDense(len(s.Labels), 10, nil)
	for i, digit := range s.Labels {
		y.Set(i, digit, 1)
	}
	return y
}
