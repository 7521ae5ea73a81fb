package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asCommand says to the test program that it should be the command.
const asCommand = "KSPARSE_TEST_COMMAND"

// TestMain runs the tests, or is the command where a test has started it as that.
func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// command returns the command with these arguments as a process, not started.
func command(folder string, args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), asCommand+"=1")
	c.Dir = folder
	return c
}

// ended is what a process has left.
type ended struct {
	out, err string
	code     int
}

// call runs the command in a folder.
func call(t *testing.T, folder string, args ...string) ended {
	t.Helper()
	c := command(folder, args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return ended{out.String(), errs.String(), c.ProcessState.ExitCode()}
}

// works runs the command, which must succeed, and returns what it prints.
func works(t *testing.T, folder string, args ...string) string {
	t.Helper()
	e := call(t, folder, args...)
	if e.code != 0 {
		t.Fatalf("ksparse %s: exit code %d\n%s%s", strings.Join(args, " "), e.code, e.out, e.err)
	}
	return e.out
}

// refuses runs the command, which must fail with the exit code and one line of text with want in it.
func refuses(t *testing.T, folder string, code int, want string, args ...string) {
	t.Helper()
	e := call(t, folder, args...)
	lines := strings.Split(strings.TrimRight(e.err, "\n"), "\n")
	last := lines[len(lines)-1]
	if e.code != code || !strings.HasPrefix(last, "ksparse: ") || !strings.Contains(last, want) || strings.Contains(e.err, "Usage:") {
		t.Errorf("ksparse %s: exit code %d, want %d with %q:\n%s", strings.Join(args, " "), e.code, code, want, e.err)
	}
	if goName.MatchString(last) {
		t.Errorf("ksparse %s: %s has a name of Go", strings.Join(args, " "), last)
	}
}

// samples returns rows of mixed atoms, each of three of 24.
func samples(rows, cols int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	atoms := make([]float64, 24*cols)
	fixed := rand.New(rand.NewPCG(7, 7))
	for i := range atoms {
		atoms[i] = fixed.Float64() - 0.5
	}
	x := make([]float32, rows*cols)
	for i := range rows {
		for range 3 {
			a, scale := rng.IntN(24), 0.5+rng.Float64()
			for j := range cols {
				x[i*cols+j] += float32(scale * atoms[a*cols+j])
			}
		}
	}
	return x
}

// writeNpy writes float32 numbers as numpy.save does, format version 1.0.
func writeNpy(t *testing.T, path string, rows, cols int, numbers []float32) {
	t.Helper()
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", rows, cols)
	header += strings.Repeat(" ", 117-len(header)) + "\n"
	b := append([]byte("\x93NUMPY\x01\x00\x76\x00"), header...)
	for _, v := range numbers {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// The rows of the tests.
const testRows, testCols = 600, 16

// folderWithRows makes a folder with x.npy in it.
func folderWithRows(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	writeNpy(t, filepath.Join(folder, "x.npy"), testRows, testCols, samples(testRows, testCols, 1))
	return folder
}

// readFile returns a file of the folder.
func readFile(t *testing.T, folder, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// listed returns the names in a folder.
func listed(t *testing.T, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}
