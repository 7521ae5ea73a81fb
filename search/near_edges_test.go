package search

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
)

// sameHits compares two answers.
func sameHits(t *testing.T, got, want []Hit) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestNearestLength: the length of the row that is asked for makes no difference.
func TestNearestLength(t *testing.T) {
	for _, latents := range []int{64, 1 << 15} { // atoms, and codes of the row
		m := madeRows(t, 2000, 32, latents, 6, false)
		x := m.add(t, nil, 0, 2000)
		if atoms := x.dense.atoms != nil; atoms != (latents == 64) {
			t.Fatalf("%d latents: atoms %v", latents, atoms)
		}
		for i := range 20 {
			q := m.query(i, 10)
			q.Recall = 0.8
			want, err := x.Nearest(nil, q)
			must(t, err)
			for _, power := range []int{-400, -60, -3, 3, 60, 400} { // by powers of two nothing is rounded
				far := q
				far.Row = make([]float64, len(q.Row))
				for j, v := range q.Row {
					far.Row[j] = math.Ldexp(v, power)
				}
				got, err := x.Nearest(nil, far)
				must(t, err)
				sameHits(t, got, want)
			}
		}
	}
}

// TestNearestAll: K may be larger than the index, and for a recall of 1 all rows are compared.
func TestNearestAll(t *testing.T) {
	m := madeRows(t, 700, 16, 64, 4, false)
	x := m.add(t, nil, 0, 700)
	q := m.query(3, math.MaxInt)
	hits, err := x.Nearest(nil, q)
	must(t, err)
	if len(hits) != 700 {
		t.Errorf("%d hits of 700 rows", len(hits))
	}
	q.K, q.Recall = 10, 1
	hits, err = x.Nearest(nil, q)
	must(t, err)
	for i, want := range m.exactly(q, func(int64) bool { return true }) { // sums in another order
		if hits[i].ID != want.ID || math.Abs(hits[i].Score-want.Score) > 1e-12 {
			t.Errorf("hit %d: %v, want %v", i, hits[i], want)
		}
	}
}

// TestOtherModel: rows are added with the model of the index, also after it was saved.
func TestOtherModel(t *testing.T) {
	m := madeRows(t, 400, 16, 64, 4, false)
	x := m.add(t, nil, 0, 200)
	net, err := ksparse.New(ksparse.Config{Inputs: 16, Latents: 64, K: 4, Seed: 99})
	must(t, err)
	net.Init(99)
	other, err := net.Freeze()
	must(t, err)
	rows := m.source(t, 200, 400)
	codes, err := codefile.Encode(other, rows)
	must(t, err)
	path := t.TempDir() + "/index"
	must(t, x.Save(path))
	opened, err := Open(path)
	must(t, err)
	defer opened.Close()
	if _, err := Build(ctx, codes, Options{Rows: rows, Model: m.model}); !errors.Is(err, ksparse.ErrShape) || !strings.Contains(err.Error(), "other codes") {
		t.Errorf("%v", err)
	}
	for _, x := range []*Index{x, opened} {
		if _, err := x.Add(ctx, codes, Options{Rows: rows, Model: other}); !errors.Is(err, ksparse.ErrShape) || !strings.Contains(err.Error(), "another decoder") {
			t.Errorf("%v", err)
		}
		m.add(t, x, 200, 400)
	}
}

// TestCalibrateFar: where codes do not find the nearest rows, here those of a network that was not made for such rows, a
// calibrated index finds them in another way, and says so. Half of the rows are zeros, which are no questions.
func TestCalibrateFar(t *testing.T) {
	m := madeRows(t, 3000, 24, 64, 2, false)
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 3000 {
		for j := range 24 {
			v := 0.0
			if i%2 == 0 {
				v = 50 + r.NormFloat64()
			}
			m.rows.Set(i, j, v)
		}
	}
	x, err := m.add(t, nil, 0, 3000).Calibrate(ctx, 100, nil)
	must(t, err)
	if warnings := strings.Join(x.Stats().Warnings, " "); !strings.Contains(warnings, "Nearest compares all rows") {
		t.Errorf("warnings: %s", warnings)
	}
	found, wanted := 0, 0
	for i := range 40 {
		q := Near{Row: append([]float64(nil), mat.Row(nil, 2*i, m.rows)...), K: 10, Recall: 0.9}
		got, err := x.Nearest(nil, q)
		must(t, err)
		want := m.exactly(q, func(int64) bool { return true })
		wanted += len(want)
		for _, w := range want {
			for _, h := range got {
				if h.ID == w.ID {
					found++
				}
			}
		}
	}
	if share := float64(found) / float64(wanted); share < 0.85 {
		t.Errorf("recall %.2f, asked for 0.9", share)
	}
}
