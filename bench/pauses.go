package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/bench/internal/table"
)

// pauses encodes in a loop while another goroutine collects garbage again and
// again, and writes how long a collection takes: assembly cannot be stopped, so a
// collection waits for the calls that are under way. For comparison it does the same
// during a loop of plain Go.
func pauses(ctx context.Context, w io.Writer, length time.Duration) error {
	net, err := newNetwork(shape{768, 8192, 32, 1024})
	if err != nil {
		return err
	}
	x, codes := samples(1024, 768), new(ksparse.Codes)
	encode := func(unscreened bool) func() error {
		return func() error {
			net.Screening().SetOff(unscreened)
			return net.EncodeInto(codes, x)
		}
	}
	var rows [][]string
	for _, l := range []struct {
		name string
		work func() error
	}{
		{"encode, 768 → 8192, k=32, batch 1024", encode(false)},
		{"the same without screening", encode(true)},
		{"a loop of plain Go", func() error {
			for i := range x.RawMatrix().Data {
				x.RawMatrix().Data[i] += 0
			}
			return nil
		}},
	} {
		stop, done := make(chan struct{}), make(chan error)
		go func() { done <- until(stop, l.work) }()
		var times []float64
		for begin := time.Now(); time.Since(begin) < length && ctx.Err() == nil; {
			from := time.Now()
			runtime.GC()
			times = append(times, 1e3*time.Since(from).Seconds())
		}
		close(stop)
		if err := <-done; err != nil {
			return err
		}
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		recent := min(len(times), len(stats.PauseNs))
		longest := uint64(0)
		for i := range recent {
			longest = max(longest, stats.PauseNs[(int(stats.NumGC)-1-i+len(stats.PauseNs))%len(stats.PauseNs)])
		}
		rows = append(rows, []string{
			l.name, fmt.Sprint(len(times)), number(median(times)), number(slices.Max(times)), number(float64(longest) / 1e6),
		})
	}
	return table.Write(w, []string{"while this runs", "collections", "median, ms", "longest, ms", "longest pause, ms"}, rows)
}

// until repeats work until stop is closed.
func until(stop <-chan struct{}, work func() error) error {
	for {
		select {
		case <-stop:
			return nil
		default:
			if err := work(); err != nil {
				return err
			}
		}
	}
}
