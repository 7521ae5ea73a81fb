package main

import (
	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse/examples/mnistdata"
)

// sets is MNIST as the experiment uses it.
type sets struct {
	all             mnistdata.Set // the training digits
	fit, validation mnistdata.Set // five sixths of them, and the rest
	test            mnistdata.Set
}

// split holds out the last sixth of the training digits for validation.
func split(training, test mnistdata.Set) sets {
	n := len(training.Labels)
	fit := training.Head(n * 5 / 6)
	return sets{
		all: training,
		fit: fit,
		validation: mnistdata.Set{
			Images: training.Images.Slice(len(fit.Labels), n, 0, mnistdata.Pixels).(*mat.Dense),
			Labels: training.Labels[len(fit.Labels):],
		},
		test: test,
	}
}
