package asm

import (
	"fmt"
	"slices"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The instructions that AVX-VNNI has, on 32-byte vectors, with their last byte but one.
// Go's assembler knows them as those of AVX-512 only, which begin in another way.
var vexOpcodes = map[string]byte{"VPDPBUSD": 0x50, "VPDPWSSD": 0x52}

// VEX is a pass that writes the instructions of AVX-VNNI as bytes. Their operands are
// registers.
func VEX(f *ir.File) {
	for _, fn := range f.Functions() {
		var nodes []ir.Node
		for _, node := range fn.Nodes {
			if i, ok := node.(*ir.Instruction); ok && vexOpcodes[i.Opcode] != 0 {
				nodes = append(nodes, vexBytes(i)...)
				fn.ISA = append(fn.ISA, "AVXVNNI")
			} else {
				nodes = append(nodes, node)
			}
		}
		fn.Nodes = nodes
		if slices.Contains(fn.ISA, "AVXVNNI") {
			fn.ISA = slices.DeleteFunc(fn.ISA, func(isa string) bool { return isa == "AVX512VNNI" || isa == "AVX512VL" })
			slices.Sort(fn.ISA)
			fn.ISA = slices.Compact(fn.ISA)
		}
	}
}

// vexBytes is one instruction, in Go's order of operands, as five bytes after a comment.
func vexBytes(i *ir.Instruction) []ir.Node {
	var index [3]byte
	for n := range index {
		index[n] = byte(i.Operands[n].(reg.Physical).PhysicalIndex())
	}
	rm, vvvv, dst := index[0], index[1], index[2]
	second := 0xe2 &^ (dst >> 3 << 7) &^ (rm >> 3 << 5) // ~R, ~X, ~B, and the map 0f38
	third := 0x05 | (^vvvv&15)<<3                       // W = 0, ~vvvv, 32 bytes, prefix 66
	last := 0xc0 | dst&7<<3 | rm&7
	first := 0xc4 | uint32(second)<<8 | uint32(third)<<16 | uint32(vexOpcodes[i.Opcode])<<24
	return []ir.Node{
		ir.NewComment(fmt.Sprintf("%s %s, %s, %s", i.Opcode, i.Operands[0].Asm(), i.Operands[1].Asm(), i.Operands[2].Asm())),
		&ir.Instruction{Opcode: "LONG", Operands: []operand.Op{operand.U32(first)}},
		&ir.Instruction{Opcode: "BYTE", Operands: []operand.Op{operand.U8(last)}},
	}
}
