package main

import (
	"fmt"
	"strings"
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
	floor   float64  // the ratio of ours to the peer that the project asks of itself
	own     bool     // it runs in a process of its own
	env     []string // added to the environment of that process
}

// keeping makes glibc keep memory that is free. numpy and PyTorch make and drop arrays of some MB
// in every step. By default their memory goes back to the system each time and comes
// again page by page, unless the same process has dropped larger arrays before.
var keeping = []string{"MALLOC_TRIM_THRESHOLD_=1000000000", "MALLOC_MMAP_THRESHOLD_=1000000000"}

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
		encodeWork(encoding{shape: many, unscreened: true}, 0.6),
		encodeWork(encoding{shape: shape{768, 32768, 32, 1024}, frozen: true}, 3),
		encodeWork(encoding{shape: narrow, frozen: true}, 2),
		encodeWork(encoding{shape: shape{100, 4096, 16, 1024}, frozen: true, trained: true, data: "words"}, 4),
		encodeWork(encoding{shape: one, frozen: true}, 8),
		encodeWork(encoding{shape: one, unscreened: true}, 1),
	}
}

// trainWork is training at that shape, against the dense PyTorch form, unless its floor
// is 0, and the sparse one.
func trainWork(name string, s shape, screening bool, dense, sparse float64) work {
	w := work{
		name: name + ", Adam, " + s.String(), unit: "samples/s", units: float64(s.batch),
		ours: func() (turn, error) {
			t, err := newTraining(s)
			if err != nil {
				return nil, err
			}
			t.net.Screening().SetOff(!screening)
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

// encodeWork is one way to encode.
func encodeWork(e encoding, floor float64) work {
	return work{
		name: e.String(), unit: "samples/s", units: float64(e.batch),
		ours:  e.turn,
		peers: []opponent{{name: "PyTorch float32", command: e.command("encode"), floor: floor}},
		cost:  e.encodeCost(),
	}
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
