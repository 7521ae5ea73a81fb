package screen

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// tiles holds the rows of a block as integers, in the layout of kernel.ScreenTiles or,
// where they are single, of kernel.ScreenOne.
type tiles struct {
	single  bool // the rows are screened one by one, not in tiles
	inputs  int
	grid    kernel.Grid
	groups  int // of four bytes that a row has
	bytes   []uint8
	numbers []kernel.ScreenRow // of the rows and of those that fill the last tile
	clean   []float64          // room for a row without its outliers
}

// reset makes room for rows to be multiplied with p, and clears the numbers.
func (t *tiles) reset(rows int, p *Packed, single bool) {
	t.single, t.inputs, t.grid, t.groups = single, p.inputs, p.grid, p.groups
	if !single {
		t.groups = p.grid.TileGroups(p.groups)
		rows = (rows + kernel.ScreenRows - 1) / kernel.ScreenRows * kernel.ScreenRows
	}
	t.bytes = resizedAligned(t.bytes, rows*4*t.groups)
	t.numbers = matrix.Resized(t.numbers, rows)
	clear(t.numbers)
	t.clean = matrix.Resized(t.clean, p.inputs)
}

// row returns the bytes of row i, to the end of its tile. Its groups of four bytes lie
// stride bytes apart.
func (t *tiles) row(i int) (bytes []uint8, stride int) {
	if t.single {
		return t.bytes[i*4*t.groups : (i+1)*4*t.groups], 4
	}
	tile := i / kernel.ScreenRows
	size := 4 * kernel.ScreenRows * t.groups
	return t.bytes[tile*size : (tile+1)*size][i%kernel.ScreenRows*4:], 4 * kernel.ScreenRows
}

// complete writes what row i has on kernel.GridBlocks beside its integers.
func (t *tiles) complete(i int) {
	if t.grid != kernel.GridBlocks {
		return
	}
	bytes, stride := t.row(i)
	if t.single {
		clear(bytes[(t.inputs+3)/4*4:])
		return
	}
	kernel.ScreenStarts(bytes, stride, t.inputs)
	t.numbers[i].Start = 0 // that of each block is in the tile
}
