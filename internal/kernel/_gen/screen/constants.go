package main

import (
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
)

// constants writes the constants once, at the first use of one of them.
func (g *gen) constants() operand.Mem {
	if !g.haveConstants {
		g.haveConstants = true
		g.table = g.StaticGlobal("screenConstants")
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for i, q := range []uint64{0, 2, 4, 6, 1, 3, 5, 7} {
			g.AddDatum(8*i, operand.U64(q))
		}
		g.AddDatum(64, operand.U64(math.Float64bits(integerBit)))
		g.AddDatum(72, operand.U64(1<<63-1))
		g.AddDatum(80, operand.U32(math.Float32bits(1.2578125)))
	}
	return g.table
}

// integerBit, added to a small float64, rounds it to an integer and leaves that
// integer, in two's complement, in the low bits of the sum.
const integerBit = 3 << 51

func (g *gen) packOrder() operand.Mem     { return g.constants() }
func (g *gen) roundConstant() operand.Mem { return g.constants().Offset(80) }
