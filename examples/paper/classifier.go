package main

import (
	"context"
	"fmt"
	"io"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/examples/mnistdata"
	"github.com/ksparse/ksparse/train"
)

// result says how a classifier was trained and how often it is wrong.
type result struct {
	alpha, l2        float64
	dead             int     // latents that are active on no training digit
	validation, test float64 // error rates on those digits
}

// classify finds the α and the penalty that give a logistic regression on the codes the
// lowest error rate on the validation digits. With these it trains a logistic regression
// on all training digits, and tests that.
func classify(ctx context.Context, w io.Writer, net *ksparse.Network, d sets, k int, seed uint64) (result, error) {
	best := result{validation: math.Inf(1)}
	for _, alpha := range []float64{1, 2, 3, 4} {
		fit, err := encode(net, d.fit, k, alpha)
		if err != nil {
			return result{}, err
		}
		validation, err := encode(net, d.validation, k, alpha)
		if err != nil {
			return result{}, err
		}
		for _, l2 := range []float64{1e-5, 3e-5, 1e-4} {
			r := result{alpha: alpha, l2: l2}
			softmax, err := regress(ctx, fit, d.fit.OneHot(), l2, seed)
			if err != nil {
				return result{}, err
			}
			if r.validation, err = errorRate(softmax, validation, d.validation); err != nil {
				return result{}, err
			}
			fmt.Fprintf(w, "k = %d  α = %.1f  L2 = %.0e  validation error %.2f %%\n", k, alpha, l2, 100*r.validation)
			if r.validation < best.validation {
				best = r
			}
		}
	}
	all, err := encode(net, d.all, k, best.alpha)
	if err != nil {
		return result{}, err
	}
	for _, f := range all.Frequency() {
		if f == 0 {
			best.dead++
		}
	}
	softmax, err := regress(ctx, all, d.all.OneHot(), best.l2, seed)
	if err != nil {
		return result{}, err
	}
	test, err := encode(net, d.test, k, best.alpha)
	if err != nil {
		return result{}, err
	}
	best.test, err = errorRate(softmax, test, d.test)
	return best, err
}

// encode returns the codes of the digits, with the α·k largest latents of each.
func encode(net *ksparse.Network, s mnistdata.Set, k int, alpha float64) (*ksparse.Codes, error) {
	if err := net.Layers()[0].(*ksparse.SparseLayer).SetK(int(math.Round(alpha * float64(k)))); err != nil {
		return nil, err
	}
	return net.Encode(s.Images)
}

// regress trains a logistic regression: one linear layer, from weights of zero.
func regress(ctx context.Context, x, y mat.Matrix, l2 float64, seed uint64) (*ksparse.Network, error) {
	net, err := ksparse.NewNetwork(ksparse.NewLinearLayer("softmax", latents, 10, ksparse.Identity))
	if err != nil {
		return nil, err
	}
	net.Layers()[0].Weights().Zero()
	_, err = net.Train(ctx, x, y, ksparse.TrainConfig{
		Epochs: 20, BatchSize: 500,
		Loss:         ksparse.SoftmaxCrossEntropy,
		LearningRate: 0.02,
		Schedule:     train.CosineDecay{},
		L2:           l2,
		Seed:         seed,
	})
	return net, err
}

// errorRate returns the share of the digits whose largest logit is that of another digit.
func errorRate(net *ksparse.Network, x mat.Matrix, s mnistdata.Set) (float64, error) {
	logits, err := net.Predict(x)
	if err != nil {
		return 0, err
	}
	accuracy, err := ksparse.Accuracy(logits, s.OneHot())
	return 1 - accuracy, err
}
