package search

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
)

// What Calibrate measures.
var (
	recalls  = []float64{0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.875, 0.9, 0.925, 0.95, 0.965, 0.98, 0.99, 0.995}
	termsOf  = []int{2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256}
	usualRun = 200 // queries
)

// Calibrate returns an index that knows what Nearest has to do for each recall on its own rows. Rows of the index, drawn
// at random, are the queries (0 stands for 200 of them); their 10 nearest rows, themselves left out, are computed exactly. Of
// the efforts that find a share of these the index keeps the one that a formula says takes the least time, for 14
// recalls from 0.5 to 0.995. So the result does not depend on the processor. Where codes do not find that share, or take longer,
// Nearest compares all rows; Stats then has a warning. It takes seconds for 300,000
// rows. After adding many rows of another kind it is worth doing again; Save keeps the result.
//
// progress, where not nil, is called with how many of the steps are done. ctx stops it. Errors wrap ksparse.ErrUnset where
// the index has no rows, ksparse.ErrEmpty where they are fewer than 100.
func (x *Index) Calibrate(ctx context.Context, queries int, progress func(done, steps int)) (_ *Index, err error) {
	if x.dense == nil {
		return nil, fault.Errorf(fault.ErrUnset, "the index has codes alone: Build it with Options.Rows to calibrate it")
	}
	if err := fault.Count("queries", queries); err != nil {
		return nil, err
	}
	rows, _ := x.Dims()
	if rows < leastCandidates {
		return nil, fault.Errorf(fault.ErrEmpty, "the index has %d rows, want at least %d to calibrate it", rows, leastCandidates)
	}
	faults, err := x.begin()
	if err != nil {
		return nil, err
	}
	defer x.end(faults, &err)
	if queries == 0 {
		queries = usualRun
	}
	c := &calibration{index: x, rows: rows, places: x.sample(min(queries, rows))}
	steps := 1 + len(termsOf) + len(recalls)
	done := func(n int) error {
		if progress != nil {
			progress(n, steps)
		}
		return stopped(ctx)
	}
	c.truth = x.neighbours(c.places, usualK)
	if err := done(1); err != nil {
		return nil, err
	}
	for i, terms := range termsOf {
		c.rank(terms)
		if err := done(2 + i); err != nil {
			return nil, err
		}
	}
	l := ladder{rows: rows}
	for i, recall := range recalls {
		if r, found := c.cheapest(recall); found {
			l.rungs = append(l.rungs, r)
		}
		if err := done(1 + len(termsOf) + i + 1); err != nil {
			return nil, err
		}
	}
	y, err := x.with(x.next, x.parts)
	if err == nil {
		d := *x.dense
		d.ladder = l
		y.setDense(&d)
	}
	return y, err
}

// calibration is what is measured.
type calibration struct {
	index  *Index
	rows   int
	places []int   // of the queries
	truth  [][]int // places of the nearest rows of each
	tried  []tried
}

// tried is what was found out about a number of terms.
type tried struct {
	terms    int
	ranks    []int   // of the nearest rows of all queries among the candidates, ascending
	postings float64 // that a query reads
}

// sample draws places of rows that are not deleted, and not all zeros, ascending.
func (x *Index) sample(n int) []int {
	var places []int
	for i := range x.parts {
		p := &x.parts[i]
		for row := range p.ids {
			if !p.deleted.has(row) && p.near.norms[row] > 0 {
				places = append(places, p.first+row)
			}
		}
	}
	n = min(n, len(places))
	r := rand.New(rand.NewPCG(1, uint64(len(places))))
	for i := range n {
		j := i + r.IntN(len(places)-i)
		places[i], places[j] = places[j], places[i]
	}
	slices.Sort(places[:n])
	return places[:n:n]
}

// at returns the part and the row of a place.
func (x *Index) at(place int) (*part, int) {
	i := len(x.parts) - 1
	for x.parts[i].first > place {
		i--
	}
	return &x.parts[i], place - x.parts[i].first
}

// neighbours returns, for each of the places, those of the k rows with the largest cosines, itself left out. Products
// are in float32.
func (x *Index) neighbours(places []int, k int) [][]int {
	const together = 2048 // rows
	cols := x.dense.cols
	queries := make([]float32, len(places)*cols)
	for i, place := range places {
		p, row := x.at(place)
		for j, v := range p.near.rows[row*cols:][:cols] {
			if norm := p.near.norms[row]; norm > 0 {
				queries[i*cols+j] = float32(float64(v) / norm)
			}
		}
	}
	chunks := (x.stored() + together - 1) / together
	workers := parallel.Workers(chunks, 1)
	found := make([][][]int64, workers) // by worker and query: keys, the smallest first, as in a heap
	products := make([][]float32, workers)
	for w := range found {
		found[w], products[w] = make([][]int64, len(places)), make([]float32, len(places)*together)
	}
	parallel.ForWorkers(workers, chunks, 1, func(worker, from, to int) {
		for c := from; c < to; c++ {
			for i := range x.parts {
				p := &x.parts[i]
				lo, hi := max(c*together-p.first, 0), min((c+1)*together-p.first, len(p.ids))
				if lo < hi {
					p.compare(products[worker], queries, lo, hi, places, k, found[worker])
				}
			}
		}
	})
	near := make([][]int, len(places))
	for q := range near {
		var all []int64
		for w := range found {
			all = append(all, found[w][q]...)
		}
		slices.Sort(all)
		slices.Reverse(all)
		for _, key := range all[:min(k, len(all))] {
			near[q] = append(near[q], place(key))
		}
	}
	return near
}

// compare offers rows lo to hi of p to the k best of each query.
func (p *part) compare(products, queries []float32, lo, hi int, places []int, k int, found [][]int64) {
	n, cols := hi-lo, p.near.cols
	kernel.MulT32(products, n, queries, cols, len(places), p.near.rows[lo*cols:], cols, n, cols)
	for q, own := range places {
		best := keys{found[q]}
		for t, v := range products[q*n:][:n] {
			row := lo + t
			if norm := p.near.norms[row]; norm > 0 && p.first+row != own && !p.deleted.has(row) {
				best.offer(key(float32(float64(v)/norm), p.first+row), k)
			}
		}
		found[q] = best.list
	}
}

// rank finds out where the nearest rows are among the candidates, for a number of terms.
func (c *calibration) rank(terms int) {
	x, n := c.index, len(c.places)
	ranks, postings := make([][]int, n), make([]int, n)
	parallel.For(n, 1, func(_, from, to int) {
		s := newNearScratch(x)
		for q := from; q < to; q++ {
			s.ownRow(x, c.places[q])
			s.ask(x, terms)
			s.query.set(s.asked, s.weights, x.nearest)
			s.scanNear(x, x.stored(), false, nil)
			for i := range x.parts {
				for _, j := range s.asked {
					postings[q] += x.parts[i].near.postings.length(int(j))
				}
			}
			ranks[q] = s.ranks(c.truth[q])
		}
		s.free()
	})
	t := tried{terms: terms}
	for q := range ranks {
		t.ranks = append(t.ranks, ranks[q]...)
		t.postings += float64(postings[q]) / float64(n)
	}
	slices.Sort(t.ranks)
	c.tried = append(c.tried, t)
}

// ownRow makes a row of the index the question.
func (s *nearScratch) ownRow(x *Index, place int) {
	p, row := x.at(place)
	cols := p.near.cols
	s.wide = s.wide[:0]
	for _, v := range p.near.rows[row*cols:][:cols] {
		s.wide = append(s.wide, float64(v))
	}
	s.setRow(s.wide, x.usual)
	s.latents, s.values = p.codes.row(row)
}

// ranks returns how many candidates come before each of the places; MaxInt for one that is none.
func (s *nearScratch) ranks(places []int) []int {
	ranks := make([]int, len(places))
	for t, place := range places {
		i, found := slices.BinarySearchFunc(s.hits, place, func(h int64, place int) int { return int(uint32(h)) - place })
		if ranks[t] = math.MaxInt; !found {
			continue
		}
		ranks[t] = 0
		for _, h := range s.hits {
			if h>>32 > s.hits[i]>>32 {
				ranks[t]++
			}
		}
	}
	return ranks
}

// cheapest returns the effort that takes the least time of those that find a share of the nearest rows. It is
// tried, and made larger while it finds fewer.
func (c *calibration) cheapest(recall float64) (rung, bool) {
	var best rung
	least := math.Inf(1)
	for _, t := range c.tried {
		if len(t.ranks) == 0 {
			continue
		}
		rank := t.ranks[min(int(math.Ceil(recall*float64(len(t.ranks)))), len(t.ranks))-1]
		if rank == math.MaxInt {
			continue
		}
		r := rung{recall, t.terms, max(rank+1, leastCandidates)}
		if cost := c.cost(r, t.postings); cost < least {
			best, least = r, cost
		}
	}
	if least > c.costOfAll() {
		return best, false
	}
	for range 12 {
		if c.recall(best) >= recall {
			return best, true
		}
		best.candidates += best.candidates/8 + 1
	}
	return best, false
}

// cost is about how many nanoseconds a search takes on one core, as measured on a Zen 5 in 2026: for each row of the index
// its sum, for each block and term where a run begins, for each posting, and for each candidate the lines of its bytes.
func (c *calibration) cost(r rung, postings float64) float64 {
	blocks := float64(c.rows)/blockRows + 1
	lines := float64(byteStride(c.index.dense.cols)) / kernel.BytesLine
	return 0.1*float64(c.rows) + 40*blocks*float64(r.terms) + 0.7*postings + (8+8*lines)*float64(r.candidates)
}

// costOfAll is the same for comparing all rows in float32.
func (c *calibration) costOfAll() float64 {
	return float64(c.rows) * (8 + 4*8*float64(byteStride(c.index.dense.cols))/kernel.BytesLine)
}

// recall returns the share of the nearest rows that an effort finds.
func (c *calibration) recall(r rung) float64 {
	x, n := c.index, len(c.places)
	counts := make([]int, n)
	parallel.For(n, 1, func(_, from, to int) {
		s := newNearScratch(x)
		for q := from; q < to; q++ {
			s.ownRow(x, c.places[q])
			s.search(x, usualK+1, r.at(c.rows, usualK, c.rows), nil) // the row itself is one of them
			for _, place := range c.truth[q] {
				p, row := x.at(place)
				if slices.ContainsFunc(s.found, func(h Hit) bool { return h.ID == p.ids[row] }) {
					counts[q]++
				}
			}
		}
		s.free()
	})
	found, wanted := 0, 0
	for q := range counts {
		found, wanted = found+counts[q], wanted+len(c.truth[q])
	}
	return float64(found) / float64(max(wanted, 1))
}
