package search

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/data"
)

// made is rows, their codes and the model of the codes.
type made struct {
	rows  *mat.Dense
	model *ksparse.Frozen
	codes *ksparse.Codes
}

// madeRows returns rows in clusters of about 30, and a network with weights as they are drawn. signed codes have negative
// values too.
func madeRows(t testing.TB, rows, cols, latents, k int, signed bool) *made {
	t.Helper()
	r := rand.New(rand.NewPCG(7, uint64(rows)))
	m := &made{rows: mat.NewDense(rows, cols, nil)}
	centres := mat.NewDense(rows/30+1, cols, nil)
	for i, x := range centres.RawMatrix().Data {
		centres.RawMatrix().Data[i] = x + r.NormFloat64()
	}
	for i := range rows {
		centre := centres.RawRowView(r.IntN(rows/30 + 1))
		for j := range m.rows.RawRowView(i) {
			m.rows.Set(i, j, centre[j]+0.5*r.NormFloat64()+0.3)
		}
	}
	cfg := ksparse.Config{Inputs: cols, Latents: latents, K: k, Seed: 3}
	if signed {
		cfg.Selection = ksparse.SelectAbsTopK
	}
	net, err := ksparse.New(cfg)
	must(t, err)
	must(t, net.StartFrom(m.source(t, 0, rows), ksparse.Start{}))
	m.model, err = net.Freeze()
	must(t, err)
	m.codes, err = m.model.Encode(m.rows)
	must(t, err)
	return m
}

// source returns the rows lo to hi.
func (m *made) source(t testing.TB, lo, hi int) data.Source {
	t.Helper()
	_, cols := m.rows.Dims()
	s, err := data.FromMatrix(m.rows.Slice(lo, hi, 0, cols))
	must(t, err)
	return s
}

// add returns x, or for nil a new index, with the rows lo to hi.
func (m *made) add(t testing.TB, x *Index, lo, hi int) *Index {
	t.Helper()
	src := m.source(t, lo, hi)
	codes, err := codefile.Encode(m.model, src)
	must(t, err)
	o := Options{Rows: src, Model: m.model}
	var y *Index
	if x == nil {
		y, err = Build(context.Background(), codes, o)
	} else {
		y, err = x.Add(context.Background(), codes, o)
	}
	must(t, err)
	return y
}

// query returns the question for a row that is near row i.
func (m *made) query(i, k int) Near {
	r := rand.New(rand.NewPCG(9, uint64(i)))
	row := append([]float64(nil), m.rows.RawRowView(i)...)
	for j := range row {
		row[j] += 0.1 * r.NormFloat64()
	}
	return Near{Row: row, K: k}
}

// exactly returns the k rows of all that count with the largest cosines, computed in a plain way.
func (m *made) exactly(q Near, counts func(id int64) bool) []Hit {
	rows, _ := m.rows.Dims()
	var hits []Hit
	for i := range rows {
		if counts != nil && !counts(int64(i)) {
			continue
		}
		dot, a, b := 0.0, 0.0, 0.0
		for j, v := range m.rows.RawRowView(i) {
			w := float64(float32(v))
			dot, a, b = dot+w*q.Row[j], a+w*w, b+q.Row[j]*q.Row[j]
		}
		hits = append(hits, Hit{int64(i), dot / math.Sqrt(a*b)})
	}
	sortHits(hits)
	return hits[:min(q.K, len(hits))]
}

// shared returns how many IDs two lists of hits share.
func shared(a, b []Hit) (n int) {
	ids := NewIDs()
	for _, h := range a {
		ids.Add(h.ID)
	}
	for _, h := range b {
		if ids.Contains(h.ID) {
			n++
		}
	}
	return n
}
