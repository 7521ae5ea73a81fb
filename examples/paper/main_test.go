package main

import (
	"bytes"
	"context"
	"errors"
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
		`DO NOT COMPARE .* 1500 training digits and 4 epochs,\n.*\n  k `,
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

// TestInterrupted: where nothing is complete there is no table, and no sentence about one.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out bytes.Buffer
	err := run(ctx, []string{"-digits", "1000", "-epochs", "1"}, &out)
	if text := out.String(); !errors.Is(err, context.Canceled) || !strings.Contains(text, "Ended in the middle of k = 10") || strings.Contains(text, "error rates") {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestQuick: what other flags say goes before what -quick stands for.
func TestQuick(t *testing.T) {
	ks, epochs, digits := []int{10}, 4, 1500
	quicken(map[string]bool{"k": true, "epochs": true, "digits": true}, &ks, &epochs, &digits)
	if ks[0] != 10 || epochs != 4 || digits != 1500 {
		t.Errorf("k = %v, %d epochs, %d digits", ks, epochs, digits)
	}
	quicken(nil, &ks, &epochs, &digits)
	if ks[0] != 25 || epochs != 10 || digits != 12000 {
		t.Errorf("k = %v, %d epochs, %d digits", ks, epochs, digits)
	}
}

// TestCaveat: a run that is smaller than the experiment says so above its table.
func TestCaveat(t *testing.T) {
	for _, c := range []struct {
		digits, epochs int
		want           []string
	}{
		{12000, 10, []string{"DO NOT COMPARE", "12000 training digits and 10 epochs", "60000 and 40", "60000 and 5000"}}, // -quick
		{60000, 39, []string{"DO NOT COMPARE", "39 epochs"}},
		{59999, 40, []string{"DO NOT COMPARE", "59999 training digits"}},
		{60000, 40, []string{"5000 epochs, these of 40"}},
	} {
		got := caveat(c.digits, c.epochs)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%d digits, %d epochs: %q does not say %q", c.digits, c.epochs, got, want)
			}
		}
	}
}

func TestBadFlags(t *testing.T) {
	for _, tt := range []struct{ flag, value, want string }{
		{"-k", "five", `"five" is not a number`},
		{"-k", "101", "from 1 to 100"},
		{"-digits", "999", "at least 1000"},
		{"-epochs", "-1", "-epochs is -1, want at least 1"},
		{"-epochs", "0", "-epochs is 0"},
		{"-finetune", "7", "-finetune is 7, want 0 or one of the k, [10]"},
		{"-seed", "1 quick", "invalid"},
	} {
		args := append([]string{"-k", "10", "-digits", "1200"}, tt.flag, tt.value)
		if err := run(context.Background(), args, io.Discard); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: error %v, want one with %q", tt.flag, tt.value, err, tt.want)
		}
	}
}
