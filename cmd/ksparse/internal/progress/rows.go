package progress

import (
	"fmt"
	"time"
)

// Count returns a function that shows how many rows, or what else it counts, are done, unless that was shown a moment ago.
func (p *Printer) Count(what string) func(done, all int) {
	return func(done, all int) { p.count(what, done, all) }
}

// count shows how many are done.
func (p *Printer) count(what string, done, all int) {
	now := time.Now()
	if p.last.IsZero() && p.width == nil {
		p.last = now // no line for what takes a moment
	}
	if now.Sub(p.last) < p.every {
		return
	}
	p.last = now
	text := fmt.Sprintf("%3d %%  %s %d of %d", 100*int64(done)/int64(max(1, all)), what, done, all)
	if p.width == nil {
		fmt.Fprintln(p.to, text)
		return
	}
	p.line(text)
}
