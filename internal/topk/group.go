package topk

import (
	"sync"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
)

// EncodeGroups computes f(X Wᵀ + b) and finds the largest entry of each of k groups
// of consecutive latents, w.Rows/k of them each, in every row: the lowest index
// among equal ones. k divides w.Rows. Like Encode it never stores that product.
// narrow holds the weights where it is not nil; then w has their shape alone.
func EncodeGroups(out Selected, x, w Rows, narrow []float32, bias []float64, k int, f Func) {
	c, _ := groupPool.Get().(*groupCall)
	if c == nil {
		c = new(groupCall)
		c.pieces = c.encode
	}
	c.out, c.x, c.w, c.bias, c.k, c.f = out, x, weights{w, narrow}, bias, k, f
	workers, block := split(x, c.w)
	c.parts, c.block = 1, block
	if block == 0 { // few rows: share out the groups
		c.parts, c.block = min(workers, k), x.Rows
	}
	blocks := (x.Rows + c.block - 1) / c.block
	parallel.ForWorkers(workers, blocks*c.parts, 1, c.pieces)
	c.out, c.x, c.w, c.bias, c.f = Selected{}, Rows{}, weights{}, nil, Func{}
	groupPool.Put(c)
}

// groupCall is one EncodeGroups. Like a call, it is kept.
type groupCall struct {
	out  Selected
	x    Rows
	w    weights
	bias []float64
	k    int
	f    Func

	block, parts int // rows of a piece, and pieces that share them
	pieces       func(worker, lo, hi int)
}

var groupPool sync.Pool

// encode finds what some rows select of some groups.
func (c *groupCall) encode(_, piece, _ int) {
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	lo, part := piece/c.parts*c.block, piece%c.parts
	x, size := c.x.Slice(lo, min(lo+c.block, c.x.Rows)), c.w.wide.Rows/c.k
	first, end := part*c.k/c.parts*size, (part+1)*c.k/c.parts*size
	s.tile = Grown(s.tile, panel*x.Rows)
	for j := first; j < end; j += panel {
		n := min(panel, end-j)
		tile := s.tile[:n*x.Rows]
		data, stride := c.w.panel(s, j, n)
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
				if latent == g*size || v > val[g] {
					idx[g], val[g], pre[g] = int32(latent), v, z
				}
			}
		}
	}
}
