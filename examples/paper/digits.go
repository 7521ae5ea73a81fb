package main

import (
	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse/examples/mnistdata"
)

// data is MNIST as the experiment uses it.
type data struct {
	all             mnistdata.Set // the training digits
	fit, validation mnistdata.Set // five sixths of them, and the rest
	test            mnistdata.Set
}

func split(train, test mnistdata.Set) data {
	n := len(train.Labels)
	fit := train.Head(n * 5 / 6)
	return data{
		all: train,
		fit: fit,
		validation: mnistdata.Set{
			Images: train.Images.Slice(len(fit.Labels), n, 0, mnistdata.Pixels).(*mat.Dense),
			Labels: train.Labels[len(fit.Labels):],
		},
		test: test,
	}
}
