package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Comparisons of VPCMPW.
const (
	lessOrEqual    = 2
	greaterOrEqual = 5
)

// between sets mask to the codes of a row that lie within its bounds, and moves the
// pointers to the next row.
func (g *gen) between(codes, low, high, mask reg.GPVirtual) {
	bound := g.vecs(2)
	g.VPBROADCASTW(mem(low, 0), bound[0])
	g.VPBROADCASTW(mem(high, 0), bound[1])
	if g.width == 64 {
		c, k := g.ZMM(), g.K()
		g.VMOVDQU64(mem(codes, 0), c)
		g.VPCMPW(operand.U8(lessOrEqual), c, bound[0], k)
		g.VPCMPW(operand.U8(greaterOrEqual), c, bound[1], k, k)
		g.KMOVD(k, mask.As32())
	} else {
		outside := g.vecs(2)
		for v := range outside {
			c, above := g.YMM(), g.YMM()
			g.VMOVDQU(mem(codes, 32*v), c)
			g.VPCMPGTW(c, bound[0], outside[v])
			g.VPCMPGTW(bound[1], c, above)
			g.VPOR(above, outside[v], outside[v])
		}
		g.VPACKSSWB(outside[1], outside[0], outside[0])
		g.VPERMQ(operand.U8(0xd8), outside[0], outside[0])
		g.VPMOVMSKB(outside[0], mask.As32())
		g.NOTL(mask.As32())
	}
	g.ADDQ(operand.U8(64), codes)
	g.ADDQ(operand.U8(2), low)
	g.ADDQ(operand.U8(2), high)
}

// rowsAtOnce is how many rows pairs compares before it writes their pairs.
const rowsAtOnce = 64

// pairFinder writes ScreenPairs: its arguments, and its registers for the rows
// that it takes at once.
type pairFinder struct {
	*gen
	masks                   operand.Mem // of each row, a bit for each code between the bounds
	pairs, codes, low, high reg.GPVirtual
	rows, first, live       reg.GPVirtual
	count, at, empty, mask  reg.GPVirtual
}

// pairs writes ScreenPairs. It takes 64 rows at a time: first all masks, and one bit for each row that is set
// where its mask is zero; then only the rows with hits. The two loops have no branch
// that depends on chance but for their ends. (Moving masks together with VPCOMPRESSD
// was four times slower: a load of what several stores have written waits for all of
// them.)
func (g *gen) pairs() {
	g.Begin("screenPairs"+g.set, "pairs *int32, codes, low, high *int16, rows int, first, live uint64) (n int",
		"is ScreenPairs: for i from 0 to rows-1 and l from 0 to 31,",
		"",
		"\tif live>>l&1 != 0 && low[i] <= codes[32*i+l] && codes[32*i+l] <= high[i] {",
		"\t\tpairs[2*n], pairs[2*n+1] = int32(first)+i, int32(first>>32)+l",
		"\t\tn++",
		"\t}",
		"",
		"rows is not 0.")
	p := pairFinder{gen: g, masks: g.AllocLocal(4 * rowsAtOnce)}
	p.pairs, p.codes, p.low, p.high = g.Arg("pairs"), g.Arg("codes"), g.Arg("low"), g.Arg("high")
	p.rows, p.first, p.live = g.Arg("rows"), g.Arg("first"), g.Arg("live")
	start := g.GP64()
	g.MOVQ(p.pairs, start)
	g.Label("rows")
	p.count, p.at, p.empty, p.mask = g.GP64(), g.GP64(), g.GP64(), g.GP64()
	p.findMasks()
	p.writePairs()
	g.ADDQ(operand.U8(rowsAtOnce), p.first)
	g.TESTQ(p.rows, p.rows)
	g.JNZ(operand.LabelRef("rows"))
	g.SUBQ(start, p.pairs)
	g.SHRQ(operand.U8(3), p.pairs)
	g.Store(p.pairs, g.Return("n"))
	g.End()
}

// findMasks sets count to the number of the next rows, subtracts it from rows, and
// stores their masks. For each row it shifts a bit into empty from above.
func (g *pairFinder) findMasks() {
	g.MOVQ(operand.U32(rowsAtOnce), g.count)
	g.CMPQ(g.rows, g.count)
	g.CMOVQLT(g.rows, g.count)
	g.SUBQ(g.count, g.rows)
	g.XORQ(g.at, g.at)
	g.XORQ(g.empty, g.empty)
	g.Align()
	g.Label("row")
	g.between(g.codes, g.low, g.high, g.mask)
	g.ANDQ(g.live, g.mask)
	g.MOVL(g.mask.As32(), g.masks.Idx(g.at, 4))
	g.INCQ(g.at)
	g.CMPQ(g.mask, operand.Imm(1)) // carry where the mask is 0
	g.RCRQ(operand.Imm(1), g.empty)
	g.CMPQ(g.at, g.count)
	g.JLT(operand.LabelRef("row"))
}

// writePairs writes the pairs of the rows with hits.
func (g *pairFinder) writePairs() {
	g.Comment("The last count bits are those of the rows.")
	g.MOVQ(operand.U32(rowsAtOnce), reg.RCX)
	g.SUBQ(g.count, reg.RCX)
	g.NOTQ(g.empty)
	hits := g.empty      // a bit for each row that has some
	g.SHRQ(reg.CL, hits) // by 0 it leaves the flags as they were
	g.TESTQ(hits, hits)
	g.JZ(operand.LabelRef("next"))
	g.Label("hit")
	i, bit, rest := g.GP64(), g.GP64(), g.GP64()
	g.BSFQ(hits, i)
	g.MOVL(g.masks.Idx(i, 4), g.mask.As32())
	g.ADDQ(g.first, i)
	g.Label("bit")
	g.BSFQ(g.mask, bit)
	g.SHLQ(operand.U8(32), bit)
	g.ADDQ(i, bit)
	g.MOVQ(bit, mem(g.pairs, 0))
	g.ADDQ(operand.U8(8), g.pairs)
	g.LEAQ(mem(g.mask, -1), rest)
	g.ANDQ(rest, g.mask)
	g.JNZ(operand.LabelRef("bit"))
	g.LEAQ(mem(hits, -1), rest)
	g.ANDQ(rest, hits)
	g.JNZ(operand.LabelRef("hit"))
	g.Label("next")
}

// kth writes ScreenKth. It finds the result bit by bit: 16 counts of the codes, which
// are few.
func (g *gen) kth() {
	g.Begin("screenKth"+g.set, "codes *int16, vectors, k int) (code int16",
		"is ScreenKth: the largest code that at least k of codes[:32*vectors] reach.")
	codes, vectors, k := g.Arg("codes"), g.Arg("vectors"), g.Arg("k")
	found, bit := g.GP64(), g.GP64()
	g.MOVQ(operand.I32(-1<<15), found)
	g.MOVQ(operand.U32(1<<15), bit)
	g.Align()
	g.Label("bit")
	try := g.GP64()
	g.LEAQ(idx(found, bit, 1, 0), try)
	bound := g.reachBound(try)
	at, left, total := g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(codes, at)
	g.MOVQ(vectors, left)
	g.XORQ(total, total)
	g.Label("vector")
	bits := g.reaching(at, bound)
	g.POPCNTQ(bits, bits)
	g.ADDQ(bits, total)
	g.ADDQ(operand.U8(64), at)
	g.DECQ(left)
	g.JNZ(operand.LabelRef("vector"))
	g.CMPQ(total, k)
	g.CMOVQGE(try, found)
	g.SHRQ(operand.U8(1), bit)
	g.JNZ(operand.LabelRef("bit"))
	g.Store(found.As16(), g.Return("code"))
	g.End()
}

// reachBound returns a vector to which reaching compares: the code in try, or without
// masks, where there is no comparison but >, the one below it, which there always is.
func (g *gen) reachBound(try reg.GPVirtual) reg.VecVirtual {
	bound := g.vec()
	if g.width == 64 {
		g.VPBROADCASTW(try.As32(), bound)
		return bound
	}
	below, word := g.GP64(), g.XMM()
	g.LEAQ(mem(try, -1), below)
	g.VMOVD(below.As32(), word)
	g.VPBROADCASTW(word, bound)
	return bound
}

// reaching returns a register with a bit, somewhere, for each of the 32 codes at at that
// reach the bound.
func (g *gen) reaching(at reg.GPVirtual, bound reg.VecVirtual) reg.GPVirtual {
	bits := g.GP64()
	if g.width == 64 {
		mask := g.K()
		g.VPCMPW(operand.U8(lessOrEqual), mem(at, 0), bound, mask)
		g.KMOVD(mask, bits.As32())
		return bits
	}
	above := g.vecs(2)
	for v := range above {
		g.VMOVDQU(mem(at, 32*v), above[v])
		g.VPCMPGTW(bound, above[v], above[v])
	}
	g.VPACKSSWB(above[1], above[0], above[0])
	g.VPMOVMSKB(above[0], bits.As32())
	return bits
}
