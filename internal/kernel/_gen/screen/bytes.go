package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// byteSums is how an instruction set adds up products of bytes, some inputs at a time.
type byteSums struct {
	inputs int                                         // that q and w load
	q, w   func(from operand.Mem, v reg.VecVirtual)    // load those of the query, and of a row
	add    func(q, w reg.VecVirtual, s reg.VecVirtual) // adds their products to sums in int32
}

// dotBytes writes DotBytes for four rows at a time: they come from memory, so what counts is how
// many lines are under way. Each line of a row prefetches one of the row that is ahead.
func (g *gen) dotBytes(s byteSums) {
	g.Begin("dotBytes"+g.set, "dst *int32, q *int8, w *uint8, ldw int, bytes int, rows *int32, fours int, ahead int, start int",
		"is DotBytes: for t from 0 to 4*fours-1 and p from 0 to bytes-1,",
		"",
		"\tdst[t] += int32(q[p]) * int32(w[ldw*rows[t]+p])",
		"",
		"from start. bytes is a multiple of 64 and not 0. It prefetches row rows[t+ahead] beside each row,",
		"where ahead is a multiple of 4 bytes, of an int32 each.")
	dst, q, rows, fours := g.Arg("dst"), g.Arg("q"), g.Arg("rows"), g.Arg("fours")
	bytes, ldw, w, ahead := g.ArgAt("bytes"), g.ArgAt("ldw"), g.ArgAt("w"), g.GP64()
	var row, next [4]reg.GPVirtual
	for t := range row {
		row[t], next[t] = g.GP64(), g.GP64()
	}
	at := g.GP64()
	g.Loop("four", fours, func() {
		g.Load(g.Param("ahead"), ahead)
		g.ADDQ(rows, ahead)
		var acc [4]reg.VecVirtual
		for t := range acc {
			g.MOVLQSX(mem(rows, 4*t), row[t])
			g.MOVLQSX(mem(ahead, 4*t), next[t])
			for _, r := range []reg.GPVirtual{row[t], next[t]} {
				g.IMULQ(ldw, r)
				g.ADDQ(w, r)
			}
			acc[t] = g.vec()
			g.zero(acc[t])
		}
		g.XORQ(at, at)
		g.Align()
		g.Label("line")
		for part := 0; part < 64; part += s.inputs {
			x := g.vec()
			s.q(idx(q, at, 1, part), x)
			for t := range acc {
				if part == 0 {
					g.PREFETCHT0(idx(next[t], at, 1, 0))
				}
				y := g.vec()
				s.w(idx(row[t], at, 1, part), y)
				s.add(x, y, acc[t])
			}
		}
		g.ADDQ(operand.U8(64), at)
		g.CMPQ(at, bytes)
		g.JNE(operand.LabelRef("line"))
		for t := range acc {
			acc[t] = g.quarter(acc[t])
		}
		sums, start := g.addQuarters(acc), g.XMM()
		g.VPBROADCASTD(g.ArgAt("start"), start)
		g.VPADDD(start, sums, sums)
		g.VMOVDQU(sums, mem(dst, 0))
		g.ADDQ(operand.U8(16), dst)
		g.ADDQ(operand.U8(16), rows)
	})
	g.End()
}

// quarter adds the parts of 16 bytes of v up.
func (g *gen) quarter(v reg.VecVirtual) reg.VecVirtual {
	if g.width == 64 {
		half := g.YMM()
		g.VEXTRACTI64X4(operand.U8(1), v, half)
		g.VPADDD(v.AsY(), half, half)
		v = half
	}
	q := g.XMM()
	g.VEXTRACTI128(operand.U8(1), v.AsY(), q)
	g.VPADDD(v.AsX(), q, q)
	return q
}

// wholeBytes takes the bytes as they are: VPDPBUSD multiplies those with a sign and those without.
func (g *gen) wholeBytes() byteSums {
	add := func(q, w, s reg.VecVirtual) { g.VPDPBUSD(q, w, s) }
	return byteSums{inputs: g.width, q: g.load, w: g.load, add: add}
}

// widenedBytes widens the bytes to int16, for AVX2: VPMADDUBSW would saturate.
func (g *gen) widenedBytes() byteSums {
	return byteSums{
		inputs: 16,
		q:      func(from operand.Mem, v reg.VecVirtual) { g.VPMOVSXBW(from, v) },
		w:      func(from operand.Mem, v reg.VecVirtual) { g.VPMOVZXBW(from, v) },
		add: func(q, w, s reg.VecVirtual) {
			g.VPMADDWD(q, w, w)
			g.VPADDD(w, s, s)
		},
	}
}
