package kernel

import "encoding/binary"

// A Grid is a kind of integers for the certified screen: how those of rows and of latents
// are stored, and how their products are added up. Every path multiplies GridFine and one
// of the others, Coarse, by fast kernels, and all grids in plain Go.
type Grid uint8

const (
	// GridFine has int16 for rows and latents, in groups of two inputs.
	GridFine Grid = iota
	// GridOffset has int8 in groups of four inputs, from -127 to 127. Those of latents are
	// stored as the uint8 q+128: VPDPBUSD multiplies uint8 by int8.
	GridOffset
	// GridSigned is GridOffset with latents stored as they are: SDOT multiplies int8 by int8.
	GridSigned
	// GridBlocks has int8 in groups of four inputs, those of latents from -64 to 64 and
	// stored as the uint8 q+64. Blocks of ScreenBlock inputs are added up modulo 2^16, in
	// two sums: of the first and second inputs of each group, and of the others.
	// (VPMADDUBSW adds two products up in int16.) After its groups, a tile has what these
	// sums start from: see ScreenStarts.
	GridBlocks
)

// ScreenBlock is how many inputs a block of GridBlocks has.
const ScreenBlock = 16

// blockGroups is how many groups a block has.
const blockGroups = ScreenBlock / 4

// blockOffset is what is added to a latent's integers on GridBlocks.
const blockOffset = 64

// Coarse returns the grid of int8 that the path in use has kernels for.
func Coarse() Grid { return active.coarse }

// Groups returns how many groups of four bytes that number of inputs takes: on
// GridBlocks, whole blocks.
func (g Grid) Groups(inputs int) int {
	switch g {
	case GridFine:
		return (inputs + 1) / 2
	case GridBlocks:
		return (inputs + ScreenBlock - 1) / ScreenBlock * blockGroups
	}
	return (inputs + 3) / 4
}

// TileGroups returns how many times 48 bytes a tile of that number of groups takes, with
// what the sums of its blocks start from.
func (g Grid) TileGroups(groups int) int {
	if g == GridBlocks {
		return groups + groups/blockGroups
	}
	return groups
}

// Offset returns what is added, modulo 2^8, to the integers of latents.
func (g Grid) Offset() uint8 {
	switch g {
	case GridOffset:
		return 128
	case GridBlocks:
		return blockOffset
	}
	return 0
}

// known reports whether the path has kernels for g.
func (s *screening) known(g Grid) bool { return g == GridFine || g == s.coarse }

// ScreenStarts completes a row of a tile of GridBlocks, whose groups lie stride bytes apart and
// whose inputs are in place: it clears the groups that the inputs leave, and
// writes after the groups what the sums of each block start from, two int16: -64 times the sum of the
// row's integers that they are for, modulo 2^16. A sum is then that of the products with
// the integers of the latents as they were before 64 was added, and right where that fits
// int16.
func ScreenStarts(q []uint8, stride, inputs int) {
	groups := GridBlocks.Groups(inputs)
	raceWrite(q, groups+groups/blockGroups, stride, 4)
	for g := (inputs + 3) / 4; g < groups; g++ {
		clear(q[g*stride:][:4])
	}
	starts := q[groups*stride:]
	for b := range groups / blockGroups {
		// Each byte plus 128, and of these the first and third of each group, and the others.
		var even, odd uint32
		for range blockGroups {
			v := binary.LittleEndian.Uint32(q) ^ 0x80808080
			even += v & 0x00ff00ff
			odd += v >> 8 & 0x00ff00ff
			q = q[stride:]
		}
		sums := even + odd // two sums of eight bytes, 16 bits each
		const zero = 2 * blockGroups * 128
		to := starts[b*stride:][:4]
		binary.LittleEndian.PutUint16(to, blockOffset*(zero-uint16(sums)))
		binary.LittleEndian.PutUint16(to[2:], blockOffset*(zero-uint16(sums>>16)))
	}
}
