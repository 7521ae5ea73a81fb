package main

import (
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// parsed returns the options of these flags.
func parsed(t *testing.T, args ...string) options {
	t.Helper()
	o, err := parse(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestRun trains ours for 20 steps on known atoms, and writes the table and the picture.
func TestRun(t *testing.T) {
	png := filepath.Join(t.TempDir(), "curves.png")
	var b strings.Builder
	if err := run(t.Context(), &b, parsed(t, "-data", "known,outliers", "-rows", "300", "-latents", "64", "-steps", "20", "-batch", "32", "-python", "", "-png", png, "-levels", "100,1e-9")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"known, 64 → 64, k=4: 270 rows to train on, 30 held out, 20 steps of 32",
		"outliers, 768 → 64, k=32: 270 rows to train on, 30 held out, 20 steps of 32",
		"recovery", "| seconds | to 100 | to 1e-09 |", "| ours ",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "| ours") && (!strings.HasSuffix(line, none+" |\n") || strings.Count(line, none) != 1) {
			t.Errorf("only the time to the last level should be missing in %s", line)
		}
	}
	data, err := os.ReadFile(png)
	if err != nil || len(data) < 10_000 || string(data[1:4]) != "PNG" {
		t.Errorf("the picture has %d bytes, %v", len(data), err)
	}
}

// TestOursCurve: the points are at the steps that are asked for, time goes on, and the batch
// may be left to the library.
func TestOursCurve(t *testing.T) {
	w := world{dims: 16, atoms: 32, active: 2, noise: 0.01}
	d := w.withTruth(400)
	r, err := ours(t.Context(), d, settings{inputs: 16, latents: 32, k: 2, epochs: 3, seed: 1}, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.curve) < 3 || r.curve[0].step != 1 {
		t.Fatalf("the curve is %v", r.curve)
	}
	for i, p := range r.curve[1:] {
		if p.seconds < r.curve[i].seconds || !(p.fvu > 0) {
			t.Errorf("the curve is %v", r.curve)
		}
	}
	if r.l0 > 2 || r.l0 == 0 || r.dead < 0 || r.dead >= 1 || !(r.rate > 0) || !(r.recovery > 0 && r.recovery <= 1) {
		t.Errorf("got %+v", r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ours(ctx, d, settings{inputs: 16, latents: 32, k: 2, steps: 5}, true); err == nil {
		t.Error("a context that has ended is no error")
	}
}

// TestDiverged: a rate that is far too high gives a line without figures, not an error.
func TestDiverged(t *testing.T) {
	d := world{dims: 16, atoms: 32, active: 2}.dataset(400)
	r, err := ours(t.Context(), d, settings{inputs: 16, latents: 32, k: 2, steps: 20, rate: 1e300}, true)
	if err != nil || r.failed == "" || !math.IsNaN(r.last().fvu) {
		t.Errorf("got %+v, %v", r, err)
	}
	if rows := outcomeRows([]outcome{r}, nil, false); rows[0][2] != none {
		t.Errorf("the line is %q", rows[0])
	}
}

func TestSweep(t *testing.T) {
	var b strings.Builder
	o := parsed(t, "-sweep", "-data", "known", "-rows", "300", "-latents", "64", "-budgets", "3,6", "-factors", "0.5,2")
	if err := run(t.Context(), &b, o); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"known → 64, 3 steps of 256:", "known → 64, 6 steps of 256:", "1 (nothing set)", "The worst ratio is 1."} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}

func TestBestOf(t *testing.T) {
	nan := math.NaN()
	if got := bestOf([]trial{{factor: 1, fvu: nan}, {factor: 2, fvu: 0.5}, {factor: 4, fvu: nan}, {factor: 3, fvu: 0.4}}); got.factor != 3 {
		t.Errorf("the best is %+v", got)
	}
}

// TestBadFlags: the error names the flag.
func TestBadFlags(t *testing.T) {
	for _, args := range [][]string{
		{"-latents", "-1"}, {"-k", "-1"}, {"-batch", "-2"}, {"-procs", "0"}, {"-steps", "-1"}, {"-rows", "19"},
		{"-select", "x"}, {"-select", "topk,batchtopk"}, {"-peer-recipe", "own,"}, {"-sparsify-optimizer", "sgd"}, {"-rate", "-1"}, {"-rate", "NaN"},
		{"-levels", "0.5,x"}, {"-levels", "-1"}, {"-levels", "NaN"}, {"-peer-rate", "auto,0"}, {"-budgets", "1.5"}, {"-factors", "0"}, {"-steps", "1", "-epochs", "1"},
	} {
		if _, err := parse(args, io.Discard); err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%v: %v", args, err)
		}
	}
	empty := t.TempDir()
	for _, args := range [][]string{
		{"-data", "letters"}, {"-data", "digits,"}, {"-data", "words"}, {"-data", "words", "-words", empty},
		{"-dictionary_learning", empty}, {"-sparsify", empty},
	} {
		o := parsed(t, args...)
		if err := run(t.Context(), io.Discard, o); err == nil || !strings.Contains(err.Error(), args[len(args)-1-len(args)%2]) && !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%v: %v", args, err)
		}
	}
	if _, err := parse([]string{"digits"}, io.Discard); err == nil {
		t.Error("an argument that is no flag is no error")
	}
}

// TestSettings: flags go before what the kind has, and a batch of 0 keeps the number of rows.
func TestSettings(t *testing.T) {
	k := kind{latents: 100, k: 5, steps: 2000, batch: 1024}
	for _, c := range []struct {
		args         []string
		want         settings
		steps, batch int
	}{
		{nil, settings{inputs: 8, latents: 100, k: 5, steps: 2000, batch: 1024}, 2000, 1024},
		{[]string{"-latents", "50", "-k", "2", "-batch", "64", "-steps", "7", "-rate", "0.1", "-select", "batchtopk", "-seed", "3"},
			settings{inputs: 8, latents: 50, k: 2, steps: 7, batch: 64, rate: 0.1, batchTopK: true, seed: 3}, 7, 64},
		{[]string{"-batch", "0"}, settings{inputs: 8, latents: 100, k: 5, epochs: 205}, 2000, 1024},
		{[]string{"-batch", "0", "-epochs", "3"}, settings{inputs: 8, latents: 100, k: 5, epochs: 3}, 30, 1024},
		{[]string{"-epochs", "3"}, settings{inputs: 8, latents: 100, k: 5, epochs: 3, batch: 1024}, 30, 1024},
	} {
		got, steps, batch := k.settings(parsed(t, c.args...), 8, 10_000)
		if got != c.want || steps != c.steps || batch != c.batch {
			t.Errorf("%v: %+v, %d, %d; want %+v, %d, %d", c.args, got, steps, batch, c.want, c.steps, c.batch)
		}
	}
}
