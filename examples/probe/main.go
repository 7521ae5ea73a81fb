// Command probe asks what a dictionary knows that nobody told it: it trains a sparse autoencoder on the MNIST
// digits without their labels, and fits a logistic regression that tells the digits from the codes. It does the
// same from the pixels, and from the few latents of the codes that the regression goes by most.
//
//	go run ./probe
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/examples/mnistdata"
	"github.com/ksparse/ksparse/examples/program"
	"github.com/ksparse/ksparse/probe"
)

// main runs the program.
func main() { program.Main("probe", run) }

// settings are the program's flags.
type settings struct {
	latents, k, epochs, digits int
	l2                         float64
	seed                       uint64
}

// run is the program with the given flags. It writes to w.
func run(ctx context.Context, args []string, w io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("probe", flag.ContinueOnError)
	flags.IntVar(&s.latents, "latents", 1000, "size of the dictionary")
	flags.IntVar(&s.k, "k", 25, "latents that are active on each digit")
	flags.IntVar(&s.epochs, "epochs", 10, "passes over the training digits")
	flags.IntVar(&s.digits, "digits", 60000, "how many training digits to use")
	flags.Float64Var(&s.l2, "l2", 10, "penalty of the probes")
	flags.Uint64Var(&s.seed, "seed", 1, "of the first weights and of the order of the digits")
	if _, err := program.Parse(flags, args); err != nil {
		return err
	}
	err := program.Check(program.Count{Flag: "latents", Value: s.latents, Least: 1, Most: 50_000}, program.Count{Flag: "k", Value: s.k, Least: 1, Most: s.latents},
		program.Count{Flag: "epochs", Value: s.epochs, Least: 1, Most: program.MaxEpochs}, program.Count{Flag: "digits", Value: s.digits, Least: 100, Most: 60_000})
	if err != nil {
		return err
	}
	training, err := mnistdata.Train()
	if err != nil {
		return err
	}
	test, err := mnistdata.Test()
	if err != nil {
		return err
	}
	return compare(ctx, w, training.Head(s.digits), test, s)
}

// compare trains the autoencoder, and fits a probe to each form of the digits.
func compare(ctx context.Context, w io.Writer, training, test mnistdata.Set, s settings) error {
	net, err := ksparse.New(ksparse.Config{Inputs: mnistdata.Pixels, Latents: s.latents, K: s.k, Seed: s.seed})
	if err != nil {
		return err
	}
	if _, err := net.Train(ctx, training.Images, training.Images, ksparse.TrainConfig{Epochs: s.epochs, Seed: s.seed}); err != nil {
		return err
	}
	codes, err := net.Encode(training.Images)
	if err != nil {
		return err
	}
	testCodes, err := net.Encode(test.Images)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "Probes of %d digits, with a penalty of %v, on %d test digits:\n", len(training.Labels), s.l2, len(test.Labels))
	if _, err := fit(ctx, w, fmt.Sprintf("%d pixels", mnistdata.Pixels), training.Images, test.Images, training.Labels, test.Labels, s.l2); err != nil {
		return err
	}
	m, err := fit(ctx, w, fmt.Sprintf("%d latents, %d active", s.latents, s.k), codes, testCodes, training.Labels, test.Labels, s.l2)
	if err != nil {
		return err
	}
	for _, n := range []int{100, 30, 10} {
		if n >= s.latents {
			continue
		}
		few := strongest(m.Weights(), codes.Frequency(), n)
		_, err := fit(ctx, w, fmt.Sprintf("the strongest %d latents", n), only(codes, few), only(testCodes, few), training.Labels, test.Labels, s.l2)
		if err != nil {
			return err
		}
	}
	return nil
}

// fit fits a probe, and writes how often it is right.
func fit(ctx context.Context, w io.Writer, what string, x, test mat.Matrix, labels, testLabels []int, l2 float64) (*probe.Model, error) {
	begin := time.Now()
	m, err := probe.Fit(ctx, x, labels, probe.Options{L2: l2, Tolerance: 1e-4}) // what scikit-learn asks for
	if err != nil {
		return nil, err
	}
	took := time.Since(begin)
	classes, err := m.Predict(test)
	if err != nil {
		return nil, err
	}
	right := 0
	for i, class := range classes {
		if class == testLabels[i] {
			right++
		}
	}
	fmt.Fprintf(w, "  from %-26s %6.2f %% right  (%d iterations, %.1f s)\n", what+":", 100*float64(right)/float64(len(classes)), m.Iterations(), took.Seconds())
	return m, nil
}

// strongest returns the n latents, ascending, whose weights move the classes most: the norm of the weights times the
// root of how often the latent is active.
func strongest(weights *mat.Dense, frequency []float64, n int) []int32 {
	latents := make([]int32, len(frequency))
	strength := make([]float64, len(frequency))
	for j := range latents {
		latents[j] = int32(j)
		strength[j] = mat.Norm(weights.ColView(j), 2) * math.Sqrt(frequency[j])
	}
	slices.SortFunc(latents, func(a, b int32) int { return cmp.Or(cmp.Compare(strength[b], strength[a]), cmp.Compare(a, b)) })
	latents = latents[:n]
	slices.Sort(latents)
	return latents
}

// only returns codes with these latents alone.
func only(c *ksparse.Codes, latents []int32) mat.Matrix {
	rows, _ := c.Dims()
	x := mat.NewDense(rows, len(latents), nil)
	for i := range rows {
		indices, values := c.Row(i)
		for e, j := range indices {
			if at, found := slices.BinarySearch(latents, j); found {
				x.Set(i, at, values[e])
			}
		}
	}
	return x
}
