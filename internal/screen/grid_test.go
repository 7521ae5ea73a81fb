package screen

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/topk"
)

// flatTrial has the largest sums that a block can have: all entries of rows and latents are
// 1 or -1, and every row is equal to a latent.
func flatTrial(r *rand.Rand) *trial {
	const rows, n, d = 13, 70, 64
	t := &trial{x: gaussian(r, rows, d), w: gaussian(r, n, d), bias: make([]float64, n), k: 1, f: topk.ByPreActivation}
	each(t.w, func(v float64) float64 { return math.Copysign(1, v) })
	for i := range rows {
		copy(t.x.Row(i), t.w.Row(r.IntN(n)))
	}
	return t
}

// integersOf returns the integers of a row or latent on kernel.GridBlocks, whose groups
// begin at bytes and lie stride bytes apart.
func integersOf(bytes []uint8, stride, groups int, offset uint8) []int {
	q := make([]int, 4*groups)
	for p := range q {
		q[p] = int(int8(bytes[p/4*stride+p%4] - offset))
	}
	return q
}

// largestSum returns the largest magnitude of a sum of half a block, of all rows and
// latents of t.
func largestSum(t *trial) (largest int) {
	p := pack(matrix.Wide(t.w), t.bias, kernel.GridBlocks)
	c := &call{request: request{x: t.x, packed: p, w: matrix.Wide(t.w), bias: t.bias, f: newActivation(topk.ByPreActivation), k: 1}}
	if !c.prepare(&c.request) {
		return 0
	}
	b := new(block)
	b.reset(c, 0, t.x.Rows)
	b.tiles.reset(t.x.Rows, p, false)
	b.pack()
	for i := range t.x.Rows {
		if !b.ranges.open(i) {
			continue
		}
		bytes, stride := b.tiles.row(i)
		x := integersOf(bytes, stride, p.groups, 0)
		for j := range t.w.Rows {
			w := integersOf(p.bytes[j/kernel.ScreenLatents*p.panelBytes()+j%kernel.ScreenLatents*4:], 4*kernel.ScreenLatents, (p.inputs+3)/4, p.grid.Offset())
			sums := make(map[int]int)
			for c, v := range w {
				sums[c/kernel.ScreenBlock*2+c/2%2] += v * x[c]
			}
			for _, s := range sums {
				largest = max(largest, s, -s)
			}
		}
	}
	return largest
}

// TestBlocksFit: on GridBlocks, no sum of a block leaves int16, whatever the data, and
// there are data for which the limits are hardly larger than needed.
func TestBlocksFit(t *testing.T) {
	r := rand.New(rand.NewPCG(71, 72))
	for n := range 2 * len(kinds) {
		trial := newTrial(r, n%len(kinds))
		trial.x.Rows, trial.w.Rows = min(trial.x.Rows, 5), min(trial.w.Rows, 60)
		trial.bias = trial.bias[:trial.w.Rows]
		if s := largestSum(trial); s > math.MaxInt16 {
			t.Errorf("%s: a sum of %d", trial.what, s)
		}
	}
	if s := largestSum(flatTrial(r)); s > math.MaxInt16 || s < math.MaxInt16*9/10 {
		t.Errorf("the largest sum is %d", s)
	}
	defer func() { blockFactor = 1 }()
	blockFactor = 1.05
	if s := largestSum(flatTrial(r)); s <= math.MaxInt16 {
		t.Errorf("with limits of 1.05, the largest sum is only %d", s)
	}
}

// TestBlocksExact: an encode on GridBlocks has the right answer where sums of blocks are as
// large as they may be, and a wrong one as soon as they may be larger.
func TestBlocksExact(t *testing.T) {
	defer func() { blockFactor = 1 }()
	r := rand.New(rand.NewPCG(73, 74))
	for _, factor := range []float64{1, 1.05} {
		blockFactor = factor
		wrong := 0
		for range 20 {
			trial := flatTrial(r)
			packed := pack(matrix.Wide(trial.w), trial.bias, kernel.GridBlocks)
			packed.Always = true
			got, want := selected(trial.x.Rows, 1), selected(trial.x.Rows, 1)
			Encode(got, trial.x, packed, matrix.Wide(trial.w), trial.bias, 1, trial.f, nil)
			topk.Encode(want, trial.x, matrix.Wide(trial.w), trial.bias, 1, trial.f)
			if differ(got, want, 1) != "" {
				wrong++
			}
		}
		if (wrong > 0) != (factor > 1) {
			t.Errorf("limits of %v: %d of 20 encodes are wrong", factor, wrong)
		}
	}
}

// TestEveryGrid: what one path packs is encoded right by another, which has no kernels
// for its grid.
func TestEveryGrid(t *testing.T) {
	r := rand.New(rand.NewPCG(75, 76))
	for n := range 2 * len(kinds) {
		trial := newTrial(r, n%len(kinds))
		trial.x.Rows = min(trial.x.Rows, 20)
		for _, grid := range []kernel.Grid{kernel.GridFine, kernel.GridOffset, kernel.GridSigned, kernel.GridBlocks} {
			trial.grid = grid
			if s := trial.check(r, new(count)); s != "" {
				t.Fatalf("%s, grid %d: %s", trial.what, grid, s)
			}
		}
	}
}
