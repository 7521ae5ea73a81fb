package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"
)

// result is what was measured of a work.
type result struct {
	work
	ours  []float64   // median seconds per step, of each round; empty where ours was not measured
	peers [][]float64 // of each peer
	pings []float64   // before each turn of ours
	notes []string    // what went wrong
}

// measure runs ours and the peers by turns. p is nil where there are no peers; hire
// starts another process like it.
func (w work) measure(ctx context.Context, p *peer, hire func(env []string) (*peer, error), rounds int, length time.Duration) (*result, error) {
	r := &result{work: w, peers: make([][]float64, len(w.peers))}
	ours, err := w.ours()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.name, err)
	}
	failed := make([]bool, len(w.peers))
	peers := slices.Repeat([]*peer{p}, len(w.peers))
	for i, o := range w.peers {
		if p != nil && o.own {
			if peers[i], err = hire(o.env); err != nil {
				return nil, fmt.Errorf("%s: %w", o.name, err)
			}
			defer peers[i].stop()
		}
	}
	for range rounds {
		if ours != nil {
			r.pings = append(r.pings, ping())
			runtime.GC() // collects the garbage of what ran before
			times, err := ours(ctx, length)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			r.ours = append(r.ours, median(times))
		}
		for i, o := range w.peers {
			if p == nil || failed[i] {
				continue
			}
			times, err := peers[i].ask(o.command, length)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil {
				r.notes = append(r.notes, err.Error())
				failed[i], r.peers[i] = true, nil
				continue
			}
			r.peers[i] = append(r.peers[i], median(times))
		}
	}
	if p != nil {
		if err := p.forget(); err != nil {
			r.notes = append(r.notes, err.Error())
		}
	}
	return r, nil
}

// resultHead names the columns of the rows of a result.
var resultHead = []string{"work", "ours", "unit", "peer", "peer's", "ratio", "of the rounds", "asked", "of peak", "core to core"}

// rows returns the lines of the table, one for each peer. m gives the share of the
// machine's peak.
func (r *result) rows(m *machine) [][]string {
	ours, share, pings := none, none, none
	if len(r.pings) > 0 && !math.IsNaN(r.pings[0]) {
		pings = fmt.Sprintf("%.0f to %.0f ns", slices.Min(r.pings), slices.Max(r.pings))
	}
	if len(r.ours) > 0 {
		seconds := median(r.ours)
		ours = number(r.units / seconds)
		if least := r.cost.least(m); !math.IsNaN(least) {
			share = fmt.Sprintf("%.0f %%", 100*least/seconds)
		}
	}
	var list [][]string
	for i, o := range r.work.peers {
		row := []string{r.name, ours, r.unit, o.name, none, none, none, fmt.Sprintf("%.2f", o.floor), share, pings}
		if times := r.peers[i]; len(times) > 0 {
			row[4] = number(r.units / median(times))
			if len(r.ours) == len(times) {
				ratio, low, high := compare(r.ours, times)
				row[5] = fmt.Sprintf("%.2f", ratio)
				row[6] = fmt.Sprintf("%.2f to %.2f", low, high)
			}
		}
		list = append(list, row)
	}
	return list
}

// compare returns how many times as fast as the peer ours is: the ratio of the medians,
// and the lowest and highest ratio of a single round.
func compare(ours, peer []float64) (ratio, low, high float64) {
	rounds := make([]float64, len(ours))
	for i := range ours {
		rounds[i] = peer[i] / ours[i]
	}
	return median(peer) / median(ours), slices.Min(rounds), slices.Max(rounds)
}
