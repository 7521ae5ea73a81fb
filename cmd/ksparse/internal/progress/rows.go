package progress

import (
	"fmt"
	"time"
)

// Rows shows how many rows are done, unless that was done a moment ago.
func (p *Printer) Rows(done, rows int) {
	now := time.Now()
	if p.last.IsZero() && p.width == nil {
		p.last = now // no line for what takes a moment
	}
	if now.Sub(p.last) < p.every {
		return
	}
	p.last = now
	text := fmt.Sprintf("%3d %%  row %d of %d", 100*int64(done)/int64(max(1, rows)), done, rows)
	if p.width == nil {
		fmt.Fprintln(p.to, text)
		return
	}
	p.line(text)
}
