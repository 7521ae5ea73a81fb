package main

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/ksparse/ksparse/bench/internal/table"
)

// The recalls that ours is asked for, and the efforts of hnswlib.
var (
	recalls = []float64{0.7, 0.75, 0.8, 0.85, 0.875, 0.9, 0.925, 0.95, 0.965, 0.98, 0.99, 0.995}
	efforts = []int{28, 40, 56, 80, 112, 160, 224, 320, 450, 640, 900, 1280, 1800, 2560, 3600}
)

// round is what was measured in one round.
type round struct {
	flat, byCode    point
	together, alone float64 // seconds of encoding a query
	ours, graph     []point // by recalls and efforts
}

// measure lets ours and the peers take turns.
func (o options) measure(u *ours, p *peer) ([]round, error) {
	var rounds []round
	for i := range o.rounds {
		fmt.Fprintf(o.progress, "round %d of %d\n", i+1, o.rounds)
		var r round
		var err error
		if r.byCode, err = u.measured(o.turn, u.byCode); err != nil {
			return nil, err
		}
		if r.together, r.alone, err = u.encoding(o.turn); err != nil {
			return nil, err
		}
		if p != nil {
			if r.flat, err = p.ask("flat"); err != nil {
				return nil, err
			}
		}
		for t := range max(len(recalls), len(efforts)) {
			if t < len(recalls) {
				at, err := u.measured(o.turn, u.nearest(recalls[t]))
				if err != nil {
					return nil, err
				}
				r.ours = append(r.ours, at)
			}
			if t < len(efforts) && p != nil && (t == 0 || r.graph[t-1].Recall < 0.995) {
				at, err := p.ask(fmt.Sprint("hnsw ", efforts[t]))
				if err != nil {
					return nil, err
				}
				r.graph = append(r.graph, at)
			} else if t < len(efforts) && p != nil {
				r.graph = append(r.graph, point{Recall: math.NaN()})
			}
		}
		rounds = append(rounds, r)
	}
	return rounds, nil
}

// at returns the seconds for a recall, from a line between two points: the logarithm of time by that of what is
// missing. NaN where no two points have the recall between them.
func at(points []point, recall float64) float64 {
	missing := func(r float64) float64 { return math.Log(max(1-r, 1e-4)) }
	best := math.NaN()
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		if a.Recall <= recall && recall <= b.Recall && a.Recall < b.Recall {
			share := (missing(recall) - missing(a.Recall)) / (missing(b.Recall) - missing(a.Recall))
			t := math.Exp(math.Log(a.Seconds)*(1-share) + math.Log(b.Seconds)*share)
			if !(best <= t) {
				best = t
			}
		}
	}
	return best
}

// spread returns the median, the least and the largest of a number of each round.
func spread(rounds []round, of func(r *round) float64) (median, least, most float64) {
	var v []float64
	for i := range rounds {
		v = append(v, of(&rounds[i]))
	}
	slices.Sort(v)
	return v[len(v)/2], v[0], v[len(v)-1]
}

// report writes the tables.
func (o options) report(w io.Writer, u *ours, p *peer, rounds []round) error {
	median := func(of func(r *round) float64) float64 { m, _, _ := spread(rounds, of); return m }
	perSecond := func(seconds float64) string {
		if math.IsNaN(seconds) || seconds == 0 {
			return "–"
		}
		return fmt.Sprintf("%.0f", 1/seconds)
	}
	var rows [][]string
	add := func(name string, recall string, ours, theirs func(r *round) float64, peerName string) {
		m, lo, hi := spread(rounds, func(r *round) float64 { return theirs(r) / ours(r) })
		ratio := "–"
		if p != nil && !math.IsNaN(m) {
			ratio = fmt.Sprintf("%.2f (%.2f to %.2f)", m, lo, hi)
		}
		rows = append(rows, []string{name, recall, perSecond(median(ours)), peerName, perSecond(median(theirs)), ratio})
	}
	add("exact by code", "–", func(r *round) float64 { return r.byCode.Seconds }, func(r *round) float64 { return r.flat.Seconds }, "faiss flat, batched")
	for _, recall := range []float64{0.8, 0.88, 0.9, 0.95, 0.98, 0.99} {
		s := fmt.Sprintf("%.2f", recall)
		graph := func(r *round) float64 { return at(r.graph, recall) }
		add("nearest", s, func(r *round) float64 { return at(r.ours, recall) }, graph, "hnswlib")
		add("nearest, encoded in a batch", s, func(r *round) float64 { return at(r.ours, recall) + r.together }, graph, "hnswlib")
		add("nearest, encoded alone", s, func(r *round) float64 { return at(r.ours, recall) + r.alone }, graph, "hnswlib")
	}
	if err := table.Write(w, []string{"search", "recall", "ours/s", "peer", "peer/s", "ratio (rounds)"}, rows); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n")
	rows = nil
	for i, recall := range recalls {
		m := median(func(r *round) float64 { return r.ours[i].Seconds })
		rows = append(rows, []string{fmt.Sprint("ours, Recall ", recall), fmt.Sprintf("%.3f", rounds[0].ours[i].Recall), fmt.Sprintf("%.0f", 1e6*m)})
	}
	if p != nil {
		for i, ef := range efforts {
			m := median(func(r *round) float64 { return r.graph[i].Seconds })
			if m > 0 {
				rows = append(rows, []string{fmt.Sprint("hnswlib, ef ", ef), fmt.Sprintf("%.3f", rounds[0].graph[i].Recall), fmt.Sprintf("%.0f", 1e6*m)})
			}
		}
	}
	rows = append(rows, []string{"ours, exact by code", fmt.Sprintf("%.3f", rounds[0].byCode.Recall), fmt.Sprintf("%.0f", 1e6*median(func(r *round) float64 { return r.byCode.Seconds }))})
	rows = append(rows, []string{"encode in a batch", "–", fmt.Sprintf("%.0f", 1e6*median(func(r *round) float64 { return r.together }))})
	rows = append(rows, []string{"encode alone", "–", fmt.Sprintf("%.0f", 1e6*median(func(r *round) float64 { return r.alone }))})
	if err := table.Write(w, []string{"effort", "recall", "µs a query"}, rows); err != nil {
		return err
	}
	return u.describe(w, p)
}

// describe writes what the index is like and what it took to build.
func (u *ours) describe(w io.Writer, p *peer) error {
	s := u.index.Stats()
	fmt.Fprintf(w, "\n%d rows, skew %.2f, %.0f postings a query by code, longest list %.1f %% of the rows, %.0f bytes a row in all\n",
		s.Rows, s.Skew, s.Postings, 100*s.Longest[0].Share, float64(s.Bytes)/float64(s.Rows))
	for _, warning := range s.Warnings {
		fmt.Fprintln(w, "warning:", warning)
	}
	fmt.Fprintf(w, "CPU seconds: encode %.2f, build by code %.2f, build with rows %.2f, calibrate %.2f", u.encode, u.build, u.dense, u.calibrate)
	if p != nil {
		fmt.Fprintf(w, "; hnswlib %.0f, %.0f bytes a row", p.build, p.bytes)
	}
	_, err := fmt.Fprintln(w)
	return err
}
