package engine

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
	"github.com/ksparse/ksparse/internal/topk"
)

// batchSelection is the memory of a selection from a whole batch.
type batchSelection struct {
	found  topk.Selected // the first m of each row
	rows   []rowFound    // what was found of each row
	again  []int         // rows to look at again
	x      matrix.Rows   // those rows
	values []float64     // all positive values found
}

// rowFound is the largest entries of a row, ascending by latent, and the smallest
// value among them.
type rowFound struct {
	idx      []int32
	val, pre []float64
	least    float64
}

// kth returns the want-th largest positive value found so far, 0 where there are not
// as many.
func (b *batchSelection) kth(want int) float64 {
	b.values = b.values[:0]
	for _, r := range b.rows {
		for _, v := range r.val {
			if v > 0 {
				b.values = append(b.values, v)
			}
		}
	}
	if len(b.values) < want || want == 0 {
		return 0
	}
	return kernel.KthLargest(b.values, want)
}

// write sets c to the want largest of what was found; least is the smallest of them.
func (b *batchSelection) write(c *sparse.Codes, pre []float64, latents, want int, least float64) []float64 {
	c.Clear(latents)
	pre = pre[:0]
	ties := want
	for _, r := range b.rows {
		for _, v := range r.val {
			if v > least {
				ties--
			}
		}
	}
	for _, r := range b.rows {
		for t, v := range r.val {
			switch {
			case v <= 0 || v < least:
				continue
			case v == least:
				if ties <= 0 {
					continue
				}
				ties--
			}
			c.Indices, c.Values, pre = append(c.Indices, r.idx[t]), append(c.Values, v), append(pre, r.pre[t])
		}
		c.EndRow()
	}
	return pre
}
