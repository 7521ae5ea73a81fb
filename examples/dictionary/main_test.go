package main

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var small = []string{"-atoms", "64", "-dims", "32", "-active", "2", "-samples", "15000", "-epochs", "15"}

// TestRun finds a dictionary, a small one that takes some seconds.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(context.Background(), small, &out); err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^sizes alone +0\.\d+ +([0-9.]+) % +[0-9.]+ +([0-9.]+) `).FindStringSubmatch(out.String())
	if m == nil {
		t.Fatalf("no figures of sizes alone in the output:\n%s", out.String())
	}
	dead, _ := strconv.ParseFloat(m[1], 64)
	recovery, _ := strconv.ParseFloat(m[2], 64)
	if dead > 2 || recovery < 0.99 {
		t.Errorf("%s %% are dead, the recovery is %s", m[1], m[2])
	}
}

// TestSpelledOut: from the same samples, what is spelled out trains as what the library chooses.
func TestSpelledOut(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	truth := world{randomAtoms(64, 32, rng), 2, 0.02}
	x := truth.samples(3000, rng)
	p := problem{64, 32, 2, 3000, 2, variance(x), 1}
	chosen := sizesAlone(p)
	chosen.start = spelledOut(p).start // the library begins from samples in another order
	want, err := chosen.try(context.Background(), x, x, truth.atoms)
	if err != nil {
		t.Fatal(err)
	}
	got, err := spelledOut(p).try(context.Background(), x, x, truth.atoms)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(got.fvu-want.fvu) > 1e-9 || math.Abs(got.recovery-want.recovery) > 1e-9 {
		t.Errorf("FVU %v and recovery %v, want %v and %v", got.fvu, got.recovery, want.fvu, want.recovery)
	}
}

// TestAblation: every variant can be trained.
func TestAblation(t *testing.T) {
	var out bytes.Buffer
	args := append([]string{"-ablation"}, small...)
	if err := run(context.Background(), append(args, "-samples", "1000", "-epochs", "1"), &out); err != nil {
		t.Fatal(err)
	}
	for _, v := range ablation(problem{atoms: 64, dims: 32, active: 2, samples: 1000, epochs: 1}) {
		if !strings.Contains(out.String(), "\n"+v.name+"  ") {
			t.Errorf("%q is not in the output:\n%s", v.name, out.String())
		}
	}
}

func TestBadFlags(t *testing.T) {
	for _, args := range [][]string{{"-atoms", "4"}, {"-active", "600"}, {"-samples", "0"}, {"-noise", "x"}, {"-noise", "-1"}, {"-noise", "Inf"}, {"-epochs", "0"}, {"-samples", "9999999999999"}, {"-dims", "99999"}, {"-atoms", "1000000"}, {"-noise", "1e300"}, {"-noise", "NaN"}, {"quick"}} {
		if err := run(context.Background(), args, new(bytes.Buffer)); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
