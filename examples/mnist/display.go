package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/examples/mnistdata"
)

// display shows how a training goes: one line per epoch and, on a terminal, a
// bar below them that moves with every step.
type display struct {
	w    io.Writer
	name string
	bar  *progressbar.ProgressBar // nil before the first step, and off a terminal
}

func newDisplay(w io.Writer, name string) *display { return &display{w: w, name: name} }

// update is called after every step.
func (d *display) update(p ksparse.Progress) {
	if d.bar == nil && isTerminal(d.w) {
		d.bar = progressbar.NewOptions(p.Steps,
			progressbar.OptionSetWriter(d.w),
			progressbar.OptionSetDescription(d.name),
			progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionShowCount(),
		)
	}
	if d.bar != nil {
		if p.EpochEnd {
			d.bar.Clear()
		} else {
			d.bar.Set(p.Step)
		}
	}
	if p.EpochEnd {
		fmt.Fprintf(d.w, "%s  epoch %2d/%d  batches %.4f  test %.4f  %6.0f samples/s\n", d.name, p.Epoch, p.Epochs,
			p.EpochLoss/mnistdata.Pixels, p.ValidationLoss/mnistdata.Pixels, p.SamplesPerSecond)
	}
}

func (d *display) close() {
	if d.bar != nil {
		d.bar.Clear()
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
