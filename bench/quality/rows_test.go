package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// deviations returns the root of the mean squared distance of the rows of x from their mean, and
// the norm of the mean.
func deviations(x *mat.Dense) (deviation, mean float64) {
	d := newDataset(x, x)
	rows, _ := x.Dims()
	return math.Sqrt(squares(x, d.mean) / float64(rows)), floats.Norm(d.mean, 2)
}

func TestDraw(t *testing.T) {
	w := world{dims: 40, atoms: 60, active: 3}
	x, atoms := w.draw(500)
	if r, c := x.Dims(); r != 500 || c != 40 {
		t.Fatalf("the rows are %d x %d", r, c)
	}
	for j := range 60 {
		if n := floats.Norm(atoms.RawRowView(j), 2); math.Abs(n-1) > 1e-12 {
			t.Errorf("atom %d has norm %v", j, n)
		}
	}
	again, _ := w.draw(500)
	if !mat.Equal(x, again) {
		t.Error("rows that are drawn again are others")
	}
	// The mean of size² is (1.5³-0.5³)/3, and directions are nearly at right angles.
	norm := mat.Norm(x, 2)
	if got, want := norm*norm/500, 3*(27.0/8-1.0/8)/3; math.Abs(got/want-1) > 0.15 {
		t.Errorf("the mean squared norm is %v, want about %v", got, want)
	}
	w.noise = 0.5
	noisy, _ := w.draw(500)
	norm = mat.Norm(noisy, 2)
	if got, want := norm*norm/500, 3.25+40*0.25; math.Abs(got/want-1) > 0.15 {
		t.Errorf("with noise the mean squared norm is %v, want about %v", got, want)
	}
}

// TestUneven: the first atoms are the most frequent.
func TestUneven(t *testing.T) {
	w := world{dims: 400, atoms: 100, active: 1, uneven: true}
	x, atoms := w.draw(2000)
	low := 0
	for i := range 2000 {
		for j := range 25 {
			if c := floats.Dot(x.RawRowView(i), atoms.RawRowView(j)) / floats.Norm(x.RawRowView(i), 2); c > 0.999 {
				low++
			}
		}
	}
	if low < 900 || low > 1100 { // 100·u² is below 25 for half of all u
		t.Errorf("%d of 2000 rows have one of the first quarter of the atoms, want about 1000", low)
	}
}

func TestDistort(t *testing.T) {
	w := world{dims: 64, atoms: 100, active: 8, noise: 0.02}
	plain, _ := w.draw(1000)
	w.mean = 10
	x, _ := w.draw(1000)
	before, _ := deviations(plain)
	deviation, mean := deviations(x)
	if math.Abs(deviation/before-1) > 1e-9 || mean < 9*deviation || mean > 11*deviation {
		t.Errorf("the mean has norm %v, the deviation is %v and was %v", mean, deviation, before)
	}
	w.mean, w.loud, w.loudness, w.longEvery, w.length = 0, 2, 30, 500, 60
	x, _ = w.draw(1000)
	var larger []string
	for c := range 64 {
		if r := x.At(1, c) / plain.At(1, c); math.Abs(r-30) < 1e-9 {
			larger = append(larger, fmt.Sprint(c))
		} else if r != 1 {
			t.Errorf("coordinate %d is %v times as large", c, r)
		}
	}
	if got := strings.Join(larger, " "); got != "21 42" {
		t.Errorf("the larger coordinates are %s", got)
	}
	long := 0
	for i := range 1000 {
		if r := x.At(i, 0) / plain.At(i, 0); math.Abs(r-60) < 1e-9 {
			long++
		}
	}
	if long != 2 {
		t.Errorf("%d of 1000 rows are longer, want 2", long)
	}
}

// TestSplit: every row is in one of the parts once, in another order, and the scale is right.
func TestSplit(t *testing.T) {
	x := mat.NewDense(105, 1, nil)
	for i := range 105 {
		x.Set(i, 0, float64(i+1))
	}
	norm := mat.Norm(x, 2)
	d := split(mat.DenseCopyOf(x), 0)
	rows, _ := d.train.Dims()
	held, _ := d.held.Dims()
	if rows != 94 || held != 11 {
		t.Fatalf("%d rows to train on, %d held out", rows, held)
	}
	seen, ordered := map[int]bool{}, 0
	for i, v := range append(mat.Col(nil, 0, d.train), mat.Col(nil, 0, d.held)...) {
		seen[int(math.Round(v*norm/math.Sqrt(105)))] = true
		if i > 0 && seen[i+1] {
			ordered++
		}
	}
	if len(seen) != 105 || seen[0] {
		t.Errorf("%d different rows", len(seen))
	}
	if got := floats.Sum(mat.Col(nil, 0, d.train)) / 94; math.Abs(got-d.mean[0]) > 1e-12 {
		t.Errorf("the mean is %v, want %v", d.mean, got)
	}
	if d.train.At(0, 0) < d.train.At(1, 0) && d.train.At(1, 0) < d.train.At(2, 0) && d.train.At(2, 0) < d.train.At(3, 0) {
		t.Error("the rows are not shuffled")
	}
	d = split(mat.DenseCopyOf(x), 50)
	norm = math.Hypot(mat.Norm(d.train, 2), mat.Norm(d.held, 2))
	if rows, _ := d.train.Dims(); rows != 45 || math.Abs(norm*norm-50) > 1e-9 {
		t.Errorf("of 50 rows %d are to train on, and the sum of squares is %v", rows, norm*norm)
	}
	d = split(mat.NewDense(mostHeld*10+20, 1, floats.Span(make([]float64, mostHeld*10+20), 1, 2)), 0)
	if held, _ := d.held.Dims(); held != mostHeld {
		t.Errorf("%d rows are held out", held)
	}
}

// TestKinds: each kind that makes its rows itself has the shape that it should have.
func TestKinds(t *testing.T) {
	want := map[string]int{"known": 64, "superposition": 768, "mean": 768, "outliers": 768}
	for _, k := range kinds() {
		if want[k.name] == 0 {
			continue
		}
		d, err := k.load(options{}, 100)
		if err != nil {
			t.Fatal(err)
		}
		if r, c := d.train.Dims(); r != 90 || c != want[k.name] || (d.truth != nil) != (k.name == "known") {
			t.Errorf("%s: %d x %d", k.name, r, c)
		}
		norm := math.Hypot(mat.Norm(d.train, 2), mat.Norm(d.held, 2))
		if math.Abs(norm*norm-100) > 1e-9 {
			t.Errorf("%s: the sum of squares is %v", k.name, norm*norm)
		}
	}
}

func TestWordRows(t *testing.T) {
	folder := t.TempDir()
	write := func(count int, vector func(i int) string) error {
		var words []string
		for i := range count {
			words = append(words, fmt.Sprintf(`"w%d":[%s]`, i, vector(i)))
		}
		text := `{"words":[],"vectors":{` + strings.Join(words, ",") + `}}`
		if err := os.WriteFile(filepath.Join(folder, wordsFile), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := wordRows(options{words: folder}, 0)
		return err
	}
	good := func(i int) string { return strings.Repeat(fmt.Sprint(i+1, ","), 100) + fmt.Sprint("1,", i) }
	if err := write(40, good); err != nil {
		t.Fatal(err)
	}
	a, _ := wordRows(options{words: folder}, 0)
	b, _ := wordRows(options{words: folder}, 0)
	if !mat.Equal(a.train, b.train) { // Go's maps have no order
		t.Error("words that are read again are others")
	}
	for name, vector := range map[string]func(int) string{
		"short":     func(int) string { return "1,2" },
		"no place":  func(i int) string { return strings.Repeat("1,", 101) + fmt.Sprint(i+40) },
		"twice":     func(i int) string { return strings.Repeat("1,", 101) + "3" },
		"no number": func(i int) string { return `"a"` },
	} {
		if err := write(40, vector); err == nil || !strings.Contains(err.Error(), wordsFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := write(3, good); err == nil {
		t.Error("three words are no error")
	}
}
