// Package progress shows how far a training is: as one line on a terminal, as plain lines elsewhere, or as lines of
// JSON.
package progress

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/figures"
	"github.com/ksparse/ksparse/train"
)

// How often something is shown.
const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 5 * time.Second
	jsonEvery = time.Second
)

// A Printer shows the progress of a training. It is for one goroutine.
type Printer struct {
	to    io.Writer
	every time.Duration
	write func(p train.Progress)
	width func() int // of the terminal; nil where it is none
	last  time.Time  // when something was shown
	fvu   float64    // a moving average of that of the steps: a single one says little
	drawn bool       // the line on the terminal is not ended
}

// New returns a Printer that writes to w: a line that is drawn anew where that is a terminal.
func New(w io.Writer) *Printer {
	p := &Printer{to: w, every: lineEvery, fvu: math.NaN()}
	p.write = func(s train.Progress) { fmt.Fprintln(p.to, Line(s, p.fvu)) }
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.every = barEvery
		p.write = p.draw
		p.width = func() int {
			width, _, err := term.GetSize(int(f.Fd()))
			if err != nil || width < 20 {
				return 80
			}
			return width
		}
	}
	return p
}

// NewJSON returns a Printer that writes a JSON object a line.
func NewJSON(w io.Writer) *Printer {
	p := &Printer{to: w, every: jsonEvery, fvu: math.NaN()}
	encoder := json.NewEncoder(w)
	p.write = func(s train.Progress) { encoder.Encode(eventOf(s, p.fvu)) }
	return p
}

// Step shows the progress after a step, unless that was done a moment ago. The first step here, after a resume too, and the
// last one are always shown.
func (p *Printer) Step(s train.Progress) {
	if p.fvu = 0.95*p.fvu + 0.05*s.FVU; math.IsNaN(p.fvu) {
		p.fvu = s.FVU
	}
	now := time.Now()
	if now.Sub(p.last) < p.every && s.Step < s.Steps {
		return
	}
	p.last = now
	p.write(s)
	if s.Step == s.Steps {
		p.End()
	}
}

// Say shows what is done before the first step, on a terminal, until the next line.
func (p *Printer) Say(text string) {
	if p.width != nil {
		p.line(text)
	}
}

// End ends the line on a terminal.
func (p *Printer) End() {
	if p.drawn {
		fmt.Fprintln(p.to)
		p.drawn = false
	}
}

// draw draws the line on the terminal anew.
func (p *Printer) draw(s train.Progress) {
	text := Line(s, p.fvu)
	room := p.width() - len(text) - 5
	if room >= 8 {
		room = min(room, 40)
		done := room * s.Step / max(1, s.Steps)
		text = "[" + strings.Repeat("=", done) + strings.Repeat(" ", room-done) + "] " + text
	}
	p.line(text)
}

// line writes a line over the last one, no wider than the terminal.
func (p *Printer) line(text string) {
	if most := p.width() - 1; len(text) > most {
		text = text[:most]
	}
	fmt.Fprintf(p.to, "\r%s\x1b[K", text)
	p.drawn = true
}

// Line returns the progress in a line.
func Line(s train.Progress, fvu float64) string {
	left := ""
	if s.Step < s.Steps {
		left = "  " + Duration(s.Left) + " left"
	}
	return fmt.Sprintf("%3d %%  step %d/%d  FVU %.4f  L0 %.1f  dead %d  %.0f rows/s%s",
		100*s.Step/max(1, s.Steps), s.Step, s.Steps, fvu, s.L0, s.Dead, s.SamplesPerSecond, left)
}

// Duration returns d rounded to what matters.
func Duration(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

// event is a line of JSON.
type event struct {
	Event         string   `json:"event"`
	Step          int      `json:"step"`
	Steps         int      `json:"steps"`
	Epoch         int      `json:"epoch"`
	Loss          *float64 `json:"loss"`
	FVU           *float64 `json:"fvu"`
	L0            float64  `json:"l0"`
	Dead          int      `json:"dead"`
	Rate          float64  `json:"rate"`
	RowsPerSecond float64  `json:"rows_per_second"`
	Seconds       float64  `json:"seconds"`
	SecondsLeft   float64  `json:"seconds_left"`
}

// eventOf returns the line of JSON for the progress.
func eventOf(s train.Progress, fvu float64) event {
	return event{
		Event: "progress", Step: s.Step, Steps: s.Steps, Epoch: s.Epoch, Loss: figures.Number(s.Loss), FVU: figures.Number(fvu), L0: s.L0, Dead: s.Dead,
		Rate: s.LearningRate, RowsPerSecond: s.SamplesPerSecond, Seconds: s.Elapsed.Seconds(), SecondsLeft: s.Left.Seconds(),
	}
}
