package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// words returns every word that the generator writes for package kernel, by its text.
func words(t *testing.T) map[string]string {
	pattern := regexp.MustCompile(`WORD \$0x([0-9a-f]{8}) // (.*)`)
	found := map[string]string{}
	for _, f := range files {
		g := &gen{elem: f.elem}
		f.write(g)
		assembly, _ := g.file("")
		for _, m := range pattern.FindAllStringSubmatch(string(assembly), -1) {
			if other, ok := found[m[2]]; ok && other != m[1] {
				t.Errorf("%s: both %s and %s", m[2], m[1], other)
			}
			found[m[2]] = m[1]
		}
	}
	if len(found) < 1000 {
		t.Fatalf("only %d words found", len(found))
	}
	return found
}

// TestEncodings compares every word with what llvm-mc makes of its text, where that is
// installed.
func TestEncodings(t *testing.T) {
	if _, err := exec.LookPath("llvm-mc"); err != nil {
		t.Skip("llvm-mc is not installed")
	}
	found := words(t)
	var input strings.Builder
	for text := range found {
		fmt.Fprintln(&input, text)
	}
	command := exec.Command("llvm-mc", "-triple=aarch64", "-mattr=+dotprod,+i8mm", "-show-encoding")
	command.Stdin = strings.NewReader(input.String())
	out, err := command.Output()
	if err != nil {
		t.Fatalf("llvm-mc: %v\n%s", err, err.(*exec.ExitError).Stderr)
	}
	encoding := regexp.MustCompile(`encoding: \[0x(..),0x(..),0x(..),0x(..)\]`).FindAllStringSubmatch(string(out), -1)
	texts := strings.Split(strings.TrimSpace(input.String()), "\n")
	if len(encoding) != len(texts) {
		t.Fatalf("%d encodings of %d instructions", len(encoding), len(texts))
	}
	for i, text := range texts {
		e := encoding[i]
		if want := e[4] + e[3] + e[2] + e[1]; found[text] != want {
			t.Errorf("%s is %s, want %s", text, found[text], want)
		}
	}
}

// noted are instructions of every kind, and their words as llvm-mc 14 gave them for the
// same text, for where that is not installed.
var noted = []struct {
	word  string
	write func(g *gen)
}{
	{"4e63cc41 // fmla v1.2d, v2.2d, v3.2d", func(g *gen) { g.do("fmla.2d", 1, 2, 3) }},
	{"4ebdcfdf // fmls v31.4s, v30.4s, v29.4s", func(g *gen) { g.do("fmls.4s", 31, 30, 29) }},
	{"4fdf18a4 // fmla v4.2d, v5.2d, v31.d[1]", func(g *gen) { g.byElement("fmla.2d", 4, 5, 31, 1) }},
	{"4fa618a4 // fmla v4.4s, v5.4s, v6.s[3]", func(g *gen) { g.byElement("fmla.4s", 4, 5, 6, 3) }},
	{"4f89e907 // sdot v7.4s, v8.16b, v9.4b[2]", func(g *gen) { g.byElement("sdot", 7, 8, 9, 2) }},
	{"4e8ca56a // smmla v10.4s, v11.16b, v12.16b", func(g *gen) { g.do("smmla", 10, 11, 12) }},
	{"4f7f29cd // smlal2 v13.4s, v14.8h, v15.h[7]", func(g *gen) { g.byHalf(true, 13, 14, 15, 7) }},
	{"6ee1fa30 // fsqrt v16.2d, v17.2d", func(g *gen) { g.do("fsqrt.2d", 16, 17) }},
	{"4e743e72 // cmge v18.8h, v19.8h, v20.8h", func(g *gen) { g.do("cmge.8h", 18, 19, 20) }},
	{"6e771ed5 // bsl v21.16b, v22.16b, v23.16b", func(g *gen) { g.do("bsl", 21, 22, 23) }},
	{"6f00e418 // movi v24.2d, #0000000000000000", func(g *gen) { g.zero(24) }},
	{"4e180759 // dup v25.2d, v26.d[1]", func(g *gen) { g.dup("2d", 25, 26, 1) }},
	{"4e020c7b // dup v27.8h, w3", func(g *gen) { g.dupR("8h", 27, 3) }},
	{"4e183f84 // mov x4, v28.d[1]", func(g *gen) { g.toR(4, 28, 1) }},
	{"4f7457dd // shl v29.2d, v30.2d, #52", func(g *gen) { g.shiftLeft(29, 30, 52) }},
	{"6f7f07dd // ushr v29.2d, v30.2d, #1", func(g *gen) { g.shiftRight(29, 30, 1) }},
	{"0f0c8441 // shrn v1.8b, v2.8h, #4", func(g *gen) { g.narrowNibbles(1, 2) }},
	{"1e604083 // fmov d3, d4", func(g *gen) { g.lowHalf(3, 4) }},
	{"ad7f18e5 // ldp q5, q6, [x7, #-32]", func(g *gen) { g.loads([]V{5, 6}, 7, -32) }},
	{"ad1f98e5 // stp q5, q6, [x7, #1008]", func(g *gen) { g.stores([]V{5, 6}, 7, 1008) }},
	{"3dc00528 // ldr q8, [x9, #16]", func(g *gen) { g.load(8, 9, 16) }},
	{"3cdf8128 // ldur q8, [x9, #-8]", func(g *gen) { g.load(8, 9, -8) }},
	{"fd00056a // str d10, [x11, #8]", func(g *gen) { g.storeD(10, 11, 8) }},
	{"3cc105ac // ldr q12, [x13], #16", func(g *gen) { g.post(false, "q", 12, 13, 16) }},
	{"3cf369ee // ldr q14, [x15, x19]", func(g *gen) { g.loadAt(14, 15, 19) }},
	{"4ddfce90 // ld1r { v16.2d }, [x20], #8", func(g *gen) { g.every("2d", 16, 20) }},
	{"4c96aeb1 // st1 { v17.2d, v18.2d }, [x21], x22", func(g *gen) { g.storeStep("2d", 17, 2, 21, 22) }},
	{"4d4082f3 // ld1 { v19.s }[2], [x23]", func(g *gen) { g.loadLaneS(19, 2, 23) }},
	{"4eb1bb38 // addv s24, v25.4s", func(g *gen) { g.total("addv", 24, 25) }},
}

// TestNoted compares the encoders with words that were noted.
func TestNoted(t *testing.T) {
	for _, n := range noted {
		g := new(gen)
		n.write(g)
		if got, want := g.assembly.String(), "\tWORD $0x"+n.word+"\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
