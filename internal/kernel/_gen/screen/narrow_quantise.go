package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// extent writes Extent for numbers: where there is a NaN, the largest is not defined. It
// takes 32 elements at a time, one for each lane.
func (g narrow) extent() {
	g.Begin("extent"+g.set, "x *float64, n int) (largest, square float64",
		"is Extent, but largest is not defined where square is NaN.")
	x, n := g.Arg("x"), g.Arg("n")
	sign, most, sum := g.YMM(), g.vecs(4), g.vecs(8)
	g.VBROADCASTSD(g.signConstant(), sign)
	for _, v := range append(append([]reg.VecVirtual{}, most...), sum...) {
		g.zero(v)
	}
	take := func(i int, z reg.VecVirtual) {
		g.VFMADD231PD(z, z, sum[i])
		g.VANDPD(sign, z, z)
		g.VMAXPD(z, most[i%4], most[i%4])
	}
	vector := func(i int) {
		z := g.YMM()
		g.VMOVUPD(mem(x, 32*i), z)
		take(i, z)
	}
	count := g.GP64()
	g.MOVQ(n, count)
	g.SHRQ(operand.U8(5), count)
	g.Loop("lanes", count, func() {
		for i := range sum {
			vector(i)
		}
		g.ADDQ(operand.U32(256), x)
	})
	eights := g.GP64()
	g.MOVQ(n, eights)
	g.SHRQ(operand.U8(3), eights)
	g.ANDQ(operand.U8(3), eights)
	g.Loop("eights", eights, func() {
		vector(0)
		vector(1)
		g.ADDQ(operand.U8(64), x)
	})
	g.ANDQ(operand.U8(7), n)
	g.JZ(operand.LabelRef("reduce"))
	for v, mask := range g.firstLanes(n, 8) {
		z := g.YMM()
		g.VMASKMOVPD(mem(x, 32*v), mask, z)
		take(v, z)
	}
	g.Label("reduce")
	g.extentResults(most, sum)
	g.End()
}

// extentResults combines four maxima and the lanes of eight sums and returns them.
func (g narrow) extentResults(most, sum []reg.VecVirtual) {
	g.VMOVSD(g.largest(most), g.result("largest"))
	for i := 4; i > 1; i /= 2 {
		for j := range i {
			g.VADDPD(sum[i+j], sum[j], sum[j])
		}
	}
	g.VMOVSD(g.tree([2]reg.VecVirtual{sum[0], sum[1]}), g.result("square"))
}

// largest returns the largest element of some vectors, a power of two.
func (g narrow) largest(most []reg.VecVirtual) reg.Register {
	for i := len(most) / 2; i > 0; i /= 2 {
		for j := range i {
			g.VMAXPD(most[i+j], most[j], most[j])
		}
	}
	half, other := most[0].AsX(), g.XMM()
	g.VEXTRACTF128(operand.U8(1), most[0], other)
	g.VMAXPD(other, half, half)
	g.VUNPCKHPD(half, half, other)
	g.VMAXSD(other, half, half)
	return half
}

// result is where a float64 that is returned belongs. (Store would use an instruction of
// SSE, which is slow beside those of AVX.)
func (g narrow) result(name string) operand.Mem {
	r, err := g.Return(name).Resolve()
	if err != nil {
		panic(err)
	}
	return r.Addr
}

// largestBlock writes LargestBlock for whole blocks.
func (g narrow) largestBlock() {
	g.Begin("largestBlock"+g.set, "x *float64, blocks int) (largest float64",
		"is LargestBlock of 16*blocks elements.")
	x, n := g.Arg("x"), g.Arg("blocks")
	most := g.YMM()
	g.zero(most)
	g.Loop("block", n, func() {
		s := g.YMM()
		for i := range 4 {
			z := g.YMM()
			g.VMOVUPD(mem(x, 32*i), z)
			if i == 0 {
				g.VMULPD(z, z, s)
			} else {
				g.VFMADD231PD(z, z, s)
			}
		}
		g.VHADDPD(s, s, s)
		g.VMAXPD(s, most, most)
		g.ADDQ(operand.U32(128), x)
	})
	g.VMOVSD(g.largest([]reg.VecVirtual{most}), g.result("largest"))
	g.End()
}

// narrowQuantiser writes a kernel that rounds x to integers of 1 or 2 bytes.
type narrowQuantiser struct {
	narrow
	bytes             int
	dst, stride, x, n reg.GPVirtual
	inv               operand.Mem      // four times: all registers are needed for sums
	residual, square  []reg.VecVirtual // 16 lanes
	sum               reg.VecVirtual   // of the integers, in int32
	integers          []reg.VecVirtual // sums of their squares: one in int32, or two in float64
}

// quantise writes the kernel for integers of 1 or 2 bytes, 16 elements at a time. Sums of integers are exact in any
// order, so these are left to the caller to add up.
func (g narrow) quantise(bytes int) {
	q := g.newQuantiser(bytes)
	count := g.GP64()
	g.MOVQ(q.n, count)
	g.SHRQ(operand.U8(4), count)
	g.Loop("sixteen", count, func() {
		first, second := q.eight(0, nil), q.eight(2, nil)
		q.put(q.pack(first, second), 4*bytes, false)
		g.ADDQ(operand.U32(128), q.x)
	})
	zeros := func() reg.VecVirtual { z := g.YMM(); g.zero(z); return z }
	g.TESTQ(operand.U32(8), q.n)
	g.JZ(operand.LabelRef("tail"))
	q.put(q.pack(q.eight(0, nil), zeros()), 2*bytes, false)
	g.ADDQ(operand.U8(64), q.x)
	g.Label("tail")
	g.ANDQ(operand.U8(7), q.n)
	g.JZ(operand.LabelRef("reduce"))
	masks := g.firstLanes(q.n, 8)
	q.put(q.pack(q.eight(2, &masks), zeros()), 2*bytes, true)
	g.Label("reduce")
	q.results()
	g.End()
}

// newQuantiser begins the kernel: it loads the arguments and clears the sums.
func (g narrow) newQuantiser(bytes int) *narrowQuantiser {
	name, offsetParam, squares := "quantise", ", offset uint64", "Those of the squares are counts[8:]."
	store := "dst[p/4*stride+p%4] = uint8(q) + offset"
	if bytes == 2 {
		name, offsetParam, squares = "quantise16", "", "Those of the squares are sums[2:], in float64."
		store = "int16(dst[p/2*stride+p%2*2:]) = q"
	}
	g.Begin(name+g.set, "dst *uint8, stride int, x *float64, n int, inv float64"+offsetParam+", sums *float64, counts *int32",
		"is, for p from 0 to n-1,",
		"",
		"\tt := x[p] * inv",
		"\tq := round(t)",
		"\t"+store,
		"\tsums[0] += (t-q)*(t-q)",
		"\tsums[1] += t*t",
		"",
		"in the order of Quantise. The sum of the integers is that of counts[:8].",
		squares)
	q := &narrowQuantiser{narrow: g, bytes: bytes}
	q.dst, q.stride, q.x, q.n = g.Arg("dst"), g.Arg("stride"), g.Arg("x"), g.Arg("n")
	q.inv = g.AllocLocal(32)
	inv := g.YMM()
	g.VBROADCASTSD(g.ArgAt("inv"), inv)
	g.VMOVUPD(inv, q.inv)
	q.residual, q.square, q.sum, q.integers = g.vecs(4), g.vecs(4), g.YMM(), g.vecs(bytes)
	for _, list := range [][]reg.VecVirtual{q.residual, q.square, {q.sum}, q.integers} {
		for _, s := range list {
			g.zero(s)
		}
	}
	return q
}

// eight rounds eight elements, those that masks select, and adds to the sums of eight lanes from vector
// first on. It returns the integers in int32: elements 0, 1, 4, 5, 2, 3, 6, 7.
func (q *narrowQuantiser) eight(first int, masks *[2]reg.VecVirtual) reg.VecVirtual {
	var bits [2]reg.VecVirtual
	for v := range bits {
		t, n := q.YMM(), q.YMM()
		bits[v] = q.YMM()
		if masks == nil {
			q.VMOVUPD(mem(q.x, 32*(first+v)), t)
		} else {
			q.VMASKMOVPD(mem(q.x, 32*v), masks[v], t)
		}
		q.VMULPD(q.inv, t, t)
		q.VADDPD(q.wholesConstant(), t, bits[v])
		q.VSUBPD(q.wholesConstant(), bits[v], n)
		q.VFMADD231PD(t, t, q.square[first+v])
		q.VSUBPD(n, t, t)
		q.VFMADD231PD(t, t, q.residual[first+v])
		if q.bytes == 2 {
			q.VFMADD231PD(n, n, q.integers[v])
		}
	}
	q.VSHUFPS(operand.U8(0x88), bits[1], bits[0], bits[0])
	return bits[0]
}

// pack makes one vector of int16 of two of int32 and adds to the sums of integers. It
// returns the 4*bytes groups of bytes in their order, four a vector.
func (q *narrowQuantiser) pack(first, second reg.VecVirtual) []reg.VecVirtual {
	t := q.YMM()
	q.VPACKSSDW(second, first, first)
	q.VPMADDWD(q.onesConstant(), first, t)
	q.VPADDD(t, q.sum, q.sum)
	other := q.XMM()
	if q.bytes == 1 {
		squares := q.YMM()
		q.VPMADDWD(first, first, squares)
		q.VPADDD(squares, q.integers[0], q.integers[0])
		q.VPACKSSWB(first, first, first)
		q.VEXTRACTI128(operand.U8(1), first, other)
		q.VPUNPCKLWD(other, first.AsX(), other)
		offset := q.XMM()
		q.VPBROADCASTQ(q.ArgAt("offset"), offset)
		q.VPADDB(offset, other, other)
		return []reg.VecVirtual{other}
	}
	groups := []reg.VecVirtual{q.XMM(), q.XMM()}
	q.VEXTRACTI128(operand.U8(1), first, other)
	q.VPUNPCKLDQ(other, first.AsX(), groups[0])
	q.VPUNPCKHDQ(other, first.AsX(), groups[1])
	return groups
}

// put stores the first count groups and leaves dst behind them. In the tail, it stops after the
// last one that has an element, and jumps to the label reduce.
func (q *narrowQuantiser) put(vectors []reg.VecVirtual, count int, tail bool) {
	for group := 0; group < count; group += 2 {
		bits := q.GP64()
		if v := vectors[group/4]; group%4 == 0 {
			q.VMOVQ(v, bits)
		} else {
			q.VPEXTRQ(operand.U8(1), v, bits)
		}
		for half := range 2 {
			if at := (group + half) * 4 / q.bytes; tail && at > 0 {
				q.CMPQ(q.n, operand.U8(at))
				q.JLE(operand.LabelRef("reduce"))
			}
			if half == 1 {
				q.SHRQ(operand.U8(32), bits)
			}
			q.MOVL(bits.As32(), mem(q.dst, 0))
			q.ADDQ(q.stride, q.dst)
		}
	}
}

// results combines the lanes and stores the sums.
func (q *narrowQuantiser) results() {
	sums, counts := q.Arg("sums"), q.Arg("counts")
	for i, lanes := range [][]reg.VecVirtual{q.residual, q.square} {
		q.VADDPD(lanes[2], lanes[0], lanes[0])
		q.VADDPD(lanes[3], lanes[1], lanes[1])
		q.VMOVSD(q.tree([2]reg.VecVirtual{lanes[0], lanes[1]}), mem(sums, 8*i))
	}
	q.store(q.sum, mem(counts, 0))
	if q.bytes == 1 {
		q.store(q.integers[0], mem(counts, 32))
		return
	}
	q.VADDPD(q.integers[1], q.integers[0], q.integers[0])
	q.VMOVUPD(q.integers[0], mem(sums, 16))
}
