package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"time"

	"github.com/ksparse/ksparse/bench/internal/table"
)

// standard is the shape of the scaling tables. Each table changes one of its numbers.
var standard = shape{768, 8192, 32, 1024}

// scale is one table: what changes, and to which values.
type scale struct {
	what   string
	values []int
	set    func(s *shape, v int)
}

// scales are the tables besides that of the cores.
var scales = []scale{
	{"latents", []int{4096, 8192, 16384, 32768, 65536}, func(s *shape, v int) { s.latents = v }},
	{"k", []int{8, 16, 32, 64, 128, 256}, func(s *shape, v int) { s.k = v }},
	{"batch", []int{1, 4, 16, 64, 256, 1024, 4096}, func(s *shape, v int) { s.batch = v }},
}

// scaling writes the tables: time per sample of encoding and of a training step.
func scaling(ctx context.Context, w io.Writer, base shape, only string, rounds int, length time.Duration) error {
	procs := runtime.GOMAXPROCS(0)
	var cores []int
	for c := 1; c < procs; c *= 2 {
		cores = append(cores, c)
	}
	list := append(scales[:len(scales):len(scales)], scale{"cores", append(cores, procs), func(*shape, int) {}})
	for _, sc := range list {
		if only != "" && only != sc.what {
			continue
		}
		var rows [][]string
		var first [2]float64
		for _, v := range sc.values {
			s := base
			sc.set(&s, v)
			if sc.what == "cores" {
				runtime.GOMAXPROCS(v)
			}
			encode, train, err := perSample(ctx, s, rounds, length)
			runtime.GOMAXPROCS(procs)
			if err != nil {
				return fmt.Errorf("%s = %d: %w", sc.what, v, err)
			}
			if len(rows) == 0 {
				first = [2]float64{encode, train}
			}
			rows = append(rows, []string{
				strconv.Itoa(v),
				number(1e6 * encode), fmt.Sprintf("%.3g", encode/first[0]),
				number(1e6 * train), fmt.Sprintf("%.3g", train/first[1]),
			})
		}
		fmt.Fprintf(w, "\n%s changes, the rest is %v:\n\n", sc.what, base)
		head := []string{sc.what, "encode, µs per sample", "to the first", "training step, µs per sample", "to the first"}
		if err := table.Write(w, head, rows); err != nil {
			return err
		}
	}
	return nil
}

// perSample returns the seconds per sample of EncodeInto and of a training step.
func perSample(ctx context.Context, s shape, rounds int, length time.Duration) (encode, train float64, err error) {
	e, err := encoding{shape: s}.turn()
	if err != nil {
		return 0, 0, err
	}
	if encode, err = rounded(ctx, e, rounds, length); err != nil {
		return 0, 0, err
	}
	t, err := newTraining(s)
	if err != nil {
		return 0, 0, err
	}
	train, err = rounded(ctx, t.turn, rounds, length)
	return encode / float64(s.batch), train / float64(s.batch), err
}

// rounded returns the median of the rounds' medians.
func rounded(ctx context.Context, t turn, rounds int, length time.Duration) (float64, error) {
	var medians []float64
	for range rounds {
		runtime.GC()
		times, err := t(ctx, length)
		if err != nil {
			return 0, err
		}
		medians = append(medians, median(times))
	}
	return median(medians), nil
}
