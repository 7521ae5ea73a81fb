package topk

import (
	"math"
	"sync"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// EncodeGroups computes f(X Wᵀ + b) and finds the largest entry of each of k groups
// of consecutive latents, w.Rows/k of them each, in every row: the lowest index
// among equal ones. k divides w.Rows. Like Encode it never stores that product. A group
// with a pre-activation that is NaN or infinite has the value NaN.
func EncodeGroups(out Selected, x matrix.Rows, w matrix.Weights, bias []float64, k int, f Func) {
	c, _ := groupPool.Get().(*groupCall)
	if c == nil {
		c = new(groupCall)
		c.run = c.encode
	}
	c.out, c.x, c.w, c.bias, c.k, c.f = out, x, w, bias, k, f
	workers, block := split(x, w)
	c.parts, c.block = 1, block
	if block == 0 { // few rows: share out the groups
		c.parts, c.block = min(workers, k), x.Rows
	}
	blocks := (x.Rows + c.block - 1) / c.block
	parallel.ForWorkers(workers, blocks*c.parts, 1, c.run)
	c.out, c.x, c.w, c.bias, c.f = Selected{}, matrix.Rows{}, matrix.Weights{}, nil, Func{}
	groupPool.Put(c)
}

// groupCall is one EncodeGroups. Like a call, it is kept. Each of its tasks takes a
// block of rows and a part of the groups.
type groupCall struct {
	out  Selected
	x    matrix.Rows
	w    matrix.Weights
	bias []float64
	k    int
	f    Func

	block int                        // rows of a task
	parts int                        // tasks for each block of rows
	run   func(worker, task, hi int) // encode
}

var groupPool sync.Pool

// encode does one task.
func (c *groupCall) encode(_, task, _ int) {
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	lo, part := task/c.parts*c.block, task%c.parts
	x, size := c.x.Slice(lo, min(lo+c.block, c.x.Rows)), c.w.Rows/c.k
	first, end := part*c.k/c.parts*size, (part+1)*c.k/c.parts*size
	s.tile = matrix.Resized(s.tile, panel*x.Rows)
	for j := first; j < end; j += panel {
		n := min(panel, end-j)
		tile := s.tile[:n*x.Rows]
		data, stride := matrix.Panel(&s.wide, c.w, j, n)
		kernel.MulT(tile, n, x.Data, x.Stride, x.Rows, data, stride, n, x.Cols)
		for i := range x.Rows {
			idx, val, pre := c.out.row(lo+i, c.k)
			for t, z := range tile[i*n : (i+1)*n] {
				latent := j + t
				g := latent / size
				z += c.bias[latent]
				v := z
				if !c.f.Identity {
					v = c.f.Value(z)
				}
				if z-z != 0 {
					v = math.NaN()
				}
				if latent == g*size || v > val[g] || v != v {
					idx[g], val[g], pre[g] = int32(latent), v, z
				}
			}
		}
	}
}
