// Package probe fits linear probes: which class does a row belong to, as far as a linear function of its
// numbers can tell? Rows are codes, or anything else.
//
//	codes, err := net.Encode(images)
//	model, err := probe.Fit(ctx, codes, labels, probe.Options{})
//	classes, err := model.Predict(testCodes)
//
// A probe is a logistic regression, two classes or more, with a penalty on the squares of the weights. Its
// objective is convex, and Fit goes on until the gradient is as good as zero: what it returns is the minimum,
// and says nothing of how it was found. It is the minimum that scikit-learn's LogisticRegression has with
// C = 1/L2, so that results can be compared. A network of one linear layer, which Train trains for some
// epochs, comes near it.
//
// The same rows, labels and options give the same bits, on every processor and for every GOMAXPROCS, dense or
// as codes. Errors wrap the Err variables of package ksparse, or those of this package.
package probe
