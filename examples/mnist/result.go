package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/plot/plotter"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/examples/mnistdata"
	"github.com/ksparse/ksparse/measure"
	"github.com/ksparse/ksparse/train"
)

// result is one trained network and what it does to the test digits.
type result struct {
	k         int
	net       *ksparse.Network
	rebuilt   *mat.Dense // the reconstructions of the test digits
	frequency []float64  // for each latent, the share of the test digits on which it is active

	mse, psnr, fvu, l0 float64
	dead               int
	speed              float64 // samples per second in training

	trainCurve, testCurve plotter.XYs // error against epochs
	sum                   float64     // of the errors since the last point of trainCurve
}

// record keeps the points of the training curves. The library's squared error
// is a sum over the pixels; the curves show the mean.
func (r *result) record(p train.Progress) {
	window := min(50, p.Steps/p.Epochs) // steps; one batch alone is noisy
	epoch := float64(p.Step) / float64(p.Steps) * float64(p.Epochs)
	r.sum += p.Loss / mnistdata.Pixels
	if p.Step%window == 0 {
		r.trainCurve = append(r.trainCurve, plotter.XY{X: epoch, Y: r.sum / float64(window)})
		r.sum = 0
	}
	if p.EpochEnd {
		r.testCurve = append(r.testCurve, plotter.XY{X: epoch, Y: p.ValidationLoss / mnistdata.Pixels})
		r.speed = p.SamplesPerSecond
	}
}

// measure fills in the figures of merit. Each is computed over all test digits.
func (r *result) measure(test *mat.Dense) (err error) {
	codes, rebuilt, err := r.net.Reconstruct(test)
	if err != nil {
		return err
	}
	r.rebuilt = rebuilt
	if r.mse, err = ksparse.MeanSquaredError(r.rebuilt, test); err != nil {
		return err
	}
	if r.fvu, err = ksparse.FVU(r.rebuilt, test); err != nil {
		return err
	}
	r.psnr = measure.PSNR(r.mse, 1)
	r.l0, r.frequency = codes.L0(), codes.Frequency()
	for _, f := range r.frequency {
		if f == 0 {
			r.dead++
		}
	}
	return nil
}

// printTable prints a line of figures for each network.
func printTable(w io.Writer, results []*result) {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "k\ttest MSE\tPSNR (dB)\tFVU\tL0\tdead\tsamples/s\t")
	for _, r := range results {
		fmt.Fprintf(t, "%d\t%.4f\t%.2f\t%.3f\t%.1f\t%d\t%.0f\t\n", r.k, r.mse, r.psnr, r.fvu, r.l0, r.dead, r.speed)
	}
	t.Flush()
}
