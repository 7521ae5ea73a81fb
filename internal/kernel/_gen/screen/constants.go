package main

import (
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
)

// Offsets in the table of constants. That of the masks has 64 bytes of ones and then 64 of
// zeros: what is loaded n elements before the zeros has ones for the first n.
const (
	atOrder, atWhole, atSign, atRound, atOnes, atWholes, atMasks = 0, 64, 72, 80, 96, 128, 160
)

// constants writes the constants once, at the first use of one of them.
func (g *gen) constants() operand.Mem {
	if g.haveConstants {
		return g.table
	}
	g.haveConstants = true
	g.table = g.StaticGlobal("screenConstants")
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	quads := func(at int, q ...uint64) {
		for i, v := range q {
			g.AddDatum(at+8*i, operand.U64(v))
		}
	}
	whole, ones := math.Float64bits(integerBit), uint64(0x0001000100010001)
	if g.width == 64 {
		quads(atOrder, 0, 2, 4, 6, 1, 3, 5, 7)
	}
	quads(atWhole, whole, 1<<63-1)
	g.AddDatum(atRound, operand.U32(math.Float32bits(1.2578125)))
	if g.width == 32 {
		quads(atOnes, ones, ones, ones, ones)
		quads(atWholes, whole, whole, whole, whole)
		for i := range 16 {
			quads(atMasks+8*i, uint64(i/8)-1)
		}
	}
	return g.table
}

// integerBit, added to a small float64, rounds it to an integer and leaves that
// integer, in two's complement, in the low bits of the sum.
const integerBit = 3 << 51

func (g *gen) packOrder() operand.Mem      { return g.constants().Offset(atOrder) }
func (g *gen) wholeConstant() operand.Mem  { return g.constants().Offset(atWhole) }
func (g *gen) signConstant() operand.Mem   { return g.constants().Offset(atSign) }
func (g *gen) roundConstant() operand.Mem  { return g.constants().Offset(atRound) }
func (g *gen) wholesConstant() operand.Mem { return g.constants().Offset(atWholes) }
func (g *gen) onesConstant() operand.Mem   { return g.constants().Offset(atOnes) }
