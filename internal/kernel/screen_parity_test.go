//go:build linux || darwin

package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// screenPaths runs f for every available path other than plain Go.
func screenPaths(t *testing.T, f func(t *testing.T, p *path)) {
	none := true
	for i := range paths {
		p := &paths[i]
		if p.available && p.name != generic.name {
			none = false
			t.Run(p.name, func(t *testing.T) { f(t, p) })
		}
	}
	if none {
		t.Skip("this build has plain Go only")
	}
}

// screenSizes are numbers of inputs: all small ones, and some round powers of two.
func screenSizes() []int {
	var list []int
	for d := 0; d <= 70; d++ {
		list = append(list, d)
	}
	return append(list, 100, 127, 128, 129, 255, 257, 511, 768, 784, 1000, 1023, 1025, 2050)
}

// randomBytes returns n random bytes, or the ends of the ranges of both signs.
func randomBytes(r *rand.Rand, n int) []uint8 {
	b := make([]uint8, n)
	kind := r.IntN(4)
	for i := range b {
		switch kind {
		case 0: // the ends of both ranges
			b[i] = []uint8{0, 0x7f, 0x80, 0x81, 0xff}[r.IntN(5)]
		default:
			b[i] = uint8(r.Uint32())
		}
	}
	return b
}

// screenCase holds the operands of a tile. The float32 numbers are such that
// bounds fall inside the range of codes, at its ends and beyond.
type screenCase struct {
	codes, lanes []int16
	stride       int
	q, panel     []uint8
	grid         Grid
	rows         []ScreenRow
	w            *ScreenPanel
	columns      []float32
}

// newScreenCase returns random operands for d inputs.
func newScreenCase(r *rand.Rand, d, tiles, outliers int, grid Grid) screenCase {
	groups, rows := grid.Groups(d), tiles*ScreenRows
	c := screenCase{stride: ScreenLatents + r.IntN(3)*17, grid: grid}
	c.codes = randomCodes(r, rows*ScreenLatents)
	c.lanes = randomCodes(r, (rows-1)*c.stride+ScreenLatents)
	c.q, c.panel = randomBytes(r, 4*rows*grid.TileGroups(groups)), randomBytes(r, 4*ScreenLatents*groups)
	if grid == GridBlocks {
		for i, v := range c.panel {
			c.panel[i] = min(v, 128)
		}
	}
	c.rows, c.w = make([]ScreenRow, rows), new(ScreenPanel)
	c.columns = make([]float32, outliers*ScreenLatents)
	random := func(by float64) float32 { return float32(r.NormFloat64() * by) }
	size := []float64{1, 30, 1000}[r.IntN(3)] // of the terms of a bound
	for i := range c.rows {
		row := &c.rows[i]
		row.Start = int32(r.IntN(1<<20)) - 1<<19
		row.Scale = random(size / 2e4 / math.Sqrt(float64(d+1)))
		if grid == GridFine {
			row.Scale = random(size / 1e9)
		}
		row.Bias, row.Norm, row.Residual = random(size), random(size), random(size)
		row.Mask = []uint32{ScreenSigned, ScreenMagnitude}[r.IntN(2)]
		for o := range row.Outlier {
			row.Outlier[o] = random(size)
		}
	}
	for l := range ScreenLatents {
		c.w.Scale[l], c.w.Bias[l], c.w.Norm[l], c.w.Residual[l] = random(4), random(4), random(4), random(4)
		if r.IntN(10) == 0 {
			c.w.Bias[l], c.w.Norm[l] = float32(math.Inf(-1)), float32(math.Inf(-1))
		}
	}
	for i := range c.columns {
		c.columns[i] = random(4)
	}
	if r.IntN(4) == 0 { // a row of a tile that is not full: 0 * -Inf
		c.rows[r.IntN(rows)] = ScreenRow{}
	}
	if r.IntN(4) == 0 {
		c.rows[0].Norm = float32(math.NaN())
	}
	for i := range c.rows { // -Inf times a negative factor would leave the range
		c.rows[i].Bias = max(c.rows[i].Bias, -c.rows[i].Bias)
		c.rows[i].Norm = max(c.rows[i].Norm, -c.rows[i].Norm)
	}
	return c
}

// fenced returns a copy in memory between fences.
func (c screenCase) fenced(f fenced, front bool) screenCase {
	c.codes, c.lanes = fencedSlice(f, c.codes, front), fencedSlice(f, c.lanes, front)
	c.q, c.panel = fencedSlice(f, c.q, front), fencedSlice(f, c.panel, front)
	c.rows, c.columns = fencedSlice(f, c.rows, front), fencedSlice(f, c.columns, front)
	c.w = &fencedSlice(f, []ScreenPanel{*c.w}, front)[0]
	return c
}

// balance makes a case of GridBlocks one of integers whose sums fit: those of rows are
// from -63 to 63, and the sums start from what takes the offset of the latents away.
func (c *screenCase) balance() {
	tile := len(c.q) / (len(c.rows) / ScreenRows)
	groups := len(c.panel) / (4 * ScreenLatents)
	for i := range c.rows {
		q := c.q[i/ScreenRows*tile:][:tile][4*(i%ScreenRows):]
		for at := 0; at < groups*4*ScreenRows; at += 4 * ScreenRows {
			for b := range 4 {
				q[at+b] = uint8(int8(q[at+b]) % 64)
			}
		}
		ScreenStarts(q, 4*ScreenRows, 4*groups)
		c.rows[i].Start = 0
	}
}

// one is the case of a single row: row i. In tiles of GridBlocks, the rows' sums start from
// what the tile has for them, and that of a single row from its Start.
func (c screenCase) one(i int) screenCase {
	q, tile := make([]uint8, 0, len(c.q)), len(c.q)/(len(c.rows)/ScreenRows)
	sum := int32(0)
	for g := range len(c.panel) / (4 * ScreenLatents) {
		group := c.q[i/ScreenRows*tile+g*4*ScreenRows+4*(i%ScreenRows):][:4]
		q = append(q, group...)
		for _, v := range group {
			sum += int32(int8(v))
		}
	}
	c.q = q
	c.codes = slices.Clone(c.codes[i*ScreenLatents:][:ScreenLatents])
	c.lanes = slices.Clone(c.lanes[i*c.stride:][:ScreenLatents])
	c.rows = []ScreenRow{c.rows[i]}
	if c.grid == GridBlocks {
		c.rows[0].Start -= blockOffset * sum
	}
	return c
}

// compare fails the test where codes or lane maxima differ.
func (c screenCase) compare(t *testing.T, what string, got, gotLanes []int16) {
	t.Helper()
	for i, v := range c.codes {
		if got[i] != v {
			t.Fatalf("%s: code of row %d, latent %d is %d, want %d", what, i/ScreenLatents, i%ScreenLatents, got[i], v)
		}
	}
	for i, v := range c.lanes {
		if gotLanes[i] != v {
			t.Fatalf("%s: lane maximum of row %d, latent %d is %d, want %d", what, i/c.stride, i%c.stride, gotLanes[i], v)
		}
	}
}

func TestScreenTiles(t *testing.T) {
	screenPaths(t, func(t *testing.T, p *path) {
		f := fence(t)
		r := rand.New(rand.NewPCG(40, 0))
		inside := 0
		for _, d := range screenSizes()[1:] {
			for turn := range 6 {
				front, grid := turn%2 == 1, []Grid{p.coarse, GridFine, p.coarse}[turn/2]
				outliers := []int{0, 1, 2, 3, 8, ScreenOutliers}[r.IntN(6)]
				tiles := 1 + r.IntN(3)
				if d < 16 {
					tiles = 1 + r.IntN(400)
				}
				what := fmt.Sprintf("d=%d, %d tiles, %d outliers, front %v, grid %d", d, tiles, outliers, front, grid)
				want := newScreenCase(r, d, tiles, outliers, grid)
				wraps := grid == GridBlocks && turn < 2
				if grid == GridBlocks && !wraps {
					want.balance()
				}
				got := want.fenced(f, front)
				i := r.IntN(len(want.rows))
				wantOne := want.one(i)
				gotOne := wantOne.fenced(f, front)
				faults(t, what, func() {
					p.screenTiles(got.codes, got.lanes, got.stride, got.q, got.rows, got.panel, grid, got.w, got.columns)
					p.screenOne(gotOne.codes, gotOne.lanes, gotOne.q, &gotOne.rows[0], gotOne.panel, grid, gotOne.w, gotOne.columns)
				})
				screenTilesGeneric(want.codes, want.lanes, want.stride, want.q, want.rows, want.panel, grid, want.w, want.columns)
				screenOneGeneric(wantOne.codes, wantOne.lanes, wantOne.q, &wantOne.rows[0], wantOne.panel, grid, wantOne.w, wantOne.columns)
				want.compare(t, what, got.codes, got.lanes)
				wantOne.compare(t, "one row: "+what, gotOne.codes, gotOne.lanes)
				if !wraps && !slices.Equal(wantOne.codes, want.codes[i*ScreenLatents:][:ScreenLatents]) {
					t.Fatalf("%s: a row by itself has other codes than in a tile", what)
				}
				for _, c := range want.codes {
					if c > math.MinInt16 && c < math.MaxInt16 {
						inside++
					}
				}
			}
		}
		if inside < 10000 {
			t.Errorf("only %d codes were not at an end of the range: the test shows little", inside)
		}
	})
}

// TestScreenTileLongest has the largest sums that the contract allows, and codes
// that show each unit of them.
func TestScreenTileLongest(t *testing.T) {
	screenPaths(t, func(t *testing.T, p *path) {
		r := rand.New(rand.NewPCG(41, 0))
		const d = ScreenInputs
		c := newScreenCase(r, d, 1, 0, p.coarse)
		// Rows of 127 and rows of -127; on GridBlocks of what a block allows.
		most, latent := int32(127), int32(127)
		if p.coarse == GridBlocks {
			most, latent = 63, 64
		}
		for i := range c.q {
			c.q[i] = uint8(most)
			if i/4%ScreenRows%2 == 1 {
				c.q[i] = uint8(-most)
			}
		}
		for i := range c.panel {
			c.panel[i] = uint8(latent) + p.coarse.Offset()
		}
		for i := range c.rows {
			sum := most * d
			if i%2 == 1 {
				sum = -sum
			}
			c.rows[i] = ScreenRow{Start: -int32(p.coarse.Offset()) * sum, Scale: 1, Mask: ScreenSigned}
		}
		for l := range ScreenLatents {
			c.w.Scale[l], c.w.Bias[l], c.w.Norm[l], c.w.Residual[l] = 0x1p-13, 0, 0, 0
		}
		if p.coarse == GridBlocks {
			c.balance()
		}
		codes, lanes := slices.Clone(c.codes), slices.Clone(c.lanes)
		p.screenTiles(codes, lanes, c.stride, c.q, c.rows, c.panel, c.grid, c.w, nil)
		screenTilesGeneric(c.codes, c.lanes, c.stride, c.q, c.rows, c.panel, c.grid, c.w, nil)
		c.compare(t, "longest", codes, lanes)
		// Truncated towards zero after 1.2578125 is added.
		if sum := most * latent * d >> 13; int32(c.codes[0]) != sum+1 || int32(c.codes[ScreenLatents]) != -sum+2 {
			t.Errorf("codes %d and %d of the largest sums, want %d and %d", c.codes[0], c.codes[ScreenLatents], sum+1, -sum+2)
		}

		// In two bytes, 362*362*d is the last square below 2^31.
		c = newScreenCase(r, d, 1, 0, GridFine)
		for i := 0; i < len(c.q); i += 2 {
			binary.LittleEndian.PutUint16(c.q[i:], uint16(int16([]int{362, -362}[i/4%ScreenRows%2])))
		}
		for i := 0; i < len(c.panel); i += 2 {
			binary.LittleEndian.PutUint16(c.panel[i:], 362)
		}
		for i := range c.rows {
			c.rows[i] = ScreenRow{Scale: 1, Mask: ScreenSigned}
		}
		for l := range ScreenLatents {
			c.w.Scale[l], c.w.Bias[l], c.w.Norm[l], c.w.Residual[l] = 0x1p-17, 0, 0, 0
		}
		codes, lanes = slices.Clone(c.codes), slices.Clone(c.lanes)
		p.screenTiles(codes, lanes, c.stride, c.q, c.rows, c.panel, GridFine, c.w, nil)
		screenTilesGeneric(c.codes, c.lanes, c.stride, c.q, c.rows, c.panel, GridFine, c.w, nil)
		c.compare(t, "longest, fine", codes, lanes)
		if c.codes[0] != 362*362*d>>17+1 || c.codes[ScreenLatents] != -(362*362*d>>17)+1 {
			t.Errorf("fine codes %d and %d of the largest sums", c.codes[0], c.codes[ScreenLatents])
		}
	})
}

// roundings are what t = x*inv can be.
func roundings(r *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	kind := r.IntN(3)
	for i := range x {
		switch kind {
		case 0: // ties, and their neighbours
			x[i] = float64(r.IntN(255)-127) + 0.5*float64(r.IntN(2))
			x[i] = min(math.Nextafter(x[i], 200*float64(r.IntN(3)-1)), math.Nextafter(127.5, 0))
		case 1:
			x[i] = []float64{0, math.Copysign(0, -1), 1e-300, -1e-300, 5e-324, 127, -127, 127.4, -127.4, 0.5, -0.5, 1.5}[r.IntN(12)]
		default:
			x[i] = (r.Float64() - 0.5) * 254
		}
	}
	return x
}

func TestScreenQuantise(t *testing.T) {
	screenPaths(t, func(t *testing.T, p *path) {
		f := fence(t)
		r := rand.New(rand.NewPCG(42, 0))
		for _, d := range append(screenSizes(), ScreenInputs) {
			for _, front := range []bool{false, true} {
				stride := []int{4, 4 * ScreenRows, 4 * ScreenLatents, 5}[r.IntN(4)]
				offset := []uint8{0, 128, 64, 0x35}[r.IntN(4)]
				inv := []float64{1, 1, 1 / 3.0, math.Pi / 4, 0x1p-40}[r.IntN(5)]
				what := fmt.Sprintf("d=%d, stride %d, front %v", d, stride, front)
				x := fencedSlice(f, roundings(r, d), front)
				var want []uint8
				if d > 0 {
					want = randomBytes(r, (d-1)/4*stride+4)
				}
				got := fencedSlice(f, want, front)
				var a, b Quantised
				faults(t, what, func() { a = p.quantise(got, stride, x, inv, offset) })
				b = quantiseGeneric(want, stride, x, inv, offset)
				if !slices.Equal(got, want) {
					t.Fatalf("%s: bytes differ:\n%v\n%v", what, got, want)
				}
				if a != b {
					t.Fatalf("%s: %+v, want %+v", what, a, b)
				}
				for p, v := range x {
					if q := int8(want[p/4*stride+p%4] - offset); float64(q) != math.RoundToEven(v*inv) {
						t.Fatalf("%s: %v is rounded to %d", what, v*inv, q)
					}
				}
			}
		}
	})
}

func TestScreenQuantise16(t *testing.T) {
	screenPaths(t, func(t *testing.T, p *path) {
		f := fence(t)
		r := rand.New(rand.NewPCG(46, 0))
		for _, d := range append(screenSizes(), ScreenInputs) {
			for _, front := range []bool{false, true} {
				stride := []int{4, 4 * ScreenRows, 4 * ScreenLatents, 5}[r.IntN(4)]
				inv := []float64{1, 1 / 3.0, 250, 0x1p-40}[r.IntN(4)]
				x := fencedSlice(f, roundings(r, d), front)
				var want []uint8
				if d > 0 {
					want = randomBytes(r, (d-1)/2*stride+4)
				}
				got := fencedSlice(f, want, front)
				what := fmt.Sprintf("d=%d, stride %d, front %v", d, stride, front)
				var a, b Quantised
				faults(t, what, func() { a = p.quantise16(got, stride, x, inv) })
				b = quantise16Generic(want, stride, x, inv)
				if !slices.Equal(got, want) || a != b {
					t.Fatalf("%s: %+v, want %+v:\n%v\n%v", what, a, b, got, want)
				}
				for p, v := range x {
					if q := int16At(want[p/2*stride+p%2*2:]); float64(q) != math.RoundToEven(v*inv) {
						t.Fatalf("%s: %v is rounded to %d", what, v*inv, q)
					}
				}
			}
		}
	})
}
