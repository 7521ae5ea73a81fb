package main

import (
	"bytes"
	"context"
	"regexp"
	"strconv"
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
