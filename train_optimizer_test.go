package ksparse_test

import (
	"context"
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// watchOptimizer checks what Train promises to Update. It adds the step's number
// to the parameters and writes it to its state.
type watchOptimizer struct {
	t      *testing.T
	slots  int
	counts [4]atomic.Int64 // how many parameters were updated in step 1, 2, ...
}

func (o *watchOptimizer) Validate() error      { return nil }
func (o *watchOptimizer) DefaultRate() float64 { return 0.125 }
func (o *watchOptimizer) Slots() int           { return o.slots }

func (o *watchOptimizer) Update(w, g []float64, state [][]float64, rate float64, step int) {
	if len(g) != len(w) || len(state) != o.slots || rate != 0.125 || step < 1 || step > len(o.counts) {
		o.t.Errorf("Update with %d parameters, %d gradients, %d slots, rate %v, step %d", len(w), len(g), len(state), rate, step)
		return
	}
	o.counts[step-1].Add(int64(len(w)))
	for i, s := range state {
		if len(s) != len(w) {
			o.t.Errorf("slot %d is of length %d, the parameters of %d", i, len(s), len(w))
			return
		}
		for j := range s {
			// 0 before the first step, then what the step before left.
			if want := float64((step - 1) * (i + 1)); s[j] != want {
				o.t.Errorf("step %d: slot %d holds %v, want %v", step, i, s[j], want)
				return
			}
			s[j] = float64(step * (i + 1))
		}
	}
	for j := range w {
		w[j] += float64(step)
	}
}

// TestOptimizerOfYourOwn: in each step Update sees every parameter once, with
// state that starts at zero and stays with its parameter, and the default rate.
func TestOptimizerOfYourOwn(t *testing.T) {
	for _, slots := range []int{0, 1, 3} {
		net, err := ksparse.NewNetwork(
			ksparse.NewSparseLayer("a", 70, 50, 5, ksparse.ReLU), // more than one piece of parameters
			ksparse.NewSparseLayer("b", 50, 30, 3, ksparse.Tanh),
			ksparse.NewLinearLayer("c", 30, 70, ksparse.Identity))
		if err != nil {
			t.Fatal(err)
		}
		var total int64
		for _, l := range net.Layers() {
			total += int64((l.In() + 1) * l.Out())
			l.Weights().Zero()
		}
		x := mat.NewDense(6, 70, nil)
		o := &watchOptimizer{t: t, slots: slots}
		if _, err := net.Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 2, BatchSize: 3, Optimizer: o}); err != nil {
			t.Fatal(err)
		}
		for i := range o.counts {
			if got := o.counts[i].Load(); got != total {
				t.Errorf("step %d updated %d parameters, want %d", i+1, got, total)
			}
		}
		for i, l := range net.Layers() {
			// 1+2+3+4, once for each parameter.
			w, b := l.Weights(), l.Biases()
			if mat.Min(w) != 10 || mat.Max(w) != 10 || mat.Min(b) != 10 || mat.Max(b) != 10 {
				t.Errorf("layer %d: not every parameter was updated once a step", i)
			}
		}
	}
}

// sameBits reports whether a and b are the same numbers to the bit.
func sameBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}
