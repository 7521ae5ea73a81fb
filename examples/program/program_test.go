package program

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/train"
)

// TestStart: how a program ends.
func TestStart(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("failed")
	for _, c := range []struct {
		err  error
		want string
	}{{nil, ""}, {flag.ErrHelp, ""}, {failed, "failed"}, {fmt.Errorf("k = 5: %w", context.Canceled), "interrupted"}} {
		err := start(context.Background(), file, nil, func(_ context.Context, _ []string, w io.Writer) error {
			fmt.Fprint(w, "x")
			return c.err
		})
		if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("after %v: %v, want %q", c.err, err, c.want)
		}
	}
	if text, err := os.ReadFile(file.Name()); err != nil || string(text) != "xxxx" {
		t.Errorf("%q was written, %v", text, err)
	}
	file.Close()
	ended := false
	err = start(context.Background(), file, nil, func(ctx context.Context, _ []string, w io.Writer) error {
		fmt.Fprint(w, "x")
		ended = ctx.Err() != nil
		return nil
	})
	if !errors.Is(err, os.ErrClosed) || !ended {
		t.Errorf("where nothing can be written: %v, ended %v", err, ended)
	}
}

// TestParse: nothing may stand after the flags.
func TestParse(t *testing.T) {
	flags := flag.NewFlagSet("x", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	a := flags.Int("a", 1, "")
	flags.Int("b", 2, "")
	given, err := Parse(flags, []string{"-a", "1"})
	if err != nil || !given["a"] || given["b"] || *a != 1 {
		t.Errorf("%v, %v", given, err)
	}
	if _, err := Parse(flags, []string{"quick"}); err == nil || !strings.Contains(err.Error(), `"quick" is no flag`) {
		t.Errorf("an argument: %v", err)
	}
}

// TestWriteFile: a file comes whole, or stays as it was.
func TestWriteFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "x")
	for _, text := range []string{"old", "new"} {
		if err := WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	missing := filepath.Join(folder, "no", "x")
	if err := WriteFile(missing, nil); err == nil || !strings.Contains(err.Error(), missing+":") {
		t.Errorf("no folder: %v", err)
	}
	if err := WriteFile(os.DevNull, []byte("x")); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Errorf("%v lie there, %v", entries, err)
	}
}

// TestMakeFolder: what cannot be a folder to write in.
func TestMakeFolder(t *testing.T) {
	folder := t.TempDir()
	if err := MakeFolder("out", filepath.Join(folder, "a", "b")); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", filepath.Join(folder, "file"), filepath.Join(folder, "file", "x")} {
		if err := MakeFolder("out", path); err == nil || !strings.HasPrefix(err.Error(), "-out") {
			t.Errorf("%q: %v", path, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(folder, "a", "b")); err != nil || len(entries) != 0 {
		t.Errorf("%v lie there, %v", entries, err)
	}
}

// TestPrintAdvice: a line for each sentence, and none where nothing was noticed or trained.
func TestPrintAdvice(t *testing.T) {
	var out bytes.Buffer
	PrintAdvice(&out, nil)
	PrintAdvice(&out, &train.History{})
	PrintAdvice(&out, &train.History{Advice: []string{"lower it", "take fewer"}})
	if got := out.String(); got != "advice: lower it\nadvice: take fewer\n" {
		t.Errorf("got %q", got)
	}
}
