package main

import (
	"context"
	"errors"
	"math"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/measure"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// ours trains as a user does who sets nothing but sizes and a budget. (A rate, a selection
// and a seed are set where a flag asks for them.) With curve it evaluates on the way too.
func ours(ctx context.Context, d *dataset, s settings, curve bool) (outcome, error) {
	o := outcome{name: "ours", recovery: math.NaN()}
	var c clock
	c.start()
	cfg := ksparse.Config{Inputs: s.inputs, Latents: s.latents, K: s.k, Seed: s.seed}
	if s.batchTopK {
		cfg.Selection = ksparse.SelectBatchTopK
	}
	net, err := ksparse.New(cfg)
	if err != nil {
		return o, err
	}
	points := map[int]bool{}
	_, err = net.Train(ctx, d.train, d.train, ksparse.TrainConfig{
		Steps: s.steps, Epochs: s.epochs, BatchSize: s.batch, LearningRate: s.rate, Seed: s.seed,
		Callback: func(p train.Progress) error {
			o.rate = max(o.rate, p.LearningRate)
			if p.Step == 1 && curve {
				for _, step := range evaluations(p.Steps) {
					points[step] = true
				}
				delete(points, p.Steps) // when training has ended
			}
			if !points[p.Step] {
				return nil
			}
			seconds := c.stop()
			f, err := fvuOf(net, d)
			if noNumbers(err) {
				f, err = math.NaN(), nil
			}
			o.curve = append(o.curve, point{p.Step, seconds, f})
			c.start()
			return err
		},
	})
	seconds := c.stop()
	f := math.NaN()
	if err == nil {
		f, err = fvuOf(net, d)
	}
	if noNumbers(err) { // the others go on
		o.failed, o.curve, o.dead = err.Error(), nil, math.NaN()
		return o, nil
	}
	if err != nil {
		return o, err
	}
	o.curve = append(o.curve, point{seconds: seconds, fvu: f})
	if o.dead, o.l0, err = activity(net, d, s.latents); err != nil {
		return o, err
	}
	if d.truth != nil {
		layers := net.Layers()
		o.recovery, err = measure.MeanMaxCosine(d.truth, layers[len(layers)-1].Weights())
	}
	return o, err
}

// noNumbers reports whether an error says that the weights became too large.
func noNumbers(err error) bool {
	return errors.Is(err, ksparse.ErrDiverged) || errors.Is(err, ksparse.ErrNotFinite)
}

// fvuOf returns the FVU of the network on the rows that were held out.
func fvuOf(net *ksparse.Network, d *dataset) (float64, error) {
	predicted, err := net.Predict(d.held)
	if err != nil {
		return 0, err
	}
	predicted.Sub(predicted, d.held)
	norm := mat.Norm(predicted, 2)
	return norm * norm / squares(d.held, d.mean), nil
}

// activity returns the share of latents that are zero on every training row, and the mean
// number of latents that are not zero on a row that was held out.
func activity(net *ksparse.Network, d *dataset, latents int) (dead, l0 float64, err error) {
	fired := make([]bool, latents)
	if _, err = active(net, d.train, fired); err != nil {
		return 0, 0, err
	}
	for _, f := range fired {
		if !f {
			dead++
		}
	}
	n, err := active(net, d.held, make([]bool, latents))
	rows, _ := d.held.Dims()
	return dead / float64(latents), float64(n) / float64(rows), err
}

// active returns how many entries of the codes of x are not zero, and marks their latents.
func active(net *ksparse.Network, x *mat.Dense, fired []bool) (n int, err error) {
	const most = 8192
	rows, cols := x.Dims()
	codes := new(ksparse.Codes)
	for lo := 0; lo < rows; lo += most {
		part := x.Slice(lo, min(lo+most, rows), 0, cols)
		if err := net.EncodeInto(codes, part); err != nil {
			return 0, err
		}
		count, _ := codes.Dims()
		for i := range count {
			latents, values := codes.Row(i)
			for e, v := range values {
				if v != 0 {
					fired[latents[e]] = true
					n++
				}
			}
		}
	}
	return n, nil
}
