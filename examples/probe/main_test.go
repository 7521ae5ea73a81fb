package main

import (
	"bytes"
	"context"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestRun probes the codes of a part of the digits: the codes say 75 % of them, at least, and ten of their latents a
// third.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	err := run(context.Background(), []string{"-digits", "2000", "-latents", "150", "-k", "15", "-epochs", "3"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`from (.*): +([0-9.]+) % right`).FindAllStringSubmatch(out.String(), -1)
	if len(lines) != 5 {
		t.Fatalf("%d probes in the output:\n%s", len(lines), out.String())
	}
	for i, least := range []float64{75, 75, 70, 50, 30} {
		if right, err := strconv.ParseFloat(lines[i][2], 64); err != nil || right < least {
			t.Errorf("%s: %s %% are right, want %v at least", lines[i][1], lines[i][2], least)
		}
	}
}

// TestBadFlags: the error names the flag.
func TestBadFlags(t *testing.T) {
	for _, args := range [][]string{{"-latents", "0"}, {"-k", "0"}, {"-k", "1001"}, {"-epochs", "-1"}, {"-digits", "-1"}} {
		if err := run(context.Background(), args, io.Discard); err == nil || !strings.Contains(err.Error(), args[0]+" is "+args[1]+", want at ") {
			t.Errorf("%v: %v", args, err)
		}
	}
}
