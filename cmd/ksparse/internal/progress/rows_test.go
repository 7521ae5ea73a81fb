package progress

import (
	"bytes"
	"testing"
	"time"
)

// TestCount: nothing for what takes a moment, then a line now and then; on a terminal one that is drawn anew.
func TestCount(t *testing.T) {
	var out bytes.Buffer
	p := New(&out)
	for i := range 1000 {
		p.Count("row")(i, 1000)
	}
	if out.Len() > 0 {
		t.Errorf("at once: %q", out.String())
	}
	p.last = p.last.Add(-time.Hour)
	p.Count("row")(1<<30, 1<<31-1)
	p.Count("row")(1<<30, 1<<31-1)
	if want := " 50 %  row 1073741824 of 2147483647\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	out.Reset()
	p = New(&out)
	p.every, p.width = 0, func() int { return 20 }
	p.Count("row")(0, 0)
	p.Count("row")(5, 10)
	p.End()
	if want := "\r  0 %  row 0 of 0\x1b[K\r 50 %  row 5 of 10\x1b[K\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
