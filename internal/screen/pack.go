package screen

import (
	"math"
	"sync/atomic"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// Packed is the integer copy of weights, with what the bound needs to know of them.
// Whoever changes weights or biases repacks them before the next Encode, or the
// answers are wrong without notice. Any number of goroutines may Encode at once;
// Repack is for one that nobody else uses at the time.
type Packed struct {
	// Always keeps the watcher from giving up on data that screen badly. It is for
	// tests and measurements.
	Always bool

	latents, inputs int
	groups          int // of inputs, whose integers lie in the same four bytes
	panels          int // of PanelLatents latents each, the last one filled up

	grid  kernel.Grid
	unit  float64 // ω: weights are measured in it
	bytes []uint8 // panel after panel
	biases

	summary  atomic.Pointer[summary] // nil after a change
	shifted  atomic.Pointer[shifted] // the same
	outliers atomic.Pointer[outliers]
	middle   atomic.Pointer[middle] // nil where there is none
	watcher  watcher

	sinceChange  atomic.Int64 // rows screened since a change of the weights
	makingMiddle atomic.Bool  // a goroutine is in considerMiddle
}

// summary holds what is known of the latents' other numbers.
type summary struct {
	norm, residual         float64 // the largest
	meanNorm, meanResidual float64
	usable                 bool // there is a bound
}

// Pack quantises weights, which costs about as much as reading them twice.
func Pack(w matrix.Weights, bias []float64) *Packed {
	grid := kernel.Coarse()
	if worthFine(w.Rows, w.Cols) {
		grid = kernel.GridFine
	}
	return pack(w, bias, grid)
}

// pack is Pack on the given grid.
func pack(w matrix.Weights, bias []float64, grid kernel.Grid) *Packed {
	n, d := w.Rows, w.Cols
	p := &Packed{
		latents: n, inputs: d, grid: grid, groups: grid.Groups(d),
		panels: (n + kernel.ScreenLatents - 1) / kernel.ScreenLatents,
	}
	p.bytes = aligned[uint8](p.panels * p.panelBytes())
	if !p.fine() && worthMiddle(n, d) && d >= middleAtOnce {
		p.middle.Store(newMiddle(n, d, true))
	}
	p.numbers = make([]kernel.ScreenPanel, p.panels)
	for l := n % kernel.ScreenLatents; l > 0 && l < kernel.ScreenLatents; l++ {
		p.numbers[p.panels-1].Norm[l] = float32(math.Inf(-1)) // padding
	}
	p.Repack(w, bias)
	return p
}

// fine reports whether the integers are int16.
func (p *Packed) fine() bool { return p.grid == kernel.GridFine }

// panelBytes is how many bytes a panel takes.
func (p *Packed) panelBytes() int { return p.groups * 4 * kernel.ScreenLatents }

// Bytes returns how much memory p holds.
func (p *Packed) Bytes() int {
	n := len(p.bytes) + len(p.numbers)*4*4*kernel.ScreenLatents
	if m := p.middle.Load(); m != nil {
		n += len(m.data) + 3*8*len(m.numbers)
	}
	if s := p.shifted.Load(); s != nil {
		n += 8*len(s.threshold) + len(s.numbers)*4*4*kernel.ScreenLatents
	}
	if set := p.outliers.Load(); set != nil {
		n += 4 * len(set.columns)
	}
	return n
}

// Repack packs all weights and biases again; they have the shape that they had for
// Pack. It also chooses the unit of measure again: by some of the latents, so that
// the others need not be read twice, and by all of them where that unit does not fit.
func (p *Packed) Repack(w matrix.Weights, bias []float64) {
	every := (p.latents + 63) / 64
	p.measure(w, every)
	p.repackAll(w)
	p.RepackBias(bias)
	if every > 1 && !p.summarize().usable {
		p.measure(w, 1)
		p.repackAll(w)
	}
}

// repackAll packs all weights in the present unit of measure.
func (p *Packed) repackAll(w matrix.Weights) {
	parallel.For(p.panels, 4, func(_, lo, hi int) {
		p.RepackRows(w, lo*kernel.ScreenLatents, min(hi*kernel.ScreenLatents, p.latents))
	})
}

// measure sets the unit of measure by the largest weight of some latents: the first,
// and every every-th after it.
func (p *Packed) measure(w matrix.Weights, every int) {
	var wide []float64
	m := 0.0
	for j := 0; j < p.latents; j += every {
		m = max(m, kernel.MaxAbs(weightRow(&wide, w, j))) // which keeps a NaN
	}
	p.unit = 1
	if m >= minInput && m <= maxInput {
		p.unit = powerOfTwo(m)
	}
}

// RepackRows packs the weights of the latents lo to hi again. Calls for ranges
// that do not overlap may run at once, so a training sweep calls it for the rows
// that it has just moved, while they are in cache. Ranges that are multiples of
// PanelLatents are fastest: the latents of a panel lie side by side in the same
// cache lines, for which two goroutines would fight. The unit of measure stays that
// of the last Repack, which fits until weights have grown 2^40 times.
func (p *Packed) RepackRows(w matrix.Weights, lo, hi int) {
	var wide []float64
	set, middle := p.outliers.Load(), p.middle.Load()
	for j := lo; j < hi; j++ {
		row := weightRow(&wide, w, j)
		p.packLatent(j, row)
		if middle != nil && middle.follows {
			middle.packLatent(p, j, row)
		}
		if set != nil {
			set.copyLatent(p, j, w)
		}
	}
	if middle != nil && !middle.follows {
		p.middle.Store(nil)
	}
	if p.sinceChange.Load() != 0 {
		p.sinceChange.Store(0)
	}
	p.changed()
}

// PanelLatents is how many latents are stored side by side.
const PanelLatents = kernel.ScreenLatents

// changed drops what was computed from all latents.
func (p *Packed) changed() {
	// Many goroutines call this in turn; one of them needs to write.
	if p.summary.Load() != nil {
		p.summary.Store(nil)
	}
	if p.shifted.Load() != nil {
		p.shifted.Store(nil)
	}
}

// packLatent quantises latent j, whose weights are row. See bound.go for what its
// numbers must satisfy.
func (p *Packed) packLatent(j int, row []float64) {
	panel, l := j/kernel.ScreenLatents, j%kernel.ScreenLatents
	dst := p.bytes[panel*p.panelBytes()+4*l : (panel+1)*p.panelBytes()]
	to := &p.numbers[panel]
	largest, square := kernel.Extent(row)
	m := largest / p.unit
	if !(m <= huge) {
		to.Norm[l] = float32(math.Inf(1))
		return
	}
	if m < tiny {
		p.quantise(dst, 4*kernel.ScreenLatents, row, 0, p.grid.Offset())
		// |w| < 2^-80 sqrt(16384) = 2^-73.
		to.Scale[l], to.Norm[l], to.Residual[l] = 0, leastNorm, 0x1p-73
		return
	}
	scale := up32(p.latentStep(row, m, math.Sqrt(square)/p.unit))
	s := float64(scale)
	z := p.quantise(dst, 4*kernel.ScreenLatents, row, 1/(s*p.unit), p.grid.Offset())
	to.Scale[l] = scale
	to.Norm[l] = up32(max(leastNorm, s*math.Sqrt(max(z.Square, z.Integers))*normSlack))
	to.Residual[l] = up32(s * math.Sqrt(z.Residual) * normSlack)
}

// RepackBias packs all biases again.
func (p *Packed) RepackBias(bias []float64) {
	p.biases.set(bias, nil)
	p.changed()
}

// summarize returns the summary, and makes it where it was dropped.
func (p *Packed) summarize() *summary {
	if s := p.summary.Load(); s != nil {
		return s
	}
	var norm, residual float32
	var norms, residuals float64
	for i := range p.numbers {
		w := &p.numbers[i]
		for l := range w.Norm {
			norm, residual = max(norm, w.Norm[l]), max(residual, w.Residual[l])
			norms += float64(max(w.Norm[l], 0)) // that of padding is -Inf
			residuals += float64(w.Residual[l])
		}
	}
	s := &summary{
		meanNorm: norms / float64(p.latents), meanResidual: residuals / float64(p.latents),
		norm: float64(norm), residual: float64(residual),
		usable: p.inputs > 0 && p.inputs <= kernel.ScreenInputs && norm <= math.MaxFloat32 &&
			p.unit >= minInput && p.unit <= maxInput,
	}
	p.summary.Store(s)
	return s
}
