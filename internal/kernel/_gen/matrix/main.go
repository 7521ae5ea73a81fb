// Command matrix writes the assembly of package kernel's products: one .s and
// one stub file for each instruction set, into the folder named by its argument.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/buildtags"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: matrix FOLDER")
	}
	for _, s := range []*set{avx512, avx2} {
		for _, e := range []elem{f64, f32} {
			g := newGen(s, e)
			g.chainTile("chain")
			g.laneTile("lane")
			g.nv = 1
			g.chainTile("chainNarrow")
			g.laneTile("laneNarrow")
			g.nv = s.wide
			g.pack()
			g.copyRows("copyColumns", s.mr*e.bytes)
			g.copyRows("copyRows", s.wide*s.width)
			for rows := 1; rows <= s.dotRows; rows++ {
				g.dotTile(rows)
			}
			g.dot()
			if e == f64 {
				for _, narrow := range []bool{false, true} {
					for vectors := 1; vectors <= s.gather; vectors++ {
						if powerOf2 := vectors&(vectors-1) == 0; powerOf2 || vectors == s.gather || !narrow {
							g.gather(vectors, narrow)
						}
					}
					if s.far > s.gather {
						g.gather(s.far, narrow)
					}
					g.gatherFar(s.far, narrow)
				}
				g.squares()
				g.above()
				if s == avx512 {
					for _, vectors := range stripVectors {
						g.stripDecode(vectors)
						g.stripDot(vectors)
					}
					g.stripSquares()
					g.fold()
				}
			}
			g.peak()
			write(g, os.Args[1])
		}
	}
}

// write compiles what g holds and writes it as matrix_<set>_f<bits>_amd64.{s,go}.
func write(g *gen, folder string) {
	tag, err := buildtags.ParseConstraint("amd64,!purego")
	if err != nil {
		log.Fatal(err)
	}
	g.Constraint(tag)
	f, err := g.Result()
	if err != nil {
		build.LogError(log.Default(), err, 0)
		os.Exit(1)
	}
	if err := pass.Compile.Execute(f); err != nil {
		log.Fatal(err)
	}
	cfg := printer.Config{Name: "internal/kernel/_gen/matrix", Pkg: "kernel"}
	for ext, p := range map[string]printer.Printer{"s": printer.NewGoAsm(cfg), "go": printer.NewStubs(cfg)} {
		text, err := p.Print(f)
		if err != nil {
			log.Fatal(err)
		}
		if ext == "go" {
			text = append(text, g.wrappers...)
		}
		name := fmt.Sprintf("matrix_%s_%s_amd64.%s", g.set.name, g.elem.name, ext)
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
