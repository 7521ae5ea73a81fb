package main

import (
	"bytes"
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(context.Background(), nil, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "gradients that are not zero: 0.") {
		t.Errorf("an unselected latent has a gradient:\n%s", out.String())
	}
	m := regexp.MustCompile(`Largest relative error: (\S+)`).FindStringSubmatch(out.String())
	if m == nil {
		t.Fatalf("no error in the output:\n%s", out.String())
	}
	if largest, err := strconv.ParseFloat(m[1], 64); err != nil || largest > 1e-6 {
		t.Errorf("the largest relative error is %s", m[1])
	}
}
