// Command dictionary makes data of a known dictionary, 512 atoms in 64
// dimensions with 5 of them in each sample. It trains a sparse autoencoder on the data,
// and prints how much of the dictionary the autoencoder has found. The autoencoder gets its
// sizes, and the library chooses all else. Then the program does the same without what the
// library chooses.
//
//	go run ./dictionary
//	go run ./dictionary -ablation    # each part of what the library chooses switched off, others on
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/examples/program"
	"github.com/ksparse/ksparse/measure"
	"github.com/ksparse/ksparse/train"
)

// main runs the program.
func main() { program.Main("dictionary", run) }

// run is the program with the given flags. It writes to w.
func run(ctx context.Context, args []string, w io.Writer) error {
	flags := flag.NewFlagSet("dictionary", flag.ContinueOnError)
	atoms := flags.Int("atoms", 512, "atoms of the dictionary, and latents to find them with")
	dims := flags.Int("dims", 64, "dimensions of the data")
	active := flags.Int("active", 5, "atoms in each sample, and active latents")
	noise := flags.Float64("noise", 0.02, "standard deviation of the noise in each coordinate")
	samples := flags.Int("samples", 100_000, "training samples")
	epochs := flags.Int("epochs", 20, "passes over them")
	seed := flags.Uint64("seed", 1, "of the data, the first weights and the order of the samples")
	all := flags.Bool("ablation", false, "switch each part of what the library chooses off, and others on, one at a time")
	if _, err := program.Parse(flags, args); err != nil {
		return err
	}
	if err := checkFlags(*atoms, *dims, *active, *samples, *epochs, *noise); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(*seed, 0))
	truth := world{randomAtoms(*atoms, *dims, rng), *active, *noise}
	training, test := truth.samples(*samples, rng), truth.samples(*samples/5, rng)

	chance, err := measure.MeanMaxCosine(truth.atoms, randomAtoms(*atoms, *dims, rng))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d atoms in %d dimensions, %d in a sample; noise is %.4f of the variance; seed %d\n",
		*atoms, *dims, *active, truth.noiseShare(test), *seed)
	fmt.Fprintf(w, "Recovery is the mean over the true atoms of the largest cosine with a learned one; that of random atoms is %.3f.\n\n", chance)

	p := problem{*atoms, *dims, *active, *samples, *epochs, variance(training), *seed}
	variants := comparison(p)
	if *all {
		variants = ablation(p)
	}
	fmt.Fprintf(w, "%-24s %7s %7s %6s %9s %8s\n", "", "FVU", "dead", "L0", "recovery", "seconds")
	for _, v := range variants {
		f, err := v.recipe.try(ctx, training, test, truth.atoms)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		fmt.Fprintf(w, "%-24s %7.4f %5.1f %% %6.2f %9.3f %8.1f\n", v.name, f.fvu, 100*f.dead, f.l0, f.recovery, f.history.Time.Seconds())
		program.PrintAdvice(w, f.history)
	}
	return nil
}

// checkFlags returns an error that names the first flag that makes no sense, or asks for
// more than a few GB of memory.
func checkFlags(atoms, dims, active, samples, epochs int, noise float64) error {
	const most, mostNumbers, mostNoise = 100_000, 1 << 28, 1000
	err := program.Check(program.Count{Flag: "atoms", Value: atoms, Least: 8, Most: most}, program.Count{Flag: "dims", Value: dims, Least: 1, Most: most},
		program.Count{Flag: "active", Value: active, Least: 1, Most: atoms}, program.Count{Flag: "samples", Value: samples, Least: 100, Most: mostNumbers},
		program.Count{Flag: "epochs", Value: epochs, Least: 1, Most: program.MaxEpochs})
	switch {
	case err != nil:
		return err
	case samples > mostNumbers/dims:
		return fmt.Errorf("-samples is %d, want at most %d with -dims %d", samples, mostNumbers/dims, dims)
	case atoms > mostNumbers/8/dims:
		return fmt.Errorf("-atoms is %d, want at most %d with -dims %d", atoms, mostNumbers/8/dims, dims)
	case !(noise >= 0 && noise <= mostNoise):
		return fmt.Errorf("-noise is %v, want 0 to %d", noise, mostNoise)
	}
	return nil
}

// figures are the figures of merit of a trained network, on test samples.
type figures struct {
	fvu, dead, l0, recovery float64
	history                 *train.History
}

// try trains an autoencoder by the recipe, measures it, and compares its dictionary
// with the true one.
func (r recipe) try(ctx context.Context, training, test, truth *mat.Dense) (figures, error) {
	net, err := ksparse.New(r.model)
	if err != nil {
		return figures{}, err
	}
	if r.start != nil {
		src, err := data.FromMatrix(training)
		if err != nil {
			return figures{}, err
		}
		if err := net.StartFrom(src, *r.start); err != nil {
			return figures{}, err
		}
	}
	history, err := net.Train(ctx, training, training, r.train)
	if err != nil {
		return figures{}, err
	}
	source, err := data.FromMatrix(test)
	if err != nil {
		return figures{}, err
	}
	report, err := measure.Evaluate(net, source)
	if err != nil {
		return figures{}, err
	}
	recovery, err := measure.MeanMaxCosine(truth, net.Layers()[1].Weights())
	return figures{
		fvu:      report.FVU,
		dead:     float64(len(report.Dead)) / float64(report.Latents),
		l0:       report.L0,
		recovery: recovery,
		history:  history,
	}, err
}
