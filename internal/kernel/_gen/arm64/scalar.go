package main

import (
	"fmt"
	"strings"
)

// Instructions on general registers, destination first.

// set is d = value.
func (g *gen) set(d R, value int64) {
	g.emit(fmt.Sprintf("MOVD $%d, R%d", value, d), fmt.Sprintf("mov x%d, #%d", d, value))
}

// copyR is d = n.
func (g *gen) copyR(d, n R) {
	g.emit(fmt.Sprintf("MOVD R%d, R%d", n, d), fmt.Sprintf("mov x%d, x%d", d, n))
}

// addI is d = n + value.
func (g *gen) addI(d, n R, value int) {
	g.emit(fmt.Sprintf("ADD $%d, R%d, R%d", value, n, d), fmt.Sprintf("add x%d, x%d, #%d", d, n, value))
}

// subI is d = n - value.
func (g *gen) subI(d, n R, value int) {
	g.emit(fmt.Sprintf("SUB $%d, R%d, R%d", value, n, d), fmt.Sprintf("sub x%d, x%d, #%d", d, n, value))
}

// add is d = n + m.
func (g *gen) add(d, n, m R) {
	g.emit(fmt.Sprintf("ADD R%d, R%d, R%d", m, n, d), fmt.Sprintf("add x%d, x%d, x%d", d, n, m))
}

// sub is d = n - m.
func (g *gen) sub(d, n, m R) {
	g.emit(fmt.Sprintf("SUB R%d, R%d, R%d", m, n, d), fmt.Sprintf("sub x%d, x%d, x%d", d, n, m))
}

// addShifted is d = n + m<<by.
func (g *gen) addShifted(d, n, m R, by int) {
	g.emit(fmt.Sprintf("ADD R%d<<%d, R%d, R%d", m, by, n, d), fmt.Sprintf("add x%d, x%d, x%d, lsl #%d", d, n, m, by))
}

// addQuarter is d = n + m/4.
func (g *gen) addQuarter(d, n, m R) {
	g.emit(fmt.Sprintf("ADD R%d>>2, R%d, R%d", m, n, d), fmt.Sprintf("add x%d, x%d, x%d, lsr #2", d, n, m))
}

// multiplyAdd is d = a + n*m.
func (g *gen) multiplyAdd(d, a, n, m R) {
	g.emit(fmt.Sprintf("MADD R%d, R%d, R%d, R%d", m, a, n, d), fmt.Sprintf("madd x%d, x%d, x%d, x%d", d, n, m, a))
}

// andI is d = n & value.
func (g *gen) andI(d, n R, value uint64) {
	g.emit(fmt.Sprintf("AND $%d, R%d, R%d", int64(value), n, d), fmt.Sprintf("and x%d, x%d, #%#x", d, n, value))
}

// and is d = n & m.
func (g *gen) and(d, n, m R) {
	g.emit(fmt.Sprintf("AND R%d, R%d, R%d", m, n, d), fmt.Sprintf("and x%d, x%d, x%d", d, n, m))
}

// shiftR is d = n >> by.
func (g *gen) shiftR(d, n R, by int) {
	g.emit(fmt.Sprintf("LSR $%d, R%d, R%d", by, n, d), fmt.Sprintf("lsr x%d, x%d, #%d", d, n, by))
}

// trailing is the number of zeros at the end of n, by way of d.
func (g *gen) trailing(d, n R) {
	g.emit(fmt.Sprintf("RBIT R%d, R%d", n, d), fmt.Sprintf("rbit x%d, x%d", d, n))
	g.emit(fmt.Sprintf("CLZ R%d, R%d", d, d), fmt.Sprintf("clz x%d, x%d", d, d))
}

// read loads 8 bytes.
func (g *gen) read(d, base R, off int) {
	g.emit(fmt.Sprintf("MOVD %d(R%d), R%d", off, base, d), fmt.Sprintf("ldr x%d, [x%d%s]", d, base, offset(off)))
}

// readInt32 loads 4 bytes with their sign and moves base on.
func (g *gen) readInt32(d, base R) {
	g.emit(fmt.Sprintf("MOVW.P 4(R%d), R%d", base, d), fmt.Sprintf("ldrsw x%d, [x%d], #4", d, base))
}

// write stores 8 bytes and moves base on.
func (g *gen) write(n, base R) {
	g.emit(fmt.Sprintf("MOVD.P R%d, 8(R%d)", n, base), fmt.Sprintf("str x%d, [x%d], #8", n, base))
}

// writeInt32 stores 4 bytes and moves base on.
func (g *gen) writeInt32(n, base R) {
	g.emit(fmt.Sprintf("MOVW.P R%d, 4(R%d)", n, base), fmt.Sprintf("str w%d, [x%d], #4", n, base))
}

// label starts a block.
func (g *gen) label(name string) {
	fmt.Fprintf(&g.assembly, "%s:\n", name)
	if g.hot {
		fmt.Fprintf(&g.listing, "%s:\n", g.global(name))
	}
}

// global is the name of a label in the listing, where functions share one space.
func (g *gen) global(label string) string { return g.function + "." + label }

// align puts the next instruction where a fetch starts.
func (g *gen) align() { g.assembly.WriteString("\tPCALIGN $32\n") }

// jump goes on at a label.
func (g *gen) jump(label string) { g.emit("B "+label, "b "+g.global(label)) }

// ifZero jumps where n is zero.
func (g *gen) ifZero(n R, label string) {
	g.emit(fmt.Sprintf("CBZ R%d, %s", n, label), fmt.Sprintf("cbz x%d, %s", n, g.global(label)))
}

// ifNot jumps where n is not zero.
func (g *gen) ifNot(n R, label string) {
	g.emit(fmt.Sprintf("CBNZ R%d, %s", n, label), fmt.Sprintf("cbnz x%d, %s", n, g.global(label)))
}

// ifBit jumps where a bit of n is what set says.
func (g *gen) ifBit(set bool, bit int, n R, label string) {
	name, text := "TBZ", "tbz"
	if set {
		name, text = "TBNZ", "tbnz"
	}
	g.emit(fmt.Sprintf("%s $%d, R%d, %s", name, bit, n, label), fmt.Sprintf("%s x%d, #%d, %s", text, n, bit, g.global(label)))
}

// ifCompare jumps where n stands in a relation to m: EQ, NE, LT, GE, LE or GT.
func (g *gen) ifCompare(n R, relation string, m R, label string) {
	g.emit(fmt.Sprintf("CMP R%d, R%d", m, n), fmt.Sprintf("cmp x%d, x%d", n, m))
	g.branch(relation, label)
}

// ifCompareI is ifCompare with a number.
func (g *gen) ifCompareI(n R, relation string, value int, label string) {
	g.emit(fmt.Sprintf("CMP $%d, R%d", value, n), fmt.Sprintf("cmp x%d, #%d", n, value))
	g.branch(relation, label)
}

// branch jumps on the last comparison.
func (g *gen) branch(relation, label string) {
	g.emit("B"+relation+" "+label, "b."+strings.ToLower(relation)+" "+g.global(label))
}

// loop runs body n times, n in a register that it counts down by 1; n may be zero. The
// innermost loops are what the cost of a kernel is computed from.
func (g *gen) loop(name string, n R, innermost bool, body func()) {
	done := name + "Done"
	turn := func() {
		g.label(name)
		body()
		g.emit(fmt.Sprintf("SUBS $1, R%d, R%d", n, n), fmt.Sprintf("subs x%d, x%d, #1", n, n))
		g.branch("NE", name)
	}
	g.ifZero(n, done)
	if innermost {
		g.align()
		g.region(name, turn)
	} else {
		turn()
	}
	g.label(done)
}

// region puts what body writes into the listing, under a name.
func (g *gen) region(name string, body func()) {
	fmt.Fprintf(&g.listing, "# LLVM-MCA-BEGIN %s\n", g.global(name))
	g.hot = true
	body()
	g.hot = false
	g.listing.WriteString("# LLVM-MCA-END\n")
}
