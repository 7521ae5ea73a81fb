package progress

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/ksparse/ksparse/train"
)

// TestLine: what a line says, with the time that is left and without.
func TestLine(t *testing.T) {
	p := train.Progress{Step: 50, Steps: 200, L0: 31.96, Dead: 7, SamplesPerSecond: 30826.4, Left: 80 * time.Second}
	if got, want := Line(p, 0.12347), " 25 %  step 50/200  FVU 0.1235  L0 32.0  dead 7  30826 rows/s  1m20s left"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	p.Step = 200
	if got := Line(p, 0.5); !strings.HasPrefix(got, "100 %  step 200/200") || strings.Contains(got, "left") {
		t.Errorf("at the end: %q", got)
	}
}

// TestDuration: hours without seconds.
func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{3400 * time.Millisecond: "3s", 80 * time.Second: "1m20s", 2*time.Hour + 5*time.Minute + 9*time.Second: "2h5m"} {
		if got := Duration(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// TestBar: a line of the terminal is drawn over the one before, is no wider than the terminal, and ends once.
func TestBar(t *testing.T) {
	for _, width := range []int{20, 80, 200} {
		var out bytes.Buffer
		p := New(&out)
		p.width = func() int { return width }
		p.write, p.every = p.draw, 0
		p.Say("reading")
		for step := range 4 {
			p.Step(train.Progress{Step: step + 1, Steps: 4, FVU: 0.5})
		}
		p.End()
		lines := strings.Split(out.String(), "\r")
		if len(lines) != 6 || !strings.HasPrefix(lines[1], "reading\x1b[K") || strings.Count(out.String(), "\n") != 1 || !strings.HasSuffix(out.String(), "\n") {
			t.Errorf("%d columns: %q", width, out.String())
		}
		for _, line := range lines {
			if n := len(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\x1b[K")); n >= width {
				t.Errorf("a line of %d in %d columns", n, width)
			}
		}
		if done := strings.Count(lines[3], "="); width == 200 && done != 20 {
			t.Errorf("half of 40 is %d", done)
		}
	}
}

// TestThrottle: the first and the last step are shown, and few between.
func TestThrottle(t *testing.T) {
	var out bytes.Buffer
	p := New(&out)
	for step := range 1000 {
		p.Step(train.Progress{Step: step + 101, Steps: 1100})
	}
	if got := strings.Count(out.String(), "\n"); got != 2 || !strings.Contains(out.String(), "step 101/1100") || !strings.Contains(out.String(), "step 1100/1100") {
		t.Errorf("%d lines:\n%s", got, out.String())
	}
}

// TestJSON: NaN, which JSON has not, is null.
func TestJSON(t *testing.T) {
	var out bytes.Buffer
	NewJSON(&out).Step(train.Progress{Step: 1, Steps: 2, FVU: math.NaN(), Loss: 3, Left: 1500 * time.Millisecond})
	var e map[string]any
	if err := json.Unmarshal(out.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	if v, there := e["fvu"]; !there || v != nil || e["loss"] != 3.0 || e["seconds_left"] != 1.5 {
		t.Errorf("%s", out.String())
	}
}
