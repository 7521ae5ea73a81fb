// Command search writes the assembly that package search needs, a .s and a stub file, into the
// folder named by its argument.
package main

import (
	"log"
	"os"

	"github.com/ksparse/ksparse/internal/kernel/_gen/asm"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lanes is how many sums a vector has, vectors how many of them a turn of the loop takes.
const lanes, vectors = 8, 4

// gen builds the functions.
type gen struct{ asm.Builder }

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: search FOLDER")
	}
	g := gen{asm.New()}
	g.takeAbove()
	g.Write(os.Args[1], "search_avx2_amd64", "internal/kernel/_gen/search", nil)
}

// takeAbove writes TakeAbove for groups of 32 sums. A group without a hit costs one branch.
func (g gen) takeAbove() {
	g.Begin("takeAboveAVX2", "hits *int64, sums *int32, groups, t, first int) (n int",
		"takes what exceeds t, in groups of 32:",
		"",
		"\tfor j := range 32 * groups {",
		"\t\tif int(sums[j]) > t {",
		"\t\t\thits[n] = int64(sums[j])<<32 | int64(first+j)",
		"\t\t\tn++",
		"\t\t}",
		"\t\tsums[j] = 0",
		"\t}")
	hits, sums, groups := g.Arg("hits"), g.Arg("sums"), g.Arg("groups")
	first, n := g.Arg("first"), g.GP64()
	g.XORQ(n, n)
	t, zero := g.YMM(), g.YMM()
	g.VPBROADCASTD(g.ArgAt("t"), t)
	g.VPXOR(zero, zero, zero)
	g.Loop("group", groups, func() {
		most := [2]reg.VecVirtual{g.YMM(), g.YMM()}
		for i := range most {
			g.VMOVDQU(g.vector(sums, i), most[i])
			g.VPMAXSD(g.vector(sums, i+2), most[i], most[i])
		}
		g.VPMAXSD(most[1], most[0], most[0])
		g.VPCMPGTD(t, most[0], most[0])
		g.VPTEST(most[0], most[0])
		g.JZ(operand.LabelRef("none"))
		g.write(hits, sums, first, n, t)
		g.Label("none")
		for i := range vectors {
			g.VMOVDQU(zero, g.vector(sums, i))
		}
		g.ADDQ(operand.Imm(4*lanes*vectors), sums)
		g.ADDQ(operand.Imm(lanes*vectors), first)
	})
	g.Store(n, g.Return("n"))
	g.End()
}

// vector is the place of vector i of a group.
func (g gen) vector(sums reg.GPVirtual, i int) operand.Mem { return asm.Mem(sums, 4*lanes*i) }

// write writes the hits of a group, which has at least one.
func (g gen) write(hits, sums, first, n reg.GPVirtual, t reg.VecVirtual) {
	bits, less := g.GP64(), g.GP32() // a bit for each sum of the group
	for i := range vectors {
		above, some := g.YMM(), g.GP32()
		g.VMOVDQU(g.vector(sums, i), above)
		g.VPCMPGTD(t, above, above)
		if i == 0 {
			g.VMOVMSKPS(above, bits.As32())
			continue
		}
		g.VMOVMSKPS(above, some)
		g.SHLL(operand.Imm(uint64(lanes*i)), some)
		g.ORL(some, bits.As32())
	}
	at, x := g.GP64(), g.GP32()
	g.Label("hit")
	g.BSFL(bits.As32(), at.As32())
	g.MOVL(asm.Index(sums, at, 4, 0), x)
	g.ADDL(first.As32(), at.As32())
	g.MOVL(at.As32(), asm.Index(hits, n, 8, 0))
	g.MOVL(x, asm.Index(hits, n, 8, 4))
	g.INCQ(n)
	g.LEAL(asm.Mem(bits, -1), less)
	g.ANDL(less, bits.As32())
	g.JNZ(operand.LabelRef("hit"))
}
