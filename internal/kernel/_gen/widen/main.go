// Command widen writes the assembly that makes float64 numbers of narrower ones, a .s and a
// stub file, into the folder named by its argument.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/ksparse/ksparse/internal/kernel/_gen/asm"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// group is how many elements one turn of a loop takes, lanes how many a vector has.
const group, lanes = 16, 4

// gen builds the functions.
type gen struct{ asm.Builder }

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: widen FOLDER")
	}
	g := gen{asm.New()}
	g.widen("Float32", 4, func() func(operand.Mem, reg.VecVirtual) {
		return func(from operand.Mem, v reg.VecVirtual) { g.VCVTPS2PD(from, v) }
	})
	g.widen("Bfloat16", 2, func() func(operand.Mem, reg.VecVirtual) {
		return func(from operand.Mem, v reg.VecVirtual) {
			x := g.XMM()
			g.VPMOVZXWD(from, x)
			g.VPSLLD(operand.Imm(16), x, x)
			g.VCVTPS2PD(x, v)
		}
	})
	g.widen("Float16", 2, g.float16)
	g.integers("Int8", func(from, x operand.Op) { g.VPMOVSXBD(from, x) })
	g.integers("Uint8", func(from, x operand.Op) { g.VPMOVZXBD(from, x) })
	g.Write(os.Args[1], "widen_avx2_amd64", "internal/kernel/_gen/widen", nil)
}

// widen writes the kernel for elements of so many bytes. prepare returns what makes a vector of
// those at a place.
func (g gen) widen(name string, size int, prepare func() func(from operand.Mem, v reg.VecVirtual)) {
	g.Begin("widen"+name+"AVX2", "dst *float64, src *byte, groups int", fmt.Sprintf("is Widen%s of %d elements for each of the groups.", name, group))
	dst, src, groups := g.Arg("dst"), g.Arg("src"), g.Arg("groups")
	convert := prepare()
	g.Loop("group", groups, func() {
		var v [group / lanes]reg.VecVirtual
		for j := range v {
			v[j] = g.YMM()
			convert(asm.Mem(src, j*lanes*size), v[j])
		}
		for j := range v {
			g.VMOVUPD(v[j], asm.Mem(dst, j*lanes*8))
		}
		g.ADDQ(operand.Imm(uint64(group*size)), src)
		g.ADDQ(operand.Imm(group*8), dst)
	})
	g.End()
}

// integers writes the kernel for integers of a byte, which extend makes integers of four.
func (g gen) integers(name string, extend func(from, x operand.Op)) {
	g.widen(name, 1, func() func(operand.Mem, reg.VecVirtual) {
		return func(from operand.Mem, v reg.VecVirtual) {
			x := g.XMM()
			extend(from, x)
			g.VCVTDQ2PD(x, v)
		}
	})
}

// float16 computes as Float16 does, without branches: a subnormal number is, with an exponent of 1
// in place of 0, 2^-14 too large, and to subtract that is exact. No float32 is subnormal on the
// way, which would be slow. The instruction for all of it, VCVTPH2PS, belongs to an extension that
// golang.org/x/sys/cpu does not know.
func (g gen) float16() func(from operand.Mem, v reg.VecVirtual) {
	signBit, bias := g.constant(0x8000_0000), g.constant(112<<23)
	one, least := g.constant(1<<23), g.constant(0x3880_0000) // of the exponent, and 2^-14
	finite, infinite := g.constant(31<<23-1), g.constant(0x7f80_0000)
	return func(from operand.Mem, v reg.VecVirtual) {
		x, sign, special, small, t := g.XMM(), g.XMM(), g.XMM(), g.XMM(), g.XMM()
		g.VPMOVZXWD(from, x)
		g.VPSLLD(operand.Imm(16), x, x)
		g.VPAND(signBit, x, sign)
		g.VPXOR(sign, x, x)
		g.VPSRLD(operand.Imm(3), x, x)
		g.VPCMPGTD(finite, x, special)
		g.VPCMPGTD(x, one, small)
		g.VPAND(infinite, special, special)
		g.VPADDD(bias, x, x)
		g.VPAND(one, small, t)
		g.VPOR(special, sign, sign)
		g.VPADDD(t, x, x)
		g.VPAND(least, small, t)
		g.VSUBPS(t, x, x)
		g.VPOR(sign, x, x)
		g.VCVTPS2PD(x, v)
	}
}

// constant returns a vector of four times the same 32 bits.
func (g gen) constant(bits uint32) reg.VecVirtual {
	r, v := g.GP32(), g.XMM()
	g.MOVL(operand.Imm(uint64(bits)), r)
	g.VMOVD(r, v)
	g.VPBROADCASTD(v, v)
	return v
}
