package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/ksparse/ksparse/examples/mnistdata"
	"github.com/ksparse/ksparse/train"
)

// display shows how a training goes: one line per epoch and, on a terminal, a
// bar below them that moves with every step.
type display struct {
	w    io.Writer
	name string
	bar  *progressbar.ProgressBar // nil before the first step, and off a terminal
}

// newDisplay returns a display that writes to w, with the name in front of each line.
func newDisplay(w io.Writer, name string) *display { return &display{w: w, name: name} }

// update is called after every step.
func (d *display) update(p train.Progress) {
	state := fmt.Sprintf("%s  epoch %2d/%d  batches %.4f", d.name, p.Epoch, p.Epochs, p.EpochLoss/mnistdata.Pixels)
	if d.bar == nil && isTerminal(d.w) {
		d.bar = progressbar.NewOptions(p.Steps,
			progressbar.OptionSetWriter(d.w),
			progressbar.OptionSetWidth(20),
			progressbar.OptionThrottle(100*time.Millisecond),
		)
	}
	if d.bar != nil && !p.EpochEnd {
		d.bar.Describe(state)
		d.bar.Set(p.Step)
	}
	if p.EpochEnd {
		d.close() // the line takes the place of the bar, which comes back below it
		fmt.Fprintf(d.w, "%s  test %.4f  %6.0f samples/s  %v left\n",
			state, p.ValidationLoss/mnistdata.Pixels, p.SamplesPerSecond, p.Left.Round(time.Second))
	}
}

// close takes the bar from the screen.
func (d *display) close() {
	if d.bar != nil {
		d.bar.Clear()
	}
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}
