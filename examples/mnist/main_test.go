package main

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRun runs the whole program on a small training.
func TestRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pictures")
	var out bytes.Buffer
	if err := run(context.Background(), []string{"-k", "5,20", "-epochs", "2", "-digits", "1500", "-out", dir}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`k = 5 +epoch +2/2`, `k = 20 +epoch +2/2`, // progress, in plain lines because out is no terminal
		`k +test MSE +PSNR \(dB\) +FVU +L0 +dead +samples/s`,
		`(?m)^ +5 +0\.0\d+ +\d+\.\d+ +0\.\d+ +\d\.\d +\d+ +\d+$`,
		`(?m)^ +20 +0\.0\d+ `,
		`Pictures are in ` + regexp.QuoteMeta(dir),
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("the output does not match %q:\n%s", want, out.String())
		}
	}
	if strings.ContainsAny(out.String(), "\r\x1b") {
		t.Error("a progress bar was drawn where there is no terminal")
	}
	for _, name := range []string{"reconstructions", "atoms-k5", "atoms-k20", "training", "frequencies"} {
		checkPicture(t, filepath.Join(dir, name+".png"))
	}
}

// checkPicture fails unless the file is a picture with something on it.
func checkPicture(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	colours := map[[3]uint32]bool{}
	size := picture.Bounds()
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			r, g, b, _ := picture.At(x, y).RGBA()
			colours[[3]uint32{r, g, b}] = true
		}
	}
	if size.Dx() < 300 || size.Dy() < 200 || len(colours) < 20 {
		t.Errorf("%s: %d x %d pixels in %d colours", path, size.Dx(), size.Dy(), len(colours))
	}
}

// TestInterrupted: after Ctrl-C there are a table and pictures of what is trained.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	out := &cancelling{after: "epoch  2", cancel: cancel}
	err := run(ctx, []string{"-k", "5,20", "-epochs", "1000", "-digits", "300", "-out", dir}, out)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if s := out.String(); !strings.Contains(s, "Interrupted at k = 5") || !strings.Contains(s, "test MSE") {
		t.Errorf("the output is:\n%s", s)
	}
	checkPicture(t, filepath.Join(dir, "reconstructions.png"))
}

// cancelling cancels once some text has been written.
type cancelling struct {
	bytes.Buffer
	after  string
	cancel func()
}

func (c *cancelling) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(c.after)) {
		c.cancel()
	}
	return c.Buffer.Write(p)
}

// TestQuick: what other flags say goes before what -quick stands for.
func TestQuick(t *testing.T) {
	for args, want := range map[string][2]int{"-quick": {3, 6000}, "-quick -digits 100": {3, 100}, "-epochs 1 -quick": {1, 6000}, "-epochs 2": {2, 60000}} {
		s, err := parseFlags(strings.Fields(args))
		if err != nil || s.epochs != want[0] || s.digits != want[1] {
			t.Errorf("%s: %d epochs on %d digits, %v", args, s.epochs, s.digits, err)
		}
	}
}

func TestBadFlags(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string // in the error
	}{
		{[]string{"-k", "five"}, `"five" is not a number`},
		{[]string{"-k", ""}, `"" is not a number`},
		{[]string{"-k", "5,-3"}, `"-3" is not a number`},
		{[]string{"-k", "101"}, "from 1 to 100"},
		{[]string{"-digits", "99"}, "at least 100"},
		{[]string{"-epochs", "x"}, "epochs"},
		{[]string{"-epochs", "-1"}, "-epochs is -1"},
		{[]string{"-nonsense"}, "nonsense"},
		{[]string{"-digits", "60001"}, "at most 60000"},
		{[]string{"-out", ""}, "-out is empty"},
		{[]string{"-out", "main.go"}, "-out: mkdir main.go"},
		{[]string{"quick"}, "no flag"},
	} {
		args := append([]string{"-digits", "100", "-out", t.TempDir()}, tt.args...)
		err := run(context.Background(), args, io.Discard)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: error %v, want one with %q", tt.args, err, tt.want)
		}
	}
}
