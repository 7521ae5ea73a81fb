package main

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/ksparse/ksparse/bench/internal/table"
)

// sweepRows and sweepBatch are the sizes with -sweep.
const (
	sweepRows  = 20_000
	sweepBatch = 256
)

// trial is a training with -sweep.
type trial struct {
	factor          float64 // of the library's rate; 1 where nothing is set
	rate, fvu, dead float64
}

// sweepAll trains ours on each kind of data with each budget and learning rate, and writes what
// they give.
func sweepAll(ctx context.Context, w io.Writer, list []kind, o options) error {
	var summary [][]string
	worst, where := math.Inf(-1), ""
	for _, k := range list {
		rows := sweepRows
		if o.rows > 0 {
			rows = o.rows
		}
		d, err := k.load(o, rows)
		if err != nil {
			return err
		}
		if k.latents = k.sweepLatents; o.latents > 0 {
			k.latents = o.latents
		}
		for _, steps := range o.budgets {
			trials, err := sweep(ctx, k, o, d, steps)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			fmt.Fprintf(w, "\n%s → %d, %d steps of %d:\n\n", k.name, k.latents, steps, sweepBatch)
			if err := table.Write(w, []string{"times the library's rate", "rate", "FVU", "dead"}, trialRows(trials)); err != nil {
				return err
			}
			best := bestOf(trials)
			ratio := trials[0].fvu / best.fvu
			if !(ratio <= worst) {
				worst, where = ratio, fmt.Sprintf("%s, %d steps", k.name, steps)
			}
			summary = append(summary, []string{k.name, fmt.Sprint(steps), text("%.3g", trials[0].rate), fvuText(trials[0].fvu),
				text("%g", best.factor), fvuText(best.fvu), text("%.3f", ratio)})
		}
	}
	fmt.Fprintln(w, "\nFVU with nothing set, and with the best rate of the sweep:")
	fmt.Fprintln(w)
	if err := table.Write(w, []string{"data", "steps", "rate", "nothing set", "best times", "best", "ratio"}, summary); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nThe worst ratio is %s: %s.\n", text("%.3f", worst), where)
	return err
}

// sweep trains with nothing set and then with the other rates. The first trial is the former.
func sweep(ctx context.Context, k kind, o options, d *dataset, steps int) ([]trial, error) {
	n, inputs := d.train.Dims()
	o.steps, o.epochs, o.batch, o.rate = steps, 0, sweepBatch, 0
	s, _, _ := k.settings(o, inputs, n)
	var trials []trial
	for _, factor := range append([]float64{1}, o.factors...) {
		if len(trials) > 0 {
			s.rate = factor * trials[0].rate
		}
		fmt.Fprintf(o.progress, "%s: %d steps, rate times %g\n", k.name, steps, factor)
		r, err := ours(ctx, d, s, false)
		if err != nil {
			return nil, err
		}
		trials = append(trials, trial{factor, r.rate, r.last().fvu, r.dead})
	}
	return trials, nil
}

// bestOf returns the trial with the lowest FVU.
func bestOf(trials []trial) trial {
	best := trials[0]
	for _, t := range trials {
		if t.fvu < best.fvu || math.IsNaN(best.fvu) {
			best = t
		}
	}
	return best
}

// trialRows are the lines of the table of trials.
func trialRows(trials []trial) [][]string {
	var rows [][]string
	for i, t := range trials {
		name := fmt.Sprintf("%g", t.factor)
		if i == 0 {
			name += " (nothing set)"
		}
		rows = append(rows, []string{name, text("%.3g", t.rate), fvuText(t.fvu), text("%.1f %%", 100*t.dead)})
	}
	return rows
}
