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

// TestRun trains on a part of the digits, enough for an accuracy of 75 %.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	err := run(context.Background(), []string{"-digits", "2000", "-hidden", "100", "-k", "20", "-epochs", "3"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`Test accuracy: ([0-9.]+) %`).FindStringSubmatch(out.String())
	if m == nil {
		t.Fatalf("no accuracy in the output:\n%s", out.String())
	}
	if accuracy, err := strconv.ParseFloat(m[1], 64); err != nil || accuracy < 75 {
		t.Errorf("the accuracy is %s %%", m[1])
	}
}

// TestInterrupted: after Ctrl-C the accuracy is not called that of the whole training.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out bytes.Buffer
	err := run(ctx, []string{"-digits", "200", "-hidden", "20", "-k", "5"}, &out)
	if !errors.Is(err, context.Canceled) || !strings.Contains(out.String(), "Interrupted before the end; as far as the training came: Test accuracy") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// TestBadFlags: the error names the flag.
func TestBadFlags(t *testing.T) {
	for _, args := range [][]string{{"-hidden", "0"}, {"-k", "0"}, {"-k", "1001"}, {"-epochs", "-1"}, {"-digits", "-1"}, {"-hidden", "99999999"}, {"-epochs", "9223372036854775807"}} {
		if err := run(context.Background(), args, io.Discard); err == nil || !strings.Contains(err.Error(), args[0]+" is "+args[1]+", want at ") {
			t.Errorf("%v: %v", args, err)
		}
	}
}
