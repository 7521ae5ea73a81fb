package main

import (
	"math"
	"runtime"
	"strings"
	"testing"
)

func TestRows(t *testing.T) {
	w := trainWork("train", shape{768, 8192, 32, 1000}, true, 3.5, 1.5)
	w.cost = cost{flops: 5}
	m := &machine{flops64: 100}
	r := &result{work: w, ours: []float64{0.1, 0.2, 0.1}, peers: [][]float64{{0.4, 0.4, 0.2}, nil}, pings: []float64{51, 215, 49.6}}
	want := [][]string{
		{w.name, "10,000", "samples/s", "PyTorch dense float32", "2,500", "4.00", "2.00 to 4.00", "3.50", "50 %", "50 to 215 ns"},
		{w.name, "10,000", "samples/s", "PyTorch sparse float32", none, none, none, "1.50", "50 %", "50 to 215 ns"},
	}
	for i, row := range r.rows(m) {
		if strings.Join(row, "|") != strings.Join(want[i], "|") || len(row) != len(resultHead) {
			t.Errorf("row %d is\n%q, want\n%q", i, row, want[i])
		}
	}
	// Ours was not measured.
	r = &result{work: w, peers: [][]float64{{1, 1}, {1, 1}}}
	if row := r.rows(m)[0]; row[1] != none || row[4] != "1,000" || row[5] != none || row[8] != none || row[9] != none {
		t.Errorf("without ours the row is %q", row)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0.1234: "0.12", 9.5: "9.50", 12.34: "12.3", 100: "100", 999.6: "1,000", 1776: "1,776", 1234567: "1,234,567"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) is %q, want %q", v, got, want)
		}
	}
	if got := number(math.NaN()); got != none {
		t.Errorf("number(NaN) is %q", got)
	}
}

func TestMedian(t *testing.T) {
	if got := median([]float64{3, 1, 2}); got != 2 {
		t.Errorf("median of 3 is %v", got)
	}
	if got := median([]float64{4, 1, 2, 3}); got != 2.5 {
		t.Errorf("median of 4 is %v", got)
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing is %v", got)
	}
}

func TestLeast(t *testing.T) {
	m := &machine{flops64: 100, flops32: 200, tries: 1, rates: map[int]rates{}}
	if got := (cost{flops: 300}).least(m); got != 3 {
		t.Errorf("300 operations at 100 a second take %v", got)
	}
	if got := (cost{flops: 300, float32: true}).least(m); got != 1.5 {
		t.Errorf("300 operations at 200 a second take %v", got)
	}
	if got := (cost{flops: 300}).least(&machine{}); !math.IsNaN(got) {
		t.Errorf("on a machine of unknown speed %v", got)
	}
	// Adam: three numbers of 8 bytes for each weight on both sides.
	if c := (shape{768, 8192, 32, 1024}).stepCost(2); c.update != 3*8*2*768*8192 || c.flops != 2*1024*768*(8192+4*32) {
		t.Errorf("a step costs %+v", c)
	}
	if r := m.at(1 << 16); r.read <= 0 || r.update <= 0 {
		t.Errorf("memory rates are %+v", r)
	}
}

func TestSelected(t *testing.T) {
	all := works()
	for text, want := range map[string]int{"": len(all), "PRODUCT": 2, "encode": 12, "sgemm": 1, "nothing": 0} {
		if got := len(selected(all, text)); got != want {
			t.Errorf("%q selects %d works, want %d", text, got, want)
		}
	}
	for _, w := range all {
		for _, o := range w.peers {
			if strings.Contains(o.command, "  ") || o.floor <= 0 {
				t.Errorf("%s: peer %+v", w.name, o)
			}
		}
	}
}

// TestPing: with two cores there is a possible time, with one core there is none.
func TestPing(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	if got := ping(); !(got > 1 && got < 1e6) {
		t.Errorf("a line takes %v ns", got)
	}
	runtime.GOMAXPROCS(1)
	if got := ping(); !math.IsNaN(got) {
		t.Errorf("with one core a line takes %v ns", got)
	}
}
