package screen

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
)

// Weights are the exact weights, row j those of latent j: in float64, or, where
// every one of them is a float32, in half the memory. Values are the same bits
// either way.
type Weights struct {
	Wide   topk.Rows // Rows and Cols are set in any case, Data where Narrow is nil
	Narrow []float32 // row after row without gaps, or nil
}

// Wide returns w as it is.
func Wide(w topk.Rows) Weights { return Weights{Wide: w} }

// Narrowed returns a float32 copy of w, and whether that is exact.
func Narrowed(w topk.Rows) (Weights, bool) {
	narrow := make([]float32, 0, w.Rows*w.Cols)
	for j := range w.Rows {
		for _, v := range w.Row(j) {
			f := float32(v)
			if float64(f) != v {
				return Weights{}, false
			}
			narrow = append(narrow, f)
		}
	}
	return Weights{topk.Rows{Rows: w.Rows, Cols: w.Cols, Stride: w.Cols}, narrow}, true
}

// row returns row j, in the memory of wide where it must be converted.
func (w Weights) row(j int, wide []float64) []float64 {
	if w.Narrow == nil {
		return w.Wide.Row(j)
	}
	d := w.Wide.Cols
	for p, v := range w.Narrow[j*d:][:d] {
		wide[p] = float64(v)
	}
	return wide[:d]
}

func (w Weights) at(j, p int) float64 {
	if w.Narrow == nil {
		return w.Wide.Data[j*w.Wide.Stride+p]
	}
	return float64(w.Narrow[j*w.Wide.Cols+p])
}

// dotPairs computes Dot for pairs of a row of x and a latent.
func (w Weights) dotPairs(dst []float64, x topk.Rows, pairs []kernel.Pair) {
	if w.Narrow == nil {
		kernel.DotPairs(dst, x.Data, x.Stride, w.Wide.Data, w.Wide.Stride, x.Cols, pairs)
	} else {
		kernel.DotPairs32(dst, x.Data, x.Stride, w.Narrow, w.Wide.Cols, x.Cols, pairs)
	}
}

// Packed holds the integer copy of weights and what the bound needs to know of them.
// It is a copy: whoever changes weights or biases repacks them before the next
// Encode, or the answers are wrong without notice. Encode may be called from any
// number of goroutines at once, Repack only while nothing else uses the Packed.
type Packed struct {
	// Always keeps the watcher from giving up on data that screen badly. It is for
	// tests and measurements.
	Always bool

	latents, inputs, groups, panels int

	fine  bool    // int16, not int8
	unit  float64 // ω: weights are measured in it
	bytes []uint8 // panel after panel
	biases

	summary  atomic.Pointer[summary] // nil after a change
	shifted  atomic.Pointer[shifted] // the same
	outliers atomic.Pointer[outliers]
	middle   atomic.Pointer[middle] // nil where there is none
	rows     atomic.Int64           // screened since a change, for ripen
	ripening atomic.Bool
	watcher  watcher
}

// biases holds the latents' numbers, of which the biases are not the same for all
// calls.
type biases struct {
	numbers   []kernel.ScreenPanel
	biasUnit  float64 // β
	largest   float64 // of the biases
	magnitude float64 // the largest absolute value of one; not finite if one is not
}

// summary holds the largest of the latents' other numbers.
type summary struct {
	norm, residual           float64
	usualNorm, usualResidual float64 // means
	usable                   bool
}

// The integer product costs twice as much in int16 as in int8, and leaves fewer
// candidates: of 784 -> 1000, k = 25, on normal numbers 27 a row, not 64, in a training
// 42, not 97. So the fine grid is for few latents, where candidates cost more than the
// product. How many times as fast as in int8 a batch of 256 rows is, without and with
// the repacking of a training step (BenchmarkFine, normal numbers, two cores of a
// Zen 5; a cell may be off by 0.05):
//
//	inputs  latents     k = 16       k = 64
//	    64      256  1.03  1.02
//	    64     1024  0.96  0.96   1.07  1.08
//	   256      256  1.15  1.12
//	   256     1024  1.02  0.99   1.11  1.16
//	   256     2048  0.93  0.90   1.09  1.07
//	   784     1024  1.21  1.04   1.37  1.26
//	   784     2048  1.05  0.96   1.22  1.17
//	   784     4096  0.97  0.95   1.21  1.16
//	  2048     2048  1.07  1.01   2.29  2.06
//	  2048     4096  0.94  0.95   1.21  1.23
//
// A single row is bound by reading the copy, and takes up to 1.5 times as long.
const (
	fineLatents  = 2048
	finePerInput = 4 // latents at most for each input
)

func worthFine(latents, inputs int) bool {
	return latents <= fineLatents && latents <= finePerInput*inputs
}

// Pack quantises weights, which costs about as much as reading them twice.
func Pack(w Weights, bias []float64) *Packed {
	return pack(w, bias, worthFine(w.Wide.Rows, w.Wide.Cols))
}

func pack(w Weights, bias []float64, fine bool) *Packed {
	n, d := w.Wide.Rows, w.Wide.Cols
	p := &Packed{
		latents: n, inputs: d, fine: fine,
		groups: (d + 3) / 4,
		panels: (n + kernel.ScreenLatents - 1) / kernel.ScreenLatents,
	}
	if fine {
		p.groups = (d + 1) / 2
	}
	p.bytes = aligned[uint8](p.panels * p.panelBytes())
	if !fine && worthMiddle(n, d) && d >= middleAtOnce {
		p.middle.Store(newMiddle(n, d, true))
	}
	p.numbers = make([]kernel.ScreenPanel, p.panels)
	for l := n % kernel.ScreenLatents; l > 0 && l < kernel.ScreenLatents; l++ {
		p.numbers[p.panels-1].Norm[l] = float32(math.Inf(-1)) // only pads
	}
	p.Repack(w, bias)
	return p
}

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

// Repack takes over all weights and biases, which have the shape they had for
// Pack, and measures them anew: by some of the latents, so that the others need not
// be read twice, and by all where that does not serve.
func (p *Packed) Repack(w Weights, bias []float64) {
	every := (p.latents + 63) / 64
	p.measure(w, every)
	p.repackAll(w)
	p.RepackBias(bias)
	if every > 1 && !p.summarize().usable {
		p.measure(w, 1)
		p.repackAll(w)
	}
}

func (p *Packed) repackAll(w Weights) {
	parallel.For(p.panels, 4, func(_, lo, hi int) {
		p.RepackRows(w, lo*kernel.ScreenLatents, min(hi*kernel.ScreenLatents, p.latents))
	})
}

// measure sets the unit by the largest weight of every so many latents.
func (p *Packed) measure(w Weights, every int) {
	var wide []float64
	if w.Narrow != nil {
		wide = make([]float64, p.inputs)
	}
	m := 0.0
	for j := 0; j < p.latents; j += every {
		m = max(m, kernel.MaxAbs(w.row(j, wide))) // which keeps a NaN
	}
	p.unit = 1
	if m >= minInput && m <= maxInput {
		p.unit = powerOfTwo(m)
	}
}

// RepackRows takes over the weights of the latents lo to hi. Calls for ranges
// that do not overlap may run at once, so a training sweep calls it for the rows
// that it has just moved, while they are in cache. Ranges that are multiples of
// PanelLatents are fastest: the latents of a panel lie side by side in the same
// cache lines, for which two goroutines would fight. The unit of measure stays that
// of the last Repack, which serves until weights have grown 2^40 times.
func (p *Packed) RepackRows(w Weights, lo, hi int) {
	var wide []float64
	if w.Narrow != nil {
		wide = make([]float64, p.inputs)
	}
	set, middle := p.outliers.Load(), p.middle.Load()
	for j := lo; j < hi; j++ {
		row := w.row(j, wide)
		p.packLatent(j, row)
		if middle != nil && middle.follows {
			middle.take(p, j, row)
		}
		if set != nil {
			set.take(p, j, w)
		}
	}
	if middle != nil && !middle.follows {
		p.middle.Store(nil)
	}
	if p.rows.Load() != 0 {
		p.rows.Store(0)
	}
	p.changed()
}

// PanelLatents is how many latents are stored side by side.
const PanelLatents = kernel.ScreenLatents

func (p *Packed) changed() {
	// Many goroutines come here in turn; one needs to write.
	if p.summary.Load() != nil {
		p.summary.Store(nil)
	}
	if p.shifted.Load() != nil {
		p.shifted.Store(nil)
	}
}

// packLatent quantises latent j. See bound.go for what its numbers must satisfy.
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
		p.quantise(dst, 4*kernel.ScreenLatents, row, 0, 0x80)
		// |w| < 2^-80 sqrt(16384) = 2^-73.
		to.Scale[l], to.Norm[l], to.Residual[l] = 0, leastNorm, 0x1p-73
		return
	}
	scale := up32(p.step(m, math.Sqrt(square)/p.unit))
	s := float64(scale)
	z := p.quantise(dst, 4*kernel.ScreenLatents, row, 1/(s*p.unit), 0x80)
	to.Scale[l] = scale
	to.Norm[l] = up32(max(leastNorm, s*math.Sqrt(max(z.Square, z.Integers))*normSlack))
	to.Residual[l] = up32(s * math.Sqrt(z.Residual) * normSlack)
}

// quantise is kernel.Quantise on the grid of p.
func (p *Packed) quantise(dst []uint8, stride int, x []float64, inv float64, flip uint8) kernel.Quantised {
	if p.fine {
		return kernel.Quantise16(dst, stride, x, inv)
	}
	return kernel.Quantise(dst, stride, x, inv, flip)
}

// step returns the step of the grid for a row or latent with such a largest entry and
// such a norm.
func (p *Packed) step(largest, norm float64) float64 {
	if p.fine {
		return fineStep(largest, norm)
	}
	return largest / 127
}

func fineStep(largest, norm float64) float64 { return max(largest/32767, norm/46000) }

// RepackBias takes over all biases.
func (p *Packed) RepackBias(bias []float64) {
	p.biases.set(bias, nil)
	p.changed()
}

// set takes over the biases, less the thresholds where those are not nil. See
// bound.go for the slack.
func (b *biases) set(bias, threshold []float64) {
	at := func(j int) (v, slack float64) {
		v = bias[j]
		if threshold == nil {
			return v, biasSlack * math.Abs(v)
		}
		v -= threshold[j]
		return v, float64(biasSlack*math.Abs(v)) + float64(shiftSlack*math.Abs(bias[j]))
	}
	b.largest, b.magnitude = math.Inf(-1), 0
	for j := range bias {
		v, slack := at(j)
		if threshold != nil && threshold[j] > math.MaxFloat64 {
			continue // nothing is above: like padding
		}
		b.largest = max(b.largest, v+slack)
		if m := math.Abs(v) + slack; !(m <= b.magnitude) { // keeps a NaN, too
			b.magnitude = m
		}
	}
	b.biasUnit = 1
	finite := b.magnitude <= math.MaxFloat64
	if finite {
		b.biasUnit = powerOfTwo(b.magnitude)
	}
	for i := range b.numbers {
		for l := range b.numbers[i].Bias {
			f := float32(math.Inf(-1))
			if j := i*kernel.ScreenLatents + l; j < len(bias) && finite {
				v, slack := at(j)
				f = up32(v/b.biasUnit + slack/b.biasUnit)
			}
			b.numbers[i].Bias[l] = f
		}
	}
}

// shifted holds the biases less thresholds: what they bound is how far a value is
// above its threshold.
type shifted struct {
	biases
	threshold []float64
}

// less returns the biases less the thresholds, which are kept for the next call:
// for a single row they would take a good part of the time.
func (p *Packed) less(bias, threshold []float64) *biases {
	if s := p.shifted.Load(); s != nil && slices.Equal(s.threshold, threshold) {
		return &s.biases
	}
	s := &shifted{threshold: slices.Clone(threshold)}
	s.numbers = slices.Clone(p.numbers)
	s.set(bias, threshold)
	p.shifted.Store(s)
	return &s.biases
}

// summarize returns the largest of the latents' numbers.
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
			norms += float64(max(w.Norm[l], 0)) // padding has -Inf
			residuals += float64(w.Residual[l])
		}
	}
	s := &summary{
		usualNorm: norms / float64(p.latents), usualResidual: residuals / float64(p.latents),
		norm: float64(norm), residual: float64(residual),
		usable: p.inputs > 0 && p.inputs <= kernel.ScreenInputs && norm <= math.MaxFloat32 &&
			p.unit >= minInput && p.unit <= maxInput,
	}
	p.summary.Store(s)
	return s
}

// aligned returns memory of n bytes or int16 that starts at a 64-byte address:
// objects beyond 32 KB start at a page.
func aligned[T uint8 | int16](n int) []T {
	return make([]T, n, max(n, 40<<10))
}
