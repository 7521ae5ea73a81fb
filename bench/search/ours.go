package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/search"
	"gonum.org/v1/gonum/mat"
)

// neighbours is how many are searched for.
const neighbours = 10

// ours is the index, the queries, and what their answers should be.
type ours struct {
	base                 *data.Npy
	model                *ksparse.Frozen
	rows, cols           int
	queries              *mat.Dense
	codes                *ksparse.Codes // of the queries
	truth                [][]int64      // the nearest rows of each query
	index                *search.Index
	encode, build, dense float64 // CPU seconds: of the rows, of the index by code, and of that with rows
	calibrate            float64
	hits                 []search.Hit
}

// newOurs trains or reads the model, encodes the rows and builds the index.
func (o options) newOurs(ctx context.Context) (*ours, error) {
	u := new(ours)
	var err error
	if u.base, err = data.OpenNpy(filepath.Join(o.work, "base.npy")); err != nil {
		return nil, err
	}
	u.rows, u.cols = u.base.Dims()
	net, err := o.model(ctx, u.base)
	if err != nil {
		return nil, err
	}
	if u.model, err = net.Freeze(); err != nil {
		return nil, err
	}
	if err := u.readQueries(o); err != nil {
		return nil, err
	}
	step := func(what string, seconds *float64, f func() error) {
		if err == nil {
			begin := cpuSeconds()
			err = f()
			*seconds = cpuSeconds() - begin
			fmt.Fprintf(o.progress, "%s: %.2f s of CPU time\n", what, *seconds)
		}
	}
	codes := new(ksparse.Codes)
	step("encode", &u.encode, func() error { return u.encodeRows(codes) })
	step("build by code", &u.build, func() error {
		_, err := search.Build(ctx, codefile.FromCodes(codes), search.Options{})
		return err
	})
	step("build", &u.dense, func() error {
		u.index, err = search.Build(ctx, codefile.FromCodes(codes), search.Options{Rows: u.base, Model: u.model})
		return err
	})
	step("calibrate", &u.calibrate, func() error {
		u.index, err = u.index.Calibrate(ctx, 0, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	return u, u.findTruth()
}

// encodeRows encodes all rows.
func (u *ours) encodeRows(codes *ksparse.Codes) error {
	x := mat.NewDense(u.rows, u.cols, nil)
	if err := u.base.ReadRows(x.RawMatrix().Data, 0, u.rows); err != nil {
		return err
	}
	return u.model.EncodeInto(codes, x)
}

// readQueries reads and encodes the queries.
func (u *ours) readQueries(o options) error {
	src, err := data.OpenNpy(filepath.Join(o.work, "query.npy"))
	if err != nil {
		return err
	}
	defer src.Close()
	u.queries = mat.NewDense(o.queries, u.cols, nil)
	if err := src.ReadRows(u.queries.RawMatrix().Data, 0, o.queries); err != nil {
		return err
	}
	u.codes, err = u.model.Encode(u.queries)
	return err
}

// findTruth finds the nearest rows of the queries, by products in float32: rows have norm 1.
func (u *ours) findTruth() error {
	const together = 4096
	n, _ := u.queries.Dims()
	queries := narrow(u.queries.RawMatrix().Data)
	buffer := make([]float64, together*u.cols)
	products := make([]float32, n*together)
	type found struct {
		score float32
		id    int64
	}
	best := make([][]found, n)
	for lo := 0; lo < u.rows; lo += together {
		rows := min(together, u.rows-lo)
		if err := u.base.ReadRows(buffer[:rows*u.cols], lo, lo+rows); err != nil {
			return err
		}
		base := narrow(buffer[:rows*u.cols])
		parallel.For(n, 50, func(_, from, to int) {
			kernel.MulT32(products[from*rows:], rows, queries[from*u.cols:], u.cols, to-from, base, u.cols, rows, u.cols)
			for q := from; q < to; q++ {
				for i, v := range products[q*rows:][:rows] {
					if b := best[q]; len(b) < neighbours || v > b[len(b)-1].score {
						at, _ := slices.BinarySearchFunc(b, v, func(f found, v float32) int {
							if f.score >= v {
								return -1
							}
							return 1
						})
						b = slices.Insert(b, at, found{v, int64(lo + i)})
						best[q] = b[:min(len(b), neighbours)]
					}
				}
			}
		})
	}
	for _, b := range best {
		ids := make([]int64, len(b))
		for i := range b {
			ids[i] = b[i].id
		}
		u.truth = append(u.truth, ids)
	}
	return nil
}

// narrow returns x in float32.
func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

// recall returns the share of the nearest rows of a query that are among the hits.
func (u *ours) recall(query int) float64 {
	n := 0
	for _, id := range u.truth[query] {
		if slices.ContainsFunc(u.hits, func(h search.Hit) bool { return h.ID == id }) {
			n++
		}
	}
	return float64(n) / neighbours
}

// measured searches for all queries, again and again for about the length of a turn, and returns the CPU time of a
// query and the recall.
func (u *ours) measured(turn time.Duration, find func(query int) error) (p point, err error) {
	n, times := len(u.truth), 0
	begin, order := cpuSeconds(), rand.New(rand.NewPCG(1, 1)).Perm(n)
	for ; times == 0 || cpuSeconds()-begin < turn.Seconds(); times++ {
		for _, q := range order {
			if err := find(q); err != nil {
				return p, err
			}
			p.Recall += u.recall(q)
		}
	}
	all := float64(n * times)
	return point{(cpuSeconds() - begin) / all, p.Recall / all}, nil
}

// byCode is the exact search by code.
func (u *ours) byCode(q int) (err error) {
	latents, values := u.codes.Row(q)
	u.hits, err = u.index.ByCode(u.hits[:0], latents, values, neighbours, nil)
	return err
}

// nearest returns the approximate search for a recall, with the codes of queries at hand.
func (u *ours) nearest(recall float64) func(q int) error {
	return func(q int) (err error) {
		latents, values := u.codes.Row(q)
		u.hits, err = u.index.Nearest(u.hits[:0], search.Near{Row: u.queries.RawRowView(q), Latents: latents, Values: values, K: neighbours, Recall: recall})
		return err
	}
}

// encoding returns the CPU time of encoding a query, many of them together or one at a time.
func (u *ours) encoding(turn time.Duration) (together, alone float64, err error) {
	codes := new(ksparse.Codes)
	all, err := u.measured(turn, func(q int) error {
		if q > 0 {
			return nil
		}
		return u.model.EncodeInto(codes, u.queries)
	})
	if err != nil {
		return 0, 0, err
	}
	one, err := u.measured(turn, func(q int) error { return u.model.EncodeRow(codes, u.queries.RawRowView(q)) })
	return all.Seconds, one.Seconds, err
}
