package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"time"

	"github.com/ksparse/ksparse/bench/internal/host"
	"github.com/ksparse/ksparse/bench/internal/table"
)

// none stands in a cell without a value.
const none = "–"

// header writes the machine and the date of the numbers below it.
func header(w io.Writer, o options) {
	fmt.Fprintf(w, "%s, %s, GOMAXPROCS %d, %s\n", time.Now().Format(time.DateOnly), cmp.Or(host.CPU(), "unknown processor, "+runtime.GOARCH), o.procs, runtime.Version())
}

// compare trains ours and the peers on one kind of data, and writes the table.
func compare(ctx context.Context, w io.Writer, k kind, o options) (panel, error) {
	rows := k.rows
	if o.rows > 0 {
		rows = o.rows
	}
	d, err := k.load(o, rows)
	if err != nil {
		return panel{}, err
	}
	n, inputs := d.train.Dims()
	held, _ := d.held.Dims()
	s, steps, batch := k.settings(o, inputs, n)
	title := fmt.Sprintf("%s, %d → %d, k=%d", k.name, inputs, s.latents, s.k)
	fmt.Fprintf(w, "\n%s: %d rows to train on, %d held out, %s\n\n", title, n, held, budget(s, steps, batch))
	fmt.Fprintf(o.progress, "%s: ours\n", k.name)
	mine, err := ours(ctx, d, s, true)
	if err != nil {
		return panel{}, err
	}
	peers, notes, err := o.trainPeers(ctx, k.name, d, s, steps, batch)
	if err != nil {
		return panel{}, err
	}
	all := append([]outcome{mine}, peers...)
	if mine.failed != "" {
		notes = append(notes, "ours failed: "+mine.failed)
	}
	at, recovery := levels(o.levelValues, mine, peers), d.truth != nil
	if err := table.Write(w, outcomeHead(at, recovery), outcomeRows(all, at, recovery)); err != nil {
		return panel{}, err
	}
	for i, note := range notes {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, "-", note)
	}
	return panel{title, all}, nil
}

// budget says how long the trainings are.
func budget(s settings, steps, batch int) string {
	text := fmt.Sprintf("%d steps of %d", steps, batch)
	if s.batch == 0 {
		return fmt.Sprintf("%d epochs for ours, %s for the peers", s.epochs, text)
	}
	return text
}

// trainPeers trains the peers, and returns with the outcomes what is to be noted about them.
func (o options) trainPeers(ctx context.Context, name string, d *dataset, s settings, steps, batch int) (list []outcome, notes []string, err error) {
	jobs, left := o.jobs(job{Inputs: s.inputs, Latents: s.latents, K: s.k, Steps: steps, Batch: batch,
		Select: o.selection, Seed: o.seed, Threads: o.procs, At: evaluations(steps)})
	if left != "" {
		notes = append(notes, left)
	}
	if len(jobs) == 0 {
		return nil, notes, nil
	}
	folder, err := os.MkdirTemp("", "ksparse-quality-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(folder)
	files, err := writeRows(folder, d)
	if err != nil {
		return nil, nil, err
	}
	noted := map[string]bool{}
	for _, j := range jobs {
		fmt.Fprintf(o.progress, "%s: %s\n", name, j.name)
		j.Train, j.Held, j.Atoms = files.Train, files.Held, files.Atoms
		r, err := j.train(ctx, o, d.truth)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, r)
		if r.failed != "" {
			r.notes = append(r.notes, "failed: "+r.failed)
		}
		for _, note := range r.notes {
			if key := j.Library + note; !noted[key] { // once for a library
				noted[key] = true
				notes = append(notes, r.name+": "+note)
			}
		}
	}
	return list, notes, nil
}

// outcomeHead names the columns of the table of outcomes.
func outcomeHead(levels []float64, recovery bool) []string {
	head := []string{"trainer", "rate", "FVU", "dead", "L0"}
	if recovery {
		head = append(head, "recovery")
	}
	head = append(head, "seconds")
	for _, v := range levels {
		head = append(head, "to "+levelText(v))
	}
	return head
}

// outcomeRows are the lines of the table of outcomes.
func outcomeRows(list []outcome, levels []float64, recovery bool) [][]string {
	var rows [][]string
	for _, o := range list {
		row := []string{o.name, text("%.3g", o.rate)}
		if o.failed != "" {
			for range len(outcomeHead(levels, recovery)) - len(row) {
				row = append(row, none)
			}
			rows = append(rows, row)
			continue
		}
		row = append(row, fvuText(o.last().fvu), text("%.1f %%", 100*o.dead), text("%.2f", o.l0))
		if recovery {
			row = append(row, text("%.4f", o.recovery))
		}
		row = append(row, seconds(o.last().seconds))
		for _, v := range levels {
			row = append(row, seconds(timeTo(o.curve, v)))
		}
		rows = append(rows, row)
	}
	return rows
}

// text is v in that format.
func text(format string, v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	return fmt.Sprintf(format, v)
}

// fvuText is an FVU, short where it is very large.
func fvuText(v float64) string {
	if v >= 100 {
		return text("%.3g", v)
	}
	return text("%.4f", v)
}

// seconds is a time with at least two digits.
func seconds(v float64) string {
	switch {
	case v < 0.1:
		return text("%.3f", v)
	case v < 10:
		return text("%.2f", v)
	case v < 100:
		return text("%.1f", v)
	}
	return text("%.0f", v)
}
