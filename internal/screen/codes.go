package screen

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
)

// codes holds the codes of a block and maxima of them.
type codes struct {
	rows   int     // the rows of the block and those that fill the last tile
	groups int     // of panels
	all    []int16 // panel after panel, a row's 32 codes after those of the row before
	lanes  []int16 // of each row: the largest code in each lane of each group of panels
}

// reset makes room for the codes, and clears the maxima.
func (c *codes) reset(rows, panels, groups int) {
	c.rows, c.groups = rows, groups
	c.all = resizedAligned(c.all, panels*rows*kernel.ScreenLatents)
	c.lanes = resizedAligned(c.lanes, rows*c.stride())
	for i := range c.lanes {
		c.lanes[i] = math.MinInt16
	}
}

// stride is the distance between two rows of lanes. A power of two would put
// them all in one set of the cache.
func (c *codes) stride() int { return (c.groups + 1) * kernel.ScreenLatents }

// panel returns the codes of panel i.
func (c *codes) panel(i int) []int16 {
	n := c.rows * kernel.ScreenLatents
	return c.all[i*n : (i+1)*n]
}

// group returns the lanes from those of group g of the first row on, and the distance
// to those of the next row.
func (c *codes) group(g int) (lanes []int16, stride int) {
	return c.lanes[g*kernel.ScreenLatents:], c.stride()
}

// kth returns the k-th largest of the maxima of row i.
func (c *codes) kth(i, k int) int16 {
	return kernel.ScreenKth(c.lanes[i*c.stride():][:c.groups*kernel.ScreenLatents], k)
}
