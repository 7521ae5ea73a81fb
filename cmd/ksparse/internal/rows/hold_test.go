package rows

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// table writes n rows of three numbers as CSV, and returns its path and the numbers.
func table(t *testing.T, n int, number func(i int) float64) (string, []float64) {
	t.Helper()
	var text strings.Builder
	var numbers []float64
	for i := range n {
		row := []float64{number(3 * i), number(3*i + 1), number(3*i + 2)}
		numbers = append(numbers, row...)
		fmt.Fprintf(&text, "%v,%v,%v\n", row[0], row[1], row[2])
	}
	path := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return path, numbers
}

// TestHold: the rows in memory are those of the file, to the bit, in any pieces, when the file is gone.
func TestHold(t *testing.T) {
	const n = 1000
	rng := rand.New(rand.NewPCG(1, 1))
	for what, number := range map[string]func(int) float64{
		"float32":                   func(int) float64 { return float64(float32(rng.NormFloat64())) },
		"float64":                   func(int) float64 { return rng.NormFloat64() },
		"the last number is longer": func(i int) float64 { return map[bool]float64{true: 0.1, false: 0.5}[i == 3*n-1] },
		"denormal, huge, -0":        func(i int) float64 { return []float64{5e-324, 1e308, math.Copysign(0, -1)}[i%3] },
	} {
		path, want := table(t, n, number)
		s, err := Open(Options{}, path)
		if err != nil {
			t.Fatal(err)
		}
		h, ok, err := Hold(context.Background(), s, 3*n*8)
		if err != nil || !ok {
			t.Fatalf("%s: %v, %v", what, ok, err)
		}
		if err := errors.Join(s.Close(), os.Remove(path)); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			lo := rng.IntN(n)
			hi := lo + rng.IntN(n-lo+1)
			got := make([]float64, 3*(hi-lo))
			if err := h.ReadRows(got, lo, hi); err != nil {
				t.Fatal(err)
			}
			for i, v := range got {
				if math.Float64bits(v) != math.Float64bits(want[3*lo+i]) {
					t.Fatalf("%s: number %d of row %d is %v, want %v", what, i%3, lo+i/3, v, want[3*lo+i])
				}
			}
		}
		for _, r := range [][3]int{{-1, 2, 9}, {2, 1, 0}, {0, n + 1, 3 * (n + 1)}, {0, 2, 5}} {
			if err := h.ReadRows(make([]float64, r[2]), r[0], r[1]); err == nil {
				t.Errorf("%s: rows %d to %d in %d numbers are no error", what, r[0], r[1], r[2])
			}
		}
	}
}

// TestHoldLimit: rows that take more than the limit stay where they are: 4 bytes a number in float32, else 8.
func TestHoldLimit(t *testing.T) {
	for bytes, number := range map[int64]float64{4: 0.5, 8: 0.1} {
		path, _ := table(t, 100, func(int) float64 { return number })
		s, err := Open(Options{}, path)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, c := range []struct {
			most int64
			ok   bool
		}{{300*bytes - 1, false}, {300 * bytes, true}, {0, false}} {
			got, ok, err := Hold(context.Background(), s, c.most)
			if err != nil || ok != c.ok || !ok && got != s {
				t.Errorf("%v, at most %d bytes: in memory %v, %v", number, c.most, ok, err)
			}
		}
	}
}

// broken is a source of which a row cannot be read, or is NaN.
type broken struct {
	Source
	err error // nil for NaN
}

func (b broken) Dims() (rows, cols int) { return 3, 2 }
func (b broken) Origin(row int) string  { return fmt.Sprintf("line %d of the file", row+1) }
func (b broken) ReadRows(dst []float64, lo, hi int) error {
	for i := range dst {
		dst[i] = math.NaN()
	}
	return b.err
}

// TestHoldErrors: an error of the source is returned as it is; NaN stays where it is, and the source says where that
// is; Ctrl-C ends the reading.
func TestHoldErrors(t *testing.T) {
	gone := errors.New("disk gone")
	if s, ok, err := Hold(context.Background(), broken{err: gone}, 1<<20); err != gone || ok || s == nil {
		t.Errorf("in memory %v, error %v", ok, err)
	}
	h, ok, err := Hold(context.Background(), broken{}, 1<<20)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	row := make([]float64, 2)
	if err := h.ReadRows(row, 1, 2); err != nil || row[0] == row[0] {
		t.Errorf("row 1 is %v, %v", row, err)
	}
	if got := h.(interface{ Origin(int) string }).Origin(1); got != "line 2 of the file" {
		t.Errorf("row 1 comes from %q", got)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Hold(done, broken{}, 1<<20); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
