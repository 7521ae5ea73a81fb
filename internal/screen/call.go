package screen

import (
	"sync/atomic"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
)

// call is one Encode or EncodeAbove. It is kept for the next one, with its memory.
type call struct {
	request
	prepared
	unscreened     unscreened
	candidateCount atomic.Int64 // of the other rows
	found          topk.Found   // by an EncodeAbove

	// Method values, made once: new ones for each call would be garbage.
	byRows   func(worker, lo, hi int) // encodeBlock
	byPanels func(worker, lo, hi int) // screenPanels
	oneBlock *block                   // the block that screenPanels works on
}

var callPool pool[call]

// free drops what belongs to others, and keeps c for another call.
func (c *call) free() {
	c.request, c.prepared = request{}, prepared{}
	callPool.Put(c)
}

const (
	// blockRows is how many rows are screened together: their tiles stay in the
	// second-level cache, and each panel is read once for all of them.
	blockRows = 42 * kernel.ScreenRows
	// blockCodes and blockList bound how many codes and candidates a block has.
	blockCodes = 16 << 20
	blockList  = 2 << 20
	// fewWork is the integer product, in multiplications, below which the rows of a
	// single tile stay on one goroutine: waking another would take longer.
	fewWork = 1 << 20
)

// encode encodes the rows that can be screened, and lists the others in
// c.unscreened. It returns false where that is none of them: then out is as it was.
func (c *call) encode(stats *Stats) bool {
	c.candidateCount.Store(0)
	c.unscreened.reset()
	if !c.prepare(&c.request) {
		stats.add(c.x.Rows, c.x.Rows, 0)
		return false
	}
	if c.byRows == nil {
		c.byRows, c.byPanels = c.encodeBlock, c.screenPanels
	}
	if c.x.Rows <= kernel.ScreenRows {
		c.oneTile()
	} else {
		workers := parallel.Workers(c.x.Rows, kernel.ScreenRows)
		parallel.ForWorkers(workers, c.x.Rows, c.blockSize(workers), c.byRows)
	}
	unscreened, candidates := len(c.unscreened.rows), int(c.candidateCount.Load())
	stats.add(c.x.Rows, unscreened, candidates)
	c.packed.watcher.judge(&c.request, candidates+unscreened*c.packed.latents)
	if c.middle == nil {
		c.packed.considerMiddle(&c.request, c.x.Rows-unscreened, candidates)
	}
	return true
}

// blockSize returns how many rows a block has: no more than the caches hold, in even
// shares for the workers, and whole tiles.
func (c *call) blockSize(workers int) int {
	most := min(blockRows, blockCodes/(c.packed.panels*kernel.ScreenLatents), blockList/c.room)
	most = max(most, kernel.ScreenRows)
	turns := (c.x.Rows + workers*most - 1) / (workers * most)
	rows := (c.x.Rows + workers*turns - 1) / (workers * turns)
	return (rows + kernel.ScreenRows - 1) / kernel.ScreenRows * kernel.ScreenRows
}

// encodeBlock encodes the rows lo to hi, from quantising them to the choice.
func (c *call) encodeBlock(_, lo, hi int) {
	b := blockPool.Get()
	defer blockPool.Put(b)
	b.reset(c, lo, hi)
	b.pack()
	b.screen(0, c.groups)
	b.finish()
}

// oneTile encodes a call that has no more rows than a tile: they are one block, for
// which the workers share the groups of panels.
func (c *call) oneTile() {
	work := c.x.Rows * c.packed.latents * c.packed.inputs
	workers := 1
	if work >= fewWork {
		workers = parallel.Workers(c.packed.panels, 1)
		c.share(workers, c.packed.panels)
	}
	b := blockPool.Get()
	defer blockPool.Put(b)
	b.reset(c, 0, c.x.Rows)
	b.pack()
	c.oneBlock = b
	parallel.ForWorkers(workers, c.groups, 1, c.byPanels)
	c.oneBlock = nil
	b.finish()
}

// screenPanels screens the groups lo to hi of panels for oneBlock.
func (c *call) screenPanels(_, lo, hi int) { c.oneBlock.screen(lo, hi) }
