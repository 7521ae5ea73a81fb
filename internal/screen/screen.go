package screen

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
)

// Stats counts what Encode and EncodeAbove did. It may be shared by any number of
// calls.
type Stats struct {
	Rows       atomic.Int64 // rows encoded
	Screened   atomic.Int64 // of these, rows that were screened to the end
	Candidates atomic.Int64 // latents that the integers left in the race, in rows that were screened to the end
	Plain      atomic.Int64 // rows that took the plain path
}

// MaxInputs is the most inputs that a layer may have to be screened at all.
const MaxInputs = kernel.ScreenInputs

// Worth reports whether Encode is faster than the plain path, on this processor
// and data that are not made to defeat the bound, with a Packed at hand. The
// rule is from BenchmarkCrossing, on two cores with VNNI: below it the ratio is 0.8
// to 1.5, from it on nearly always above 1.5. Where k/n is larger there are more
// candidates, where there are few latents the bookkeeping costs what the product
// saves.
func Worth(rows, inputs, latents, k int) bool {
	return kernel.FastScreen() && rows > 0 && k > 0 && k <= latents/16 &&
		inputs >= 16 && inputs <= kernel.ScreenInputs && latents >= 256
}

// WorthPacking reports the same where the weights must be packed first, for these
// rows only: that costs what screening saves on about 50 rows.
func WorthPacking(rows, inputs, latents, k int) bool {
	return rows >= 128 && Worth(rows, inputs, latents, k)
}

// WorthAbove is Worth for EncodeAbove, where such a share of the latents is expected
// above the thresholds: 0 where nobody knows, which leaves it to the watcher to turn
// back. The rule is from BenchmarkCrossingAbove: at a share of 1/32 the ratio is 1 to
// 3, at 1/16 often below 1, as the rows with the most candidates take the plain path.
func WorthAbove(rows, inputs, latents int, share float64) bool {
	return share <= 1.0/32 && Worth(rows, inputs, latents, 1)
}

// WorthPackingAbove is WorthPacking for EncodeAbove.
func WorthPackingAbove(rows, inputs, latents int, share float64) bool {
	return rows >= 128 && WorthAbove(rows, inputs, latents, share)
}

const (
	// blockRows rows are screened together: their tiles stay in the second-level
	// cache while all panels pass by, and each panel is read once for all of them.
	blockRows = 42 * kernel.ScreenRows
	// blockCodes bounds the codes of a block, blockList its candidates.
	blockCodes = 16 << 20
	blockList  = 2 << 20
	// fewRows rows at most are screened one by one: they would leave most of a tile
	// empty.
	fewRows = 4
	// fewWork is the integer product, in multiplications, below which the rows of a
	// single tile stay on one goroutine: waking another would take longer.
	fewWork = 1 << 20
	// A row with more candidates than leastList, than latents/tooMany and than 4k is
	// handed to the plain path.
	leastList = 1024
)

// Encode is topk.Encode, with its bits, for weights w that packed is a copy of.
// stats may be nil.
func Encode(out topk.Selected, x topk.Rows, packed *Packed, w Weights, bias []float64, k int, f topk.Func, stats *Stats) {
	c := callPool.Get()
	defer c.free()
	c.out, c.x, c.packed, c.w, c.bias, c.k, c.f = out, x, packed, w, bias, k, f
	if !c.encode(stats) {
		EncodePlain(out, x, w, bias, k, f)
	} else if len(c.plain) > 0 {
		c.encodeRest()
	}
}

// EncodeAbove is topk.EncodeAbove, with its bits, for weights w and biases that
// packed is a copy of. stats may be nil.
func EncodeAbove(out *topk.List, x topk.Rows, packed *Packed, w Weights, bias, threshold []float64, stats *Stats) {
	c := callPool.Get()
	defer c.free()
	c.x, c.packed, c.w, c.bias, c.threshold, c.f = x, packed, w, bias, threshold, identity
	if !c.encode(stats) {
		EncodeAbovePlain(out, x, w, bias, threshold)
		return
	}
	if len(c.plain) > 0 {
		c.encodeAboveRest()
	}
	c.found.Join(out, x.Rows)
}

// identity is the activation of a selection by pre-activation.
var identity = topk.Func{Value: func(z float64) float64 { return z }, Identity: true, Monotone: true}

// encode does all that can be done by screening, and leaves the rows in c.plain.
// It reports false where that is all of them.
func (c *call) encode(stats *Stats) bool {
	c.candidates = 0
	c.plain = c.plain[:0]
	if stats != nil {
		stats.Rows.Add(int64(c.x.Rows))
	}
	if !c.prepare() {
		if stats != nil {
			stats.Plain.Add(int64(c.x.Rows))
		}
		return false
	}
	if c.x.Rows <= kernel.ScreenRows {
		c.oneTile()
	} else {
		workers := parallel.Workers(c.x.Rows, kernel.ScreenRows)
		parallel.ForWorkers(workers, c.x.Rows, c.share(workers), c.block)
	}
	if stats != nil {
		stats.Screened.Add(int64(c.x.Rows - len(c.plain)))
		stats.Candidates.Add(int64(c.candidates))
		stats.Plain.Add(int64(len(c.plain)))
	}
	c.packed.watcher.saw(c)
	c.packed.ripen(c)
	return true
}

// call is one Encode or EncodeAbove.
type call struct {
	x      topk.Rows
	packed *Packed
	w      Weights
	bias   []float64

	// Of an Encode.
	out topk.Selected
	k   int
	f   topk.Func

	// Of an EncodeAbove, and nil else.
	threshold []float64
	found     topk.Found

	biases   *biases
	summary  *summary
	outliers *outliers
	floor    float64 // f is never below it; see level
	groups   int     // of panels, each with lane maxima of its own
	room     int     // for candidates of a row
	middle   *middle // or nil

	mu         sync.Mutex
	plain      []int32 // rows left to the plain path
	candidates int     // of the other rows

	// Method values, made once: a new one for each Encode would be garbage.
	block  func(worker, lo, hi int)
	panels func(worker, lo, hi int)
	one    *block // the block that panels is for

	rest topk.Rows // the rows of plain
	kept topk.Selected
	list topk.List
}

var callPool pool[call]

func (c *call) free() {
	c.x, c.packed, c.w, c.bias = topk.Rows{}, nil, Weights{}, nil
	c.out, c.k, c.f, c.threshold = topk.Selected{}, 0, topk.Func{}, nil
	c.biases, c.summary, c.outliers, c.middle = nil, nil, nil, nil
	callPool.Put(c)
}

// prepare sets what all blocks have in common, and reports whether the call can
// be screened at all.
func (c *call) prepare() bool {
	p := c.packed
	if !(c.f.Monotone || c.f.Rising) || !p.watcher.open(p.Always) {
		return false
	}
	c.summary, c.biases = p.summarize(), &p.biases
	if !c.summary.usable || c.x.Rows == 0 {
		return false
	}
	if c.threshold != nil {
		c.biases = p.less(c.bias, c.threshold)
	}
	if !(c.biases.magnitude <= math.MaxFloat64) {
		return false
	}
	if c.x.Rows >= fewSamples {
		p.learn(c.x, c.w)
	}
	c.outliers = p.outliers.Load()
	if c.outliers == nil {
		c.outliers = &noOutliers
	}
	c.floor = 0
	if c.f.Monotone {
		c.floor = c.f.Value(-math.MaxFloat64)
	}
	if math.IsNaN(c.floor) {
		return false
	}
	// Four times as many maxima as k make their k-th largest nearly as good a
	// threshold as the k-th largest code. (EncodeAbove, where k is 0, needs none.)
	c.groups = 1
	for c.groups*kernel.ScreenLatents < 4*c.k {
		c.groups *= 2
	}
	c.groups = min(c.groups, p.panels)
	c.middle = p.middle.Load()
	// A power of two would put the lists of all rows in one set of the cache.
	c.room = min(p.latents, max(leastList, p.latents/tooMany, 4*c.k)) | 8
	if c.block == nil {
		c.block, c.panels = c.encodeBlock, c.screenPanels
	}
	return true
}

// share returns how many rows a block has: as many as serve the caches, in even
// shares for the workers, and whole tiles.
func (c *call) share(workers int) int {
	most := min(blockRows, blockCodes/(c.packed.panels*kernel.ScreenLatents), blockList/c.room)
	most = max(most, kernel.ScreenRows)
	turns := (c.x.Rows + workers*most - 1) / (workers * most)
	rows := (c.x.Rows + workers*turns - 1) / (workers * turns)
	return (rows + kernel.ScreenRows - 1) / kernel.ScreenRows * kernel.ScreenRows
}

// encodeBlock encodes the rows lo to hi, from quantising to the choice.
func (c *call) encodeBlock(_, lo, hi int) {
	b := blockPool.Get()
	defer blockPool.Put(b)
	b.reset(c, lo, hi)
	b.pack()
	b.screen(0, c.groups)
	b.finish()
}

// oneTile encodes no more rows than a tile has: one block, for which the groups of
// panels are shared out.
func (c *call) oneTile() {
	work := c.x.Rows * c.packed.latents * c.packed.inputs
	workers := 1
	if work >= fewWork {
		workers = parallel.Workers(c.packed.panels, 1)
		c.groups = min(c.packed.panels, max(c.groups, 4*workers))
	}
	b := blockPool.Get()
	defer blockPool.Put(b)
	b.reset(c, 0, c.x.Rows)
	b.pack()
	c.one = b
	parallel.ForWorkers(workers, c.groups, 1, c.panels)
	c.one = nil
	b.finish()
}

func (c *call) screenPanels(_, lo, hi int) { c.one.screen(lo, hi) }

// watcher keeps an eye on the candidates and stops screening for a while where
// there are so many that the plain path would have been faster.
type watcher struct{ rest atomic.Int32 }

const (
	// tooMany is the share of all values that screening may have to compute: 1/tooMany.
	tooMany = 8
	// tooManyCached is that where the float64 weights take no more than cachedBytes, so
	// that those of a candidate are not far away. (784 -> 1000, training on normal
	// numbers with 12 % of the values candidates: a step is 1.17 times as fast as with
	// the plain path.)
	tooManyCached = 4
	cachedBytes   = 8 << 20
	// pause is how many calls take the plain path before screening is tried again.
	pause = 50
)

// open reports whether to screen the next call.
func (w *watcher) open(always bool) bool {
	for !always {
		n := w.rest.Load()
		if n <= 0 {
			return true
		}
		if w.rest.CompareAndSwap(n, n-1) {
			return false
		}
	}
	return true
}

// saw looks at a call that was screened.
func (w *watcher) saw(c *call) {
	n := c.packed.latents
	computed := c.candidates + len(c.plain)*n
	share := tooMany
	if 8*n*c.packed.inputs <= cachedBytes {
		share = tooManyCached
	}
	if computed*share <= c.x.Rows*n {
		return
	}
	// Few rows were not asked about outliers: perhaps they are the reason.
	if c.x.Rows < fewSamples && c.packed.learn(c.x, c.w) {
		return
	}
	w.rest.Store(pause)
}

// pool is a sync.Pool of *T.
type pool[T any] struct{ free sync.Pool }

func (p *pool[T]) Get() *T {
	if v, ok := p.free.Get().(*T); ok {
		return v
	}
	return new(T)
}

func (p *pool[T]) Put(v *T) { p.free.Put(v) }

// grownAligned is topk.Grown for memory that starts at a 64-byte address.
func grownAligned[T uint8 | int16](s []T, n int) []T {
	if cap(s) < n {
		return aligned[T](n)
	}
	return s[:n]
}
