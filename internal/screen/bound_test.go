package screen

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/topk"
)

// eachBound calls f with the bound and what it bounds for every latent on every row
// of t that can be screened: the value, its magnitude if that is what t selects by,
// or how far it is above its threshold.
func eachBound(t *trial, packed *Packed, above bool, f func(i, j int, bound, unit, value float64)) {
	c := &call{
		request:  request{x: t.x, packed: packed, f: newActivation(t.f)},
		prepared: prepared{summary: packed.summarize(), biases: &packed.biases, outliers: packed.outliers.Load()},
	}
	if above {
		c.biases, c.f = packed.biasesAbove(t.bias, t.threshold), newActivation(topk.ByPreActivation)
	}
	if c.outliers == nil {
		c.outliers = &noOutliers
	}
	if !c.summary.usable || !(c.biases.magnitude <= math.MaxFloat64) {
		return
	}
	single := new(tiles)
	single.reset(1, packed, true)
	codes, lanes := make([]int16, kernel.ScreenLatents), make([]int16, kernel.ScreenLatents)
	for i := range t.x.Rows {
		q, row := single.bytes, &single.numbers[0]
		unit, _ := c.packRow(q, 4, row, t.x.Row(i), single.clean)
		if unit == 0 {
			continue
		}
		single.complete(0)
		for p := range packed.panels {
			panel := packed.bytes[p*packed.panelBytes() : (p+1)*packed.panelBytes()]
			kernel.ScreenOne(codes, lanes, q, row, panel, packed.grid, &c.biases.numbers[p], c.outliers.panel(p))
			for l, code := range codes {
				j := p*kernel.ScreenLatents + l
				if j >= t.w.Rows {
					if code != math.MinInt16 {
						f(i, j, 0, unit, math.Inf(1)) // padding must be out of every race
					}
					continue
				}
				v := kernel.Dot(t.x.Row(i), t.w.Row(j)) + t.bias[j]
				switch {
				case above:
					v -= t.threshold[j]
				case c.f.Magnitude:
					v = math.Abs(v)
				}
				f(i, j, upper(int(code), unit), unit, v)
			}
		}
	}
}

// sharpTrial has, on the fine grid, errors as large as the bound allows, and enough
// inputs to make the slack for rounding and whole codes small beside them: entries of
// the row are half a step off the grid, all but one, which makes that step 1, and
// latents point along them, whose own grid fits (46000/sqrt(d) is almost 360).
func sharpTrial() *trial {
	const d, n = 16327, 2
	t := &trial{
		x:    matrix.Rows{Data: make([]float64, d), Rows: 1, Cols: d, Stride: d},
		w:    matrix.Rows{Data: make([]float64, n*d), Rows: n, Cols: d, Stride: d},
		bias: make([]float64, n), threshold: make([]float64, n),
	}
	for c := range d {
		sign := float64(c%2*2 - 1)
		t.x.Data[c] = 0.499 * sign
		t.w.Row(0)[c], t.w.Row(1)[c] = sign, -sign
	}
	t.x.Data[d/2] = 32767
	return t
}

// broken returns how many bounds of some trials lie below the value, of how many:
// of values, of magnitudes and of what is above a threshold.
func broken(trials int, grid kernel.Grid) (below, all [3]int) {
	r := rand.New(rand.NewPCG(11, 12))
	for n := range trials + 1 {
		t := newTrial(r, n%len(kinds))
		if n == trials {
			t = sharpTrial()
		}
		packed := pack(matrix.Wide(t.w), t.bias, grid)
		if r.IntN(2) == 0 {
			packed.findOutliers(t.x, matrix.Wide(t.w))
		}
		for of, name := range []string{"identity", "magnitude", "above"} {
			t.f = topk.ByPreActivation
			t.f.Magnitude = name == "magnitude"
			eachBound(t, packed, name == "above", func(_, _ int, bound, _, value float64) {
				all[of]++
				if !(bound >= value) {
					below[of]++
				}
			})
		}
	}
	return below, all
}

// TestBound looks at every single bound, where the encode only notices one that
// decides a choice.
func TestBound(t *testing.T) {
	trials := 40 * len(kinds)
	if testing.Short() || raceEnabled || kernel.Active() == "go" {
		trials = 4 * len(kinds)
	}
	defer func() { boundFactor = 1 }()
	for _, grid := range grids {
		boundFactor = 1
		below, all := broken(trials, grid.grid)
		t.Logf("grid %d: %d bounds", grid.grid, all)
		if below != [3]int{} {
			t.Errorf("grid %d: %d of %d bounds lie below the value", grid.grid, below, all)
		}
		boundFactor = 0.9
		if below, _ := broken(trials, grid.grid); slices.Contains(below[:], 0) {
			t.Errorf("grid %d: a bound of 0.9 breaks %d of them", grid.grid, below)
		}
	}
}

// outside returns how many values of some trials lie outside of their intervals in
// the middle stage, of how many.
func outside(trials int) (out, all int) {
	r := rand.New(rand.NewPCG(17, 18))
	for n := range trials {
		t := newTrial(r, n%len(kinds))
		packed := pack(matrix.Wide(t.w), t.bias, kernel.Coarse())
		packed.addMiddle(matrix.Wide(t.w), t.bias)
		c := &call{request: request{x: t.x, packed: packed, w: matrix.Wide(t.w), bias: t.bias, f: newActivation(topk.ByPreActivation), k: 1}}
		if !c.prepare(&c.request) {
			continue
		}
		c.room = t.w.Rows
		b := new(block)
		b.reset(c, 0, t.x.Rows)
		b.pack()
		for i := range t.x.Rows {
			if !b.ranges.open(i) {
				continue
			}
			for j := range t.w.Rows {
				b.pairs.add(i, int32(j))
			}
			b.compute(true)
			for at := i * c.room; at < (i+1)*c.room; at++ {
				j := int(b.candidates.idx[at])
				v := kernel.Dot(t.x.Row(i), t.w.Row(j)) + t.bias[j]
				all++
				if !(b.candidates.pre[at] <= v && v <= b.candidates.upper[at]) {
					out++
				}
			}
		}
	}
	return out, all
}

// TestMiddle looks at every single interval.
func TestMiddle(t *testing.T) {
	trials := 20 * len(kinds)
	if testing.Short() || raceEnabled || kernel.Active() == "go" {
		trials = 4 * len(kinds)
	}
	out, all := outside(trials)
	t.Logf("%d intervals", all)
	if out > 0 {
		t.Errorf("%d of %d values lie outside of their intervals", out, all)
	}
	defer func() { boundFactor = 1 }()
	boundFactor = 0.9
	if out, _ := outside(trials); out == 0 {
		t.Error("a bound of 0.9 leaves no value outside")
	}
}

// TestMiddleIsTight: an interval is hardly wider than twice the error of the grids.
func TestMiddleIsTight(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 20))
	const n, d = 300, 256
	x, w, bias := gaussian(r, 4, d), gaussian(r, n, d), make([]float64, n)
	packed := pack(matrix.Wide(w), bias, kernel.Coarse())
	packed.addMiddle(matrix.Wide(w), bias)
	c := &call{request: request{x: x, packed: packed, w: matrix.Wide(w), bias: bias, f: newActivation(topk.ByPreActivation), k: n - 1}}
	if !c.prepare(&c.request) {
		t.Fatal("not usable")
	}
	b := new(block)
	b.reset(c, 0, 1)
	b.pack()
	for j := range n {
		b.pairs.add(0, int32(j))
	}
	b.compute(true)
	for at := range n {
		row := w.Row(int(b.candidates.idx[at]))
		// A residual is at most half a step for each input, and a step is norm/46000.
		e := math.Sqrt(d) / 46000 * norm(x.Row(0)) * norm(row)
		if wide := b.candidates.upper[at] - b.candidates.pre[at]; wide > 2.01*e {
			t.Fatalf("latent %d: an interval of %v, want at most %v", b.candidates.idx[at], wide, 2*e)
		}
	}
}

// TestBoundIsTight: a bound is above the value by at most twice the error term and
// one code.
func TestBoundIsTight(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	trial := &trial{x: gaussian(r, 4, 256), w: gaussian(r, 300, 256), bias: make([]float64, 300), threshold: gaussian(r, 1, 300).Data}
	for _, grid := range grids {
		packed := pack(matrix.Wide(trial.w), trial.bias, grid.grid)
		step := func(x []float64, most float64) float64 {
			if grid.grid == kernel.GridFine {
				return norm(x) / 46000
			}
			return kernel.MaxAbs(x) / most
		}
		most := 127.0 // of a latent
		if grid.grid == kernel.GridBlocks {
			most = 64
		}
		check := func(i, j int, bound, unit, value float64) {
			x, w := trial.x.Row(i), trial.w.Row(j)
			// Rounding to a grid of step s is off by at most s/2 an input.
			half := math.Sqrt(float64(len(x))) / 2
			e := half * (step(x, 127)*norm(w) + step(w, most)*norm(x))
			if bound-value > 2.1*e+4*unit {
				t.Errorf("row %d, latent %d: the bound %v is %v above the value, want at most %v", i, j, bound, bound-value, 2*e)
			}
		}
		trial.f = topk.ByPreActivation
		eachBound(trial, packed, false, check)
		eachBound(trial, packed, true, check)
		trial.f.Magnitude = true
		eachBound(trial, packed, false, check)
	}
}

func norm(v []float64) float64 { return math.Sqrt(kernel.SumSquares(v)) }

func TestUp32(t *testing.T) {
	for _, v := range []float64{0, 1, 0.1, -0.1, 1e-46, -1e-46, 1e30, math.Pi, math.SmallestNonzeroFloat64, math.Inf(-1), math.MaxFloat64} {
		f := up32(v)
		if float64(f) < v || !math.IsInf(v, 0) && v < math.MaxFloat32 && float64(math.Nextafter32(f, float32(math.Inf(-1)))) >= v {
			t.Errorf("up32(%v) = %v", v, f)
		}
	}
}

func TestPowerOfTwo(t *testing.T) {
	for _, v := range []float64{1, 1.5, 2, 0.7, math.SmallestNonzeroFloat64, math.MaxFloat64, 3e-310} {
		p := powerOfTwo(v)
		if f, _ := math.Frexp(p); f != 0.5 || !(p <= v && v/p < 2) {
			t.Errorf("powerOfTwo(%v) = %v", v, p)
		}
	}
}

// TestRising: what the choice relies on for functions that fall first.
func TestRising(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for _, fn := range funcs {
		if !fn.f.Rising {
			continue
		}
		for range 200000 {
			z := math.Exp(12*r.Float64() - 6)
			if a, b := fn.f.Value(z), fn.f.Value(math.Nextafter(z, math.Inf(1))); !(a <= b) {
				t.Fatalf("%s(%v) = %v, and %v at the next number", fn.name, z, a, b)
			}
			if v := fn.f.Value(-z); v > 0 {
				t.Fatalf("%s(%v) = %v", fn.name, -z, v)
			}
		}
	}
}
