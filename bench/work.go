package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"
)

// work is one thing to measure, ours against one or more peers.
type work struct {
	name  string
	unit  string
	units float64 // of one step: samples, or 10^9 operations
	ours  func() (turn, error)
	peers []opponent
	cost  cost
}

// opponent is what a peer is asked to do for the same work.
type opponent struct {
	name    string
	command string   // without the seconds
	floor   float64  // ours over the peer that the project asks of itself
	own     bool     // it gets a process to itself, as a program of its own would be
	env     []string // of that process, besides the usual
}

// keeping has glibc keep memory that is free. numpy makes and drops arrays of some MB in
// every step, and by default each time returns them to the system and gets them again
// page by page, unless the same process has dropped larger ones before.
var keeping = []string{"MALLOC_TRIM_THRESHOLD_=1000000000", "MALLOC_MMAP_THRESHOLD_=1000000000"}

// cost is the least that a step has to do, in the form that ours has.
type cost struct {
	flops   float64 // a multiply-add is two
	float32 bool
	read    int // bytes that are read once
	update  int // bytes that are read and written back
}

// works returns everything that is measured, in the order of the table.
func works() []work {
	wide, narrow := shape{768, 8192, 32, 1024}, shape{784, 1000, 25, 256}
	old := shape{784, 100, 25, 256}
	many, one := shape{768, 16384, 32, 2048}, shape{768, 16384, 32, 1}
	const m, k, n = 1024, 768, 8192
	ops := 2.0 * m * k * n
	return []work{
		{
			name: "float64 product 1024x768x8192", unit: "GFLOPS", units: ops / 1e9,
			ours:  func() (turn, error) { return product64(m, n, k), nil },
			peers: []opponent{{name: "OpenBLAS dgemm", command: fmt.Sprint("gemm64 ", m, k, n), floor: 0.8}},
			cost:  cost{flops: ops},
		},
		{
			name: "float32 product 1024x768x8192", unit: "GFLOPS", units: ops / 1e9,
			ours:  func() (turn, error) { return product32(m, n, k), nil },
			peers: []opponent{{name: "OpenBLAS sgemm", command: fmt.Sprint("gemm32 ", m, k, n), floor: 0.75}},
			cost:  cost{flops: ops, float32: true},
		},
		trainWork("train", wide, true, 6, 2.5),
		trainWork("train", wide, false, 3.5, 1.5),
		trainWork("train", narrow, true, 4, 2.5),
		trainWork("train", shape{768, 65536, 32, 1024}, true, 0, 4),
		{
			name: "train the original's network, SGD, " + old.String(), unit: "samples/s", units: float64(old.batch),
			ours: func() (turn, error) {
				t, err := newOriginal(old)
				if err != nil {
					return nil, err
				}
				return t.turn, nil
			},
			peers: []opponent{
				{name: "numpy float64", command: old.command("original"), floor: 3, own: true},
				{name: "numpy float64, malloc tuned", command: old.command("original"), floor: 2, own: true, env: keeping},
			},
			cost: old.stepCost(0),
		},
		encodeWork(encoding{shape: wide}, 2.5),
		encodeWork(encoding{shape: wide, frozen: true}, 2.5),
		encodeWork(encoding{shape: wide, frozen: true, trained: true, data: "superposition"}, 2.5),
		encodeWork(encoding{shape: wide, frozen: true, data: "outliers"}, 2.5),
		encodeWork(encoding{shape: wide, frozen: true, trained: true, data: "outliers"}, 2.5),
		encodeWork(encoding{shape: many, frozen: true}, 3),
		encodeWork(encoding{shape: many, plain: true}, 0.6),
		encodeWork(encoding{shape: shape{768, 32768, 32, 1024}, frozen: true}, 3),
		encodeWork(encoding{shape: narrow, frozen: true}, 2),
		encodeWork(encoding{shape: shape{100, 4096, 16, 1024}, frozen: true, trained: true, data: "words"}, 4),
		encodeWork(encoding{shape: one, frozen: true}, 8),
		encodeWork(encoding{shape: one, plain: true}, 1),
	}
}

func trainWork(name string, s shape, screening bool, dense, sparse float64) work {
	w := work{
		name: name + ", Adam, " + s.String(), unit: "samples/s", units: float64(s.batch),
		ours: func() (turn, error) {
			t, err := newTraining(s)
			if err != nil {
				return nil, err
			}
			t.net.SetScreening(screening)
			return t.turn, nil
		},
		cost: s.stepCost(2),
	}
	if !screening {
		w.name += noScreening
	}
	if dense > 0 {
		w.peers = append(w.peers, opponent{name: "PyTorch dense float32", command: s.command("train dense"), floor: dense})
	}
	w.peers = append(w.peers, opponent{name: "PyTorch sparse float32", command: s.command("train sparse"), floor: sparse})
	return w
}

const noScreening = ", without screening"

func encodeWork(e encoding, floor float64) work {
	return work{
		name: e.String(), unit: "samples/s", units: float64(e.batch),
		ours:  e.turn,
		peers: []opponent{{name: "PyTorch float32", command: e.command("encode"), floor: floor}},
		cost:  e.encodeCost(),
	}
}

func (s shape) String() string {
	return fmt.Sprintf("%d → %d, k=%d, batch %d", s.inputs, s.latents, s.k, s.batch)
}

func (s shape) command(verb string) string {
	return fmt.Sprint(verb, " ", s.inputs, s.latents, s.k, s.batch)
}

// encodeCost: the product with all latents, whose weights must be read.
func (s shape) encodeCost() cost {
	return cost{
		flops: 2 * float64(s.batch) * float64(s.inputs) * float64(s.latents),
		read:  8 * s.inputs * s.latents,
	}
}

// stepCost: encode; four products that take only what k leaves (decode, the
// gradient at the codes, those of both weights); and one sweep over all weights
// with the optimizer's so many running values of each.
func (s shape) stepCost(slots int) cost {
	c := s.encodeCost()
	c.flops += 4 * 2 * float64(s.batch) * float64(s.inputs) * float64(s.k)
	c.update = 8 * (1 + slots) * 2 * s.inputs * s.latents
	return c
}

// least returns the seconds that m would need at its peak rates: products and
// reading at the same time, then the sweep. It is NaN where those are not known.
func (c cost) least(m *machine) float64 {
	flops := m.flops64
	if c.float32 {
		flops = m.flops32
	}
	if flops == 0 {
		return math.NaN()
	}
	seconds := c.flops / flops
	if c.read > 0 {
		seconds = max(seconds, float64(c.read)/m.at(c.read).read)
	}
	if c.update > 0 {
		seconds += float64(c.update) / m.at(c.update).update
	}
	return seconds
}

// result is what measuring a work gave.
type result struct {
	work
	ours  []float64   // median seconds per step, of each round; empty where there is no such thing
	peers [][]float64 // of each peer
	pings []float64   // before each turn of ours
	notes []string    // what went wrong
}

// measure runs ours and the peers by turns. p is nil where there are none; hire starts
// another process like it.
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
			runtime.GC() // what was left over is not this turn's business
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

// selected returns the works whose name, or a peer's, contains the text.
func selected(all []work, text string) []work {
	var list []work
	for _, w := range all {
		names := w.name
		for _, o := range w.peers {
			names += " " + o.name + " " + o.command
		}
		if strings.Contains(strings.ToLower(names), strings.ToLower(text)) {
			list = append(list, w)
		}
	}
	return list
}
