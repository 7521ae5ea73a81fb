package topk

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
)

// EncodeGroups computes f(X Wᵀ + b) and finds the largest entry of each of k groups
// of consecutive latents, w.Rows/k of them each, in every row: the lowest index
// among equal ones. k divides w.Rows. Like Encode it never stores that product.
// narrow holds the weights where it is not nil; then w has their shape alone.
func EncodeGroups(out Selected, x, w Rows, narrow []float32, bias []float64, k int, f Func) {
	all, size := weights{w, narrow}, w.Rows/k
	workers, block := split(x, all)
	parts := 1
	if block == 0 { // few rows: share out the groups
		parts, block = min(workers, k), x.Rows
	}
	blocks := (x.Rows + block - 1) / block
	parallel.ForWorkers(workers, blocks*parts, 1, func(_, piece, _ int) {
		s := scratchPool.Get().(*scratch)
		defer scratchPool.Put(s)
		lo, part := piece/parts*block, piece%parts
		hi := min(lo+block, x.Rows)
		s.scanGroups(out, lo, x.Slice(lo, hi), all, bias, part*k/parts, (part+1)*k/parts, size, k, f)
	})
}

// scanGroups sets what row lo and those after it, the rows x, select of the groups
// from to to.
func (s *scratch) scanGroups(out Selected, lo int, x Rows, w weights, bias []float64, from, to, size, k int, f Func) {
	s.tile = Grown(s.tile, panel*x.Rows)
	for j := from * size; j < to*size; j += panel {
		n := min(panel, to*size-j)
		tile := s.tile[:n*x.Rows]
		data, stride := w.panel(s, j, n)
		kernel.MulT(tile, n, x.Data, x.Stride, x.Rows, data, stride, n, x.Cols)
		for i := range x.Rows {
			idx, val, pre := out.row(lo+i, k)
			for t, z := range tile[i*n : (i+1)*n] {
				latent := j + t
				g := latent / size
				z += bias[latent]
				v := z
				if !f.Identity {
					v = f.Value(z)
				}
				if latent == g*size || v > val[g] {
					idx[g], val[g], pre[g] = int32(latent), v, z
				}
			}
		}
	}
}
