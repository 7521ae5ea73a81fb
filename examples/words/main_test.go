package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// TestRun finds themes in the excerpt. The months are one of them, whatever else is
// learned.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(context.Background(), []string{"-latents", "256", "-epochs", "8", "-themes", "20"}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`6000 words, .* 256 latents, 8 of them active; seed 1`,
		`epoch +8/8 +FVU 0\.`,
		`FVU +cosine +L0 +dead +seconds\n +0\.2\d{3} +0\.\d{4} +8\.00 +\d+, [01]\.\d\d %`,
		`(?m)^ +\d+  0\.\d\d .*\b(september|october|november|december)\b`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("the output does not match %q:\n%s", want, out.String())
		}
	}
}

// TestExcerpt: an excerpt of the excerpt is the same words and vectors.
func TestExcerpt(t *testing.T) {
	want, err := load("")
	if err != nil {
		t.Fatal(err)
	}
	if want.words[0] != "the" || !slices.Contains(want.words, "music") {
		t.Errorf("the words begin with %q", want.words[:10])
	}
	path := filepath.Join(t.TempDir(), "excerpt.json.gz")
	if err := run(context.Background(), []string{"-excerpt", path}, io.Discard); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(z)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.words, want.words) || !mat.Equal(got.vectors, want.vectors) {
		t.Error("the excerpt of the excerpt is another")
	}
}

func TestNoPackage(t *testing.T) {
	if err := run(context.Background(), []string{"-path", t.TempDir()}, io.Discard); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist", err)
	}
}

func TestReadErrors(t *testing.T) {
	for file, want := range map[string]string{
		`{`:                                     "EOF",
		`{}`:                                    "no words",
		`{"words":["a"]}`:                       "0 numbers",
		`{"words":["a"],"vectors":{"a":[1,2]}}`: `"a" has 2 numbers, want 100`,
	} {
		if _, err := read(strings.NewReader(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", file, err, want)
		}
	}
}

// TestBadFlags: the error names the flag.
func TestBadFlags(t *testing.T) {
	for _, args := range [][]string{{"-latents", "-1"}, {"-k", "-1"}, {"-k", "1025"}, {"-epochs", "-1"}, {"-themes", "-1"}, {"-k", "0"}, {"-latents", "0"}, {"-epochs", "0"}, {"-latents", "99999999"}} {
		if err := run(context.Background(), args, io.Discard); err == nil || !strings.Contains(err.Error(), args[0]+" is "+args[1]) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
