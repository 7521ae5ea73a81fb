package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// definition holds numbers of a tile and a panel, and their integers, for
// TestScreenDefinition.
type definition struct {
	grid     Grid
	x        [ScreenRows][]float64
	w        [ScreenLatents][]float64
	q, panel []uint8
	rows     []ScreenRow
	numbers  *ScreenPanel
	columns  []float32
}

// newDefinition draws whole numbers for d inputs, as large as the grid allows.
func newDefinition(r *rand.Rand, grid Grid, d, outliers int) *definition {
	groups, mostX, mostW := grid.Groups(d), 127, 127
	switch grid {
	case GridFine:
		mostX, mostW = 4000, 4000
	case GridBlocks:
		mostX, mostW = 63, 64 // 8*63*64 < 2^15
	}
	c := &definition{
		grid: grid, q: make([]uint8, 4*ScreenRows*grid.TileGroups(groups)), panel: make([]uint8, 4*ScreenLatents*groups),
		rows: make([]ScreenRow, ScreenRows), numbers: new(ScreenPanel), columns: make([]float32, outliers*ScreenLatents),
	}
	fill := func(most int) []float64 {
		v := make([]float64, d)
		for p := range v {
			v[p] = float64(r.IntN(2*most+1) - most)
		}
		return v
	}
	for i := range c.x {
		c.x[i] = fill(mostX)
		start := c.quantise(c.q[4*i:], 4*ScreenRows, c.x[i], 0)
		if grid == GridBlocks {
			ScreenStarts(c.q[4*i:], 4*ScreenRows, d)
			start = 0
		}
		c.rows[i] = ScreenRow{Start: start, Scale: 160 * r.Float32() / float32(mostX*mostW), Bias: r.Float32(), Norm: r.Float32(), Residual: r.Float32(),
			Mask: []uint32{ScreenSigned, ScreenMagnitude}[i%2]}
		for o := range c.rows[i].Outlier {
			c.rows[i].Outlier[o] = 100 * r.Float32()
		}
	}
	for l := range c.w {
		c.w[l] = fill(mostW)
		c.quantise(c.panel[4*l:], 4*ScreenLatents, c.w[l], grid.Offset())
		c.numbers.Scale[l], c.numbers.Bias[l], c.numbers.Norm[l], c.numbers.Residual[l] = r.Float32(), 9*r.Float32(), r.Float32(), r.Float32()
	}
	for i := range c.columns {
		c.columns[i] = 2*r.Float32() - 1
	}
	c.numbers.Bias[3], c.numbers.Norm[3] = float32(math.Inf(-1)), float32(math.Inf(-1)) // it only pads
	return c
}

// quantise writes the integers of x, and returns what the sums of a row start from.
func (c *definition) quantise(dst []uint8, stride int, x []float64, offset uint8) (start int32) {
	if c.grid == GridFine {
		Quantise16(dst, stride, x, 1)
		return 0
	}
	return -int32(c.grid.Offset()) * int32(Quantise(dst, stride, x, 1, offset).Sum)
}

// bound is what the code of row i and latent l bounds.
func (c *definition) bound(i, l int) float64 {
	row, w := &c.rows[i], c.numbers
	b := float64(row.Scale)*float64(w.Scale[l])*Dot(c.x[i], c.w[l]) + float64(row.Bias)*float64(w.Bias[l])
	for o := range len(c.columns) / ScreenLatents {
		b += float64(row.Outlier[o]) * float64(c.columns[o*ScreenLatents+l])
	}
	if row.Mask == ScreenMagnitude {
		b = math.Abs(b)
	}
	b += float64(row.Norm)*float64(w.Norm[l]) + float64(row.Residual)*float64(w.Residual[l])
	if l == 3 {
		b = math.Inf(-1)
	}
	return min(max(b, math.MinInt16), math.MaxInt16)
}

// TestScreenDefinition: from numbers to codes, by way of the packed layouts of every grid, a code
// is the bound that the comment of ScreenTiles describes, within its rounding.
func TestScreenDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(51, 1))
	for turn := range 120 {
		grid := []Grid{GridFine, GridOffset, GridSigned, GridBlocks}[turn%4]
		d := 1 + r.IntN(60)
		c := newDefinition(r, grid, d, r.IntN(ScreenOutliers+1))
		codes, lanes := make([]int16, ScreenRows*ScreenLatents), make([]int16, ScreenRows*ScreenLatents)
		for i := range lanes {
			lanes[i] = int16(r.IntN(2000) - 1000)
		}
		before := slices.Clone(lanes)
		ScreenTiles(codes, lanes, ScreenLatents, c.q, c.rows, c.panel, grid, c.numbers, c.columns)
		for i := range c.x {
			for l := range c.w {
				at, bound := i*ScreenLatents+l, c.bound(i, l)
				if code := float64(codes[at]); code < bound || code > bound+2.26 {
					t.Fatalf("grid %d, d=%d, row %d, latent %d: code %v of the bound %v", grid, d, i, l, code, bound)
				}
				if lanes[at] != max(before[at], codes[at]) {
					t.Fatalf("row %d, latent %d: lane maximum %d after %d and %d", i, l, lanes[at], before[at], codes[at])
				}
			}
		}
	}
}

// TestScreenStarts: what the sums of a block start from takes the offset of the latents
// away, also where the integers are at the ends of their range.
func TestScreenStarts(t *testing.T) {
	r := rand.New(rand.NewPCG(54, 1))
	for d := 1; d < 70; d++ {
		groups := GridBlocks.Groups(d)
		q := make([]uint8, 4*GridBlocks.TileGroups(groups))
		for i := range q {
			q[i] = 99
		}
		var want [5][2]int
		for p := range d {
			v := []int{-128, -127, 127, r.IntN(256) - 128}[r.IntN(4)]
			q[p] = uint8(v)
			want[p/ScreenBlock][p/2%2] -= 64 * v
		}
		ScreenStarts(q, 4, d)
		for p := d; p < 4*groups; p++ {
			if q[p] != 0 && p >= (d+3)/4*4 {
				t.Fatalf("d=%d: %d beyond the inputs", d, q[p])
			}
			if q[p] != 0 { // the rest of a group is the quantiser's
				want[p/ScreenBlock][p/2%2] -= 64 * int(int8(q[p]))
			}
		}
		for b := range groups / 4 {
			for h := range 2 {
				if got := int16At(q[4*groups+4*b+2*h:]); got != int32(int16(want[b][h])) {
					t.Fatalf("d=%d, block %d, half %d: %d, want %d", d, b, h, got, want[b][h])
				}
			}
		}
	}
}
