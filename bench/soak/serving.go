package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// goroutines is how many serve at the same time.
const goroutines = 64

// together runs f on that many goroutines and returns the first error.
func together(n int, f func(i int) error) error {
	failed := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Add(1)
		go func() {
			defer all.Done()
			failed[i] = f(i)
		}()
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// sameNetwork compares a network with the file of another, byte by byte.
func sameNetwork(want *ksparse.Network, path string) error {
	var b bytes.Buffer
	if err := want.Save(&b); err != nil {
		return err
	}
	got, err := os.ReadFile(path)
	if err == nil && !bytes.Equal(got, b.Bytes()) {
		err = fmt.Errorf("the training that was killed ended in other bytes")
	}
	return err
}

// saveAndLoad saves the network to one file and loads it, all at the same time.
func saveAndLoad(want *ksparse.Network, path string, c *counts) error {
	return together(8, func(i int) error {
		if i%2 == 0 {
			c.saves.Add(1)
			return want.SaveFile(path)
		}
		c.loads.Add(1)
		if _, err := ksparse.LoadFile(path); err != nil {
			return err
		}
		return sameNetwork(want, path)
	})
}

// serve encodes and predicts on many goroutines, and compares.
func serve(net *ksparse.Network, seed uint64, c *counts) error {
	frozen, err := net.Freeze()
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(seed, 3))
	x := mat.NewDense(40, net.In(), nil)
	x.Apply(func(_, _ int, _ float64) float64 { return rng.NormFloat64() }, x)
	codes, out, err := net.Reconstruct(x)
	if err != nil {
		return err
	}
	return together(goroutines, func(i int) error {
		s := server{frozen: frozen, x: x, codes: codes, out: out, rng: rand.New(rand.NewPCG(seed, uint64(i))), c: c}
		for range 20 {
			if err := s.request(); err != nil {
				return err
			}
		}
		return nil
	})
}

// server answers requests on one goroutine.
type server struct {
	frozen *ksparse.Frozen
	x      *mat.Dense     // rows to ask for
	codes  *ksparse.Codes // what should come back
	out    *mat.Dense
	rng    *rand.Rand
	c      *counts
	into   ksparse.Codes // memory that is used again
	row    []float64
}

// request asks for some rows, or for one.
func (s *server) request() error {
	rows, cols := s.x.Dims()
	lo := s.rng.IntN(rows)
	if s.rng.IntN(2) == 0 {
		s.c.rows.Add(1)
		if err := s.frozen.EncodeRow(&s.into, s.x.RawRowView(lo)); err != nil {
			return err
		}
		s.row = append(s.row[:0], make([]float64, cols)...)
		if err := s.frozen.PredictRow(s.row, s.x.RawRowView(lo)); err != nil {
			return err
		}
		return s.compare(lo, lo+1, mat.NewDense(1, cols, s.row))
	}
	s.c.batches.Add(1)
	hi := lo + 1 + s.rng.IntN(rows-lo)
	x := s.x.Slice(lo, hi, 0, cols)
	if err := s.frozen.EncodeInto(&s.into, x); err != nil {
		return err
	}
	out, err := s.frozen.Predict(x)
	if err != nil {
		return err
	}
	return s.compare(lo, hi, out)
}

// compare holds what came back for the rows lo to hi to what should have.
func (s *server) compare(lo, hi int, out *mat.Dense) error {
	for i := lo; i < hi; i++ {
		wantIndices, wantValues := s.codes.Row(i)
		indices, values := s.into.Row(i - lo)
		if fmt.Sprint(indices, values) != fmt.Sprint(wantIndices, wantValues) {
			return fmt.Errorf("row %d has other codes", i)
		}
		if !mat.Equal(out.RowView(i-lo), s.out.RowView(i)) {
			return fmt.Errorf("row %d has another output", i)
		}
	}
	return nil
}
