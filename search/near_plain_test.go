package search

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/kernel"
)

// sortHits puts hits in the order of an answer.
func sortHits(hits []Hit) {
	slices.SortFunc(hits, func(a, b Hit) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID)) })
}

// plainBytes puts numbers into integers of -127 to 127, and returns the unit.
func plainBytes(x []float64) (b []int, unit float64) {
	largest := 0.0
	for _, v := range x {
		largest = max(largest, math.Abs(v))
	}
	for _, v := range x {
		if largest == 0 {
			b = append(b, 0)
			continue
		}
		b = append(b, int(math.RoundToEven(v*(127/largest))))
	}
	return b, largest / 127
}

// dotInts multiplies two rows of integers.
func dotInts(a, b []int) (sum int) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// plainAsk returns the latents that a search asks for, ascending, and their weights, by the definition.
func (m *made) plainAsk(x *Index, q Near, n int) (asked []int32, weights []float64) {
	type term struct {
		latent int32
		value  float64
	}
	var terms []term
	if x.dense.atoms == nil {
		for t, j := range q.Latents {
			terms = append(terms, term{j, q.Values[t]})
		}
	} else {
		d, err := newDecoder(m.model, x.latents)
		if err != nil {
			panic(err)
		}
		centred := make([]float64, len(q.Row))
		largest, squares := 0.0, 0.0
		for _, v := range q.Row {
			largest = max(largest, math.Abs(v))
		}
		_, exponent := math.Frexp(largest)
		scaled := make([]float64, len(q.Row))
		for p, v := range q.Row {
			scaled[p] = math.Ldexp(v, -exponent)
		}
		squares = kernel.SumSquares(scaled)
		for p := range centred {
			centred[p] = float64(scaled[p]*(x.usual/math.Sqrt(squares))) - d.bias[p]
		}
		query, _ := plainBytes(centred)
		for j := range x.latents {
			atom := make([]float64, d.cols)
			for p := range atom {
				atom[p] = float64(d.atoms[j*d.cols+p])
			}
			b, unit := plainBytes(atom)
			if x.nearest[j] > 0 {
				terms = append(terms, term{int32(j), float64(dotInts(b, query)) * float64(float32(unit))})
			}
		}
	}
	size := func(t term) float64 {
		if x.dense.signed {
			return math.Abs(t.value)
		}
		return t.value
	}
	terms = slices.DeleteFunc(terms, func(t term) bool { return size(t) <= 0 })
	slices.SortStableFunc(terms, func(a, b term) int { return cmp.Compare(size(b), size(a)) })
	terms = terms[:min(n, len(terms))]
	largest := 0.0
	for _, t := range terms {
		largest = max(largest, math.Abs(t.value))
	}
	slices.SortFunc(terms, func(a, b term) int { return cmp.Compare(a.latent, b.latent) })
	for _, t := range terms {
		asked, weights = append(asked, t.latent), append(weights, t.value/largest)
	}
	return asked, weights
}

// plainSums returns the sums of all rows, by place.
func plainSums(x *Index, asked []int32, weights []float64) []int {
	total, m := 0.0, 0
	for t, j := range asked {
		if x.nearest[j] > 0 {
			total, m = total+math.Abs(weights[t])*x.nearest[j], m+1
		}
	}
	gain := float64(65535 - m/2)
	sums := make([]int, x.stored())
	for i := range x.parts {
		p := &x.parts[i]
		for t, j := range asked {
			largest := p.near.postings.largest[j]
			if x.nearest[j] == 0 || largest == 0 {
				continue
			}
			factor := int(math.RoundToEven(gain * (weights[t] * largest / total)))
			for row := range p.ids {
				latents, values := p.codes.row(row)
				if at, found := slices.BinarySearch(latents, j); found && values[at] != 0 {
					u := int32(posting(values[at]*p.near.scales[row], largest, 0)) >> 16
					sums[p.first+row] += factor * int(u)
				}
			}
		}
	}
	return sums
}

// plainCandidates returns the places of the candidates, ascending, by the definition.
func plainCandidates(x *Index, sums []int, n int, only *IDs) (places []int) {
	for _, sampled := range []bool{true, false} {
		places = places[:0]
		above := 0
		cut := func(n int) {
			if len(places) <= n {
				return
			}
			order := slices.Clone(places)
			slices.SortFunc(order, func(a, b int) int { return cmp.Compare(sums[b], sums[a]) })
			above = sums[order[n-1]] - 1
			places = slices.DeleteFunc(places, func(p int) bool { return sums[p] <= above })
		}
		take := func(p *part, lo, hi int) {
			for row := lo; row < hi; row++ {
				if sums[p.first+row] > above && !p.deleted.has(row) && (only == nil || only.Contains(p.ids[row])) {
					places = append(places, p.first+row)
				}
			}
		}
		expected := func(rows int) int { return int(1.15*float64(n)*float64(rows)/float64(x.stored())) + 1 }
		for i := range x.parts {
			p := &x.parts[i]
			for lo := 0; lo < len(p.ids); lo += blockRows {
				hi, from := min(lo+blockRows, len(p.ids)), lo
				if sampled {
					from = min(lo+takeRows, hi)
					take(p, lo, from)
					cut(4 * expected(from-lo))
				}
				take(p, from, hi)
				if sampled && len(places) > 0 {
					cut(expected(hi - lo))
					sampled = false
				}
				if len(places) > 2*n+takeRows {
					cut(n)
				}
			}
		}
		if len(places) >= n/4*3 {
			break
		}
	}
	return places
}

// plainNearest is Nearest by the definition.
func (m *made) plainNearest(x *Index, q Near, e effort) []Hit {
	rows, _ := x.Dims()
	var places []int
	all := func() {
		for i := range x.parts {
			p := &x.parts[i]
			for row := range p.ids {
				if !p.deleted.has(row) && (q.Only == nil || q.Only.Contains(p.ids[row])) {
					places = append(places, p.first+row)
				}
			}
		}
	}
	if q.Only != nil && q.Only.Len() <= max(e.candidates, rows/64) || q.Only == nil && rows <= e.candidates {
		all()
	} else {
		asked, weights := m.plainAsk(x, q, e.terms)
		places = plainCandidates(x, plainSums(x, asked, weights), e.candidates, q.Only)
	}
	query, _ := plainBytes(q.Row)
	type candidate struct {
		place int
		score float32
	}
	var best []candidate
	wide := func(place int) (*part, int, []float64) {
		p, row := x.at(place)
		var v []float64
		for _, f := range p.near.rows[row*p.near.cols:][:p.near.cols] {
			v = append(v, float64(f))
		}
		return p, row, v
	}
	for _, place := range places {
		_, _, v := wide(place)
		b, unit := plainBytes(v)
		factor := float32(0)
		if norm := math.Sqrt(kernel.SumSquares(v)); norm > 0 {
			factor = float32(unit / norm)
		}
		best = append(best, candidate{place, float32(dotInts(b, query)) * factor})
	}
	slices.SortStableFunc(best, func(a, b candidate) int { return cmp.Compare(b.score, a.score) })
	var hits []Hit
	for _, c := range best[:min(e.finalists, len(best))] {
		p, row, v := wide(c.place)
		score := 0.0
		if norm := math.Sqrt(kernel.SumSquares(v)); norm > 0 {
			score = kernel.Dot(q.Row, v) / (math.Sqrt(kernel.SumSquares(q.Row)) * norm)
		}
		hits = append(hits, Hit{p.ids[row], score})
	}
	sortHits(hits)
	return hits[:min(q.K, len(hits))]
}

// everyOf returns the IDs below rows that leave rest when they are divided by n.
func everyOf(rows, n, rest int) *IDs {
	ids := NewIDs()
	for id := rest; id < rows; id += n {
		ids.Add(int64(id))
	}
	return ids
}

// TestNearestPlain: Nearest gives what its definition gives, in odd shapes, with several segments, deleted rows
// and sets.
func TestNearestPlain(t *testing.T) {
	for _, c := range []struct {
		rows, cols, latents, k int
		signed, code           bool // ask by the code
		cuts                   []int
	}{
		{rows: 1, cols: 1, latents: 1, k: 1},
		{rows: 7, cols: 3, latents: 5, k: 2, signed: true},
		{rows: 900, cols: 5, latents: 40, k: 3, cuts: []int{1, 400}},
		{rows: 2500, cols: 70, latents: 100, k: 6, signed: true, cuts: []int{1100}},
		{rows: 3000, cols: 33, latents: 200, k: 200, code: true},
		{rows: 2600, cols: 16, latents: 64, k: 4, code: true, signed: true, cuts: []int{64, 65}},
		{rows: 18_000, cols: 6, latents: 30, k: 3, cuts: []int{17_000}},
	} {
		name := fmt.Sprint(c)
		m := madeRows(t, c.rows, c.cols, c.latents, c.k, c.signed)
		var x *Index
		lo := 0
		for _, hi := range append(c.cuts, c.rows) {
			x, lo = m.add(t, x, lo, hi), hi
		}
		if c.code {
			d := *x.dense
			d.atoms = nil
			x.setDense(&d)
		}
		if x.dense.signed != c.signed {
			t.Fatalf("%s: signed is %v", name, x.dense.signed)
		}
		removed, some := everyOf(c.rows, 11, 5), everyOf(c.rows, 3, 0)
		y, _, err := x.Delete(removed)
		must(t, err)
		r := rand.New(rand.NewPCG(3, 3))
		for _, z := range []*Index{x, y} {
			for range 6 {
				q := m.query(r.IntN(c.rows), r.IntN(15))
				codes, err := m.model.Encode(rowOf(q.Row))
				must(t, err)
				q.Latents, q.Values = codes.Row(0)
				for _, q.Only = range []*IDs{nil, some, NewIDs(0, 4, 5, 99, 1e6)} {
					e := effort{terms: 1 + r.IntN(12), candidates: 100 + r.IntN(300), finalists: 30}
					s := newNearScratch(z)
					must(t, s.set(z, &q))
					s.search(z, q.K, e, q.Only)
					if want := m.plainNearest(z, q, e); !slices.Equal(s.found, want) {
						t.Fatalf("%s, %v:\n%v, want\n%v", name, e, s.found, want)
					}
					s.free()
				}
			}
		}
	}
}
