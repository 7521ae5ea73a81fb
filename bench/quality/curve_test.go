package main

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/bench/internal/table"
)

func TestTimeTo(t *testing.T) {
	nan := math.NaN()
	curve := []point{{1, 1, 1}, {2, 2, 0.5}, {4, 4, nan}, {8, 8, 0.6}, {16, 16, 0.15}}
	for level, want := range map[float64]float64{
		2: 1, 1: 1, // from the beginning
		math.Sqrt(0.5): math.Sqrt(2), // the middle of a line on logarithmic axes
		0.5:            2,
		0.3:            8 * math.Sqrt(2),
		0.15:           16,
		0.1:            nan, // never
	} {
		if got := timeTo(curve, level); math.Abs(got-want) > 1e-9 || math.IsNaN(got) != math.IsNaN(want) {
			t.Errorf("the time to %v is %v, want %v", level, got, want)
		}
	}
	// Where there is no line, the first point that is low enough counts.
	for _, curve := range [][]point{
		{{1, 1, nan}, {2, 2, 0.4}}, {{1, 1, math.Inf(1)}, {2, 2, 0.4}}, {{1, 0, 1}, {2, 2, 0}},
	} {
		if got := timeTo(curve, 0.5); got != 2 {
			t.Errorf("%v: the time is %v, want 2", curve, got)
		}
	}
	if got := timeTo(nil, 1); !math.IsNaN(got) {
		t.Errorf("of nothing the time is %v", got)
	}
}

func TestEvaluations(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 200, 2350, 1_000_000} {
		at := evaluations(n)
		if at[0] != 1 || at[len(at)-1] != n || len(at) > 40 || n > 200 && len(at) < 20 {
			t.Errorf("%d steps: %v", n, at)
		}
		for i := 1; i < len(at); i++ {
			if at[i] <= at[i-1] {
				t.Errorf("%d steps: %v", n, at)
			}
		}
	}
}

func TestLevels(t *testing.T) {
	mine := outcome{curve: []point{{1, 1, 5}, {2, 2, 0.0625}}}
	peers := []outcome{{curve: []point{{1, 1, 0.3}}}, {curve: []point{{1, 1, 0.300001}}}, {curve: []point{{1, 1, math.NaN()}}}, {failed: "x"}}
	if got, want := levels(nil, mine, peers), []float64{0.5, 0.300001, 0.25, 0.12}; !slices.Equal(got, want) { // 0.125 is even
		t.Errorf("levels are %v, want %v", got, want)
	}
	if got, want := levels([]float64{0.2, 0.4}, mine, peers[:1]), []float64{0.4, 0.3, 0.2}; !slices.Equal(got, want) {
		t.Errorf("levels are %v, want %v", got, want)
	}
	// Nothing was learned.
	if got := levels(nil, outcome{curve: []point{{1, 1, 1}, {2, 2, 3}}}, nil); len(got) != 0 {
		t.Errorf("levels are %v", got)
	}
}

func TestTable(t *testing.T) {
	list := []outcome{
		{name: "ours", curve: []point{{1, 0.05, 1}, {100, 123.4, 0.25}}, dead: 0.125, l0: 4, rate: 0.001, recovery: 0.987},
		{name: "β", failed: "it broke", rate: math.NaN()},
		{name: "other", curve: []point{{1, 5, math.NaN()}}, dead: 1, l0: 0, rate: 0.004, recovery: math.NaN()},
	}
	var b strings.Builder
	if err := table.Write(&b, outcomeHead([]float64{1, 0.25}, true), outcomeRows(list, []float64{1, 0.25}, true)); err != nil {
		t.Fatal(err)
	}
	want := "" +
		"| trainer |  rate |    FVU |    dead |   L0 | recovery | seconds |  to 1 | to 0.25 |\n" +
		"| ------- | ----: | -----: | ------: | ---: | -------: | ------: | ----: | ------: |\n" +
		"| ours    | 0.001 | 0.2500 |  12.5 % | 4.00 |   0.9870 |     123 | 0.050 |     123 |\n" +
		"| β       |     – |      – |       – |    – |        – |       – |     – |       – |\n" +
		"| other   | 0.004 |      – | 100.0 % | 0.00 |        – |    5.00 |     – |       – |\n"
	if b.String() != want {
		t.Errorf("the table is\n%swant\n%s", b.String(), want)
	}
}

// TestPicture: curves without points, and with numbers that have no place on the axes.
func TestPicture(t *testing.T) {
	nan := math.NaN()
	for _, curve := range [][]point{nil, {{1, 0, 1}}, {{1, 1, nan}}, {{1, 1, 5}, {2, 2, 4}}, {{1, 1, 1e300}, {2, 2, math.Inf(1)}, {3, 3, 0.1}}} {
		path := t.TempDir() + "/p.png"
		if err := drawPanels(path, []panel{{"a", []outcome{{name: "ours", curve: curve}, {name: "b"}}}, {"b", nil}, {"c", nil}}); err != nil {
			t.Errorf("%v: %v", curve, err)
		}
	}
	if err := drawPanels(t.TempDir()+"/no/p.png", []panel{{title: "a"}}); err == nil {
		t.Error("a folder that is not there is no error")
	}
}
