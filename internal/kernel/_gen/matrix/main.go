// Command matrix writes the assembly of package kernel's products: one .s and
// one stub file for each instruction set, into the folder named by its argument.
package main

import (
	"fmt"
	"log"
	"os"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: matrix FOLDER")
	}
	for _, s := range []*set{avx512, avx2} {
		for _, e := range []elem{f64, f32} {
			g := newGen(s, e)
			g.products()
			if e == f64 {
				g.gathers()
				g.squares()
				g.above()
				g.strips()
			}
			g.peak()
			name := fmt.Sprintf("matrix_%s_%s_amd64", s.name, e.name)
			g.Write(os.Args[1], name, "internal/kernel/_gen/matrix", g.wrappers)
		}
	}
}

// products writes the tiles of products, what packs for them, and dot products.
func (g *gen) products() {
	g.chainTile("chain")
	g.laneTile("lane")
	g.nv = 1
	g.chainTile("chainNarrow")
	g.laneTile("laneNarrow")
	g.nv = g.wide
	g.pack()
	g.copyRows("copyColumns", g.mr*g.bytes)
	g.copyRows("copyRows", g.wide*g.width)
	for rows := 1; rows <= g.dotRows; rows++ {
		g.dotTile(rows)
	}
	g.dot()
}

// gathers writes the gathers of rows of float64 and of float32. Those of float32 have
// tiles of 2^n vectors and of the most.
func (g *gen) gathers() {
	for _, narrow := range []bool{false, true} {
		for vectors := 1; vectors <= g.nearVectors; vectors++ {
			if powerOf2 := vectors&(vectors-1) == 0; powerOf2 || vectors == g.nearVectors || !narrow {
				g.gather(vectors, narrow)
			}
		}
		if g.farVectors > g.nearVectors {
			g.gather(g.farVectors, narrow)
		}
		g.gatherFar(g.farVectors, narrow)
	}
}

// strips writes the kernels that work on a strip of columns: those of the most groups of 8
// take whole strips, those of 2^n groups the columns after them.
func (g *gen) strips() {
	for groups := 1; groups <= g.stripGroups; groups *= 2 {
		g.stripDecode(groups * g.groupVectors())
		g.stripDot(groups * g.groupVectors())
	}
	g.stripSquares()
	g.fold()
}
