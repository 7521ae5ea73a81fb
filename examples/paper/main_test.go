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

// TestRun runs the whole experiment, on a fortieth of the digits.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	args := []string{"-k", "10,25", "-digits", "1500", "-epochs", "4", "-finetune", "25"}
	if err := run(context.Background(), args, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`k = 10  epoch +4/4  L0`, `k = 25  α = 3.0 `, `fine-tuning  epoch 10/10 `,
		`(?m)^ 10  unsupervised  .* 2\.10 `, `(?m)^ 25  unsupervised  .* 1\.35 `,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("the output does not match %q:\n%s", want, out.String())
		}
	}
	m := regexp.MustCompile(`(?m)^ 25  fine-tuned +[0-9.]+ +([0-9.]+) +1\.08 `).FindStringSubmatch(out.String())
	if m == nil {
		t.Fatalf("no line of the fine-tuned network:\n%s", out.String())
	}
	if missed, err := strconv.ParseFloat(m[1], 64); err != nil || missed > 15 {
		t.Errorf("the fine-tuned network gets %s %% wrong", m[1])
	}
}

func TestBadFlags(t *testing.T) {
	for _, tt := range []struct{ flag, value, want string }{
		{"-k", "five", `"five" is not a number`},
		{"-k", "101", "from 1 to 100"},
		{"-digits", "999", "at least 1000"},
		{"-epochs", "-1", "Epochs is -1"},
	} {
		args := append([]string{"-k", "10", "-digits", "1200"}, tt.flag, tt.value)
		if err := run(context.Background(), args, io.Discard); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: error %v, want one with %q", tt.flag, tt.value, err, tt.want)
		}
	}
}
