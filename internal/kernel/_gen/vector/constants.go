package main

import (
	"log"
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// table has the constants of ../../exp.go, by the names that they have there. A
// difference would fail the parity test.
var table = []struct {
	name  string
	value float64
}{
	{"one", 1}, {"two", 2}, {"sign", math.Copysign(0, -1)},
	{"log2E", 1.4426950408889634}, {"expShift", 0x1.8p52 + 2046},
	{"ln2Hi", 0.6931471805599453}, {"ln2Lo", 2.3190468138462996e-17},
	{"expHigh", 710}, {"expLow", -746},
	{"exp2", 0x1.0000000000001p-01}, {"exp3", 0x1.5555555555556p-03},
	{"exp4", 0x1.5555555553d63p-05}, {"exp5", 0x1.11111111109b3p-07},
	{"exp6", 0x1.6c16c1788bd9p-10}, {"exp7", 0x1.a01a01a7c41d5p-13},
	{"exp8", 0x1.a019b90d2ae7ap-16}, {"exp9", 0x1.71de0dae63bb3p-19},
	{"exp10", 0x1.289185613a3d6p-22}, {"exp11", 0x1.af38a9b0ec855p-26},
	{"sigmoidTail", -40}, {"tanhSplit", 0.625}, {"tanhHigh", 20},
	{"tanh3", -0x1.5555555555553p-02}, {"tanh5", 0x1.11111111107acp-03},
	{"tanh7", -0x1.ba1ba1b92a52cp-05}, {"tanh9", 0x1.664f4836ffb5ep-06},
	{"tanh11", -0x1.226e29216080bp-07}, {"tanh13", 0x1.d6d17faac7499p-09},
	{"tanh15", -0x1.7d80275a99754p-10}, {"tanh17", 0x1.33fc7f7473d21p-11},
	{"tanh19", -0x1.e3f90249802dbp-13}, {"tanh21", 0x1.4ddd5fb800f82p-14},
	{"tanh23", -0x1.21522c06d082ap-16},
}

// entry is the size of a constant in memory, in bytes: AVX-512 broadcasts eight as it
// reads them, AVX2 reads a whole vector.
func entry() int {
	if target.wide {
		return 8
	}
	return 32
}

// constants writes the constants, and the mask of tailAccess.
func constants() {
	GLOBL("vectorConstants", attr.RODATA|attr.NOPTR)
	for i, c := range table {
		for at := 0; at < entry(); at += 8 {
			DATA(i*entry()+at, F64(c.value))
		}
	}
	if !target.wide {
		GLOBL("tailMask", attr.RODATA|attr.NOPTR)
		for i := range 8 {
			v := uint64(0)
			if i < 4 {
				v = math.MaxUint64
			}
			DATA(8*i, U64(v))
		}
	}
}

// address is the place of a constant.
func address(name string) Mem {
	for i, c := range table {
		if c.name == name {
			return NewDataAddr(Symbol{Name: "vectorConstants", Static: true}, i*entry())
		}
	}
	log.Fatalf("no constant %q", name)
	panic("unreachable")
}

// pool is a kernel's constants: those that hold has loaded into registers, and the
// rest in memory.
type pool map[string]reg.VecVirtual

// hold loads constants into registers, before the loop.
func (p pool) hold(names ...string) {
	for _, name := range names {
		p[name] = target.vec()
		p.load(name, p[name])
	}
}

// load sets v to a constant.
func (p pool) load(name string, v reg.VecVirtual) {
	if target.wide {
		VBROADCASTSD(address(name), v)
	} else {
		VMOVUPD(address(name), v)
	}
}

// copy sets v to a constant, from its register if it has one.
func (p pool) copy(name string, v reg.VecVirtual) {
	if r, ok := p[name]; ok {
		VMOVAPD(r, v)
	} else {
		p.load(name, v)
	}
}

// addend computes acc = x*acc + constant.
func (p pool) addend(name string, x, acc reg.VecVirtual) {
	if r, ok := p[name]; ok {
		VFMADD213PD(r, x, acc)
	} else if target.wide {
		VFMADD213PD_BCST(address(name), x, acc)
	} else {
		VFMADD213PD(address(name), x, acc)
	}
}

// op returns a constant as an operand. With AVX-512 it must be in a register.
func (p pool) op(name string) Op {
	if r, ok := p[name]; ok {
		return r
	}
	if target.wide {
		log.Fatalf("constant %q is not in a register", name)
	}
	return address(name)
}
