// Command arm64 writes the assembly of package kernel for arm64, and its stubs, into the
// folder named by its argument. With -listing it writes the inner loops to the standard
// output instead, for llvm-mca, and with -cost what llvm-mca computes from them.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
)

// files are the files that it writes, by what follows their name.
var files = []struct {
	name  string
	elem  elem
	write func(g *gen)
}{
	{"matrix_neon_f64", f64, func(g *gen) { g.products(); g.squares() }},
	{"matrix_neon_f32", f32, func(g *gen) { g.products() }},
	{"gather_neon", f64, func(g *gen) { g.gathers(); g.strips() }},
	{"vector_neon", f64, func(g *gen) { g.vectors() }},
	{"screen_neon", f64, func(g *gen) { g.screen() }},
}

// main writes the files, or what the flags ask for.
func main() {
	log.SetFlags(0)
	listing := flag.Bool("listing", false, "write the inner loops for llvm-mca")
	processors := flag.String("cost", "", "compute the cost of the inner loops on these `processors` of llvm-mca, say neoverse-n1,neoverse-v1")
	mca := flag.String("mca", "llvm-mca", "the llvm-mca to run")
	flag.Parse()
	if flag.NArg() != 1 && !*listing && *processors == "" {
		log.Fatal("usage: arm64 FOLDER, or arm64 -listing, or arm64 -cost PROCESSORS")
	}
	var loops strings.Builder
	for _, f := range files {
		g := &gen{elem: f.elem}
		f.write(g)
		loops.Write(g.listing.Bytes())
		if flag.NArg() == 0 {
			continue
		}
		assembly, stubs := g.file("internal/kernel/_gen/arm64")
		for extension, text := range map[string][]byte{".s": assembly, ".go": stubs} {
			if err := os.WriteFile(filepath.Join(flag.Arg(0), f.name+"_arm64"+extension), text, 0o644); err != nil {
				log.Fatal(err)
			}
		}
	}
	switch {
	case *listing:
		fmt.Print(loops.String())
	case *processors != "":
		if err := printCosts(*mca, loops.String(), strings.Split(*processors, ",")); err != nil {
			log.Fatal(err)
		}
	}
}

// products writes the tiles of products, what packs for them, and dot products.
func (g *gen) products() {
	g.chainTile("chain", wideTile)
	g.laneTile("lane", wideTile)
	g.chainTile("chainNarrow", narrowTile)
	g.laneTile("laneNarrow", narrowTile)
	g.pack()
	g.copyRows("copyColumns", tileRows*g.bytes/16)
	g.copyRows("copyRows", wideTile)
	g.dotTile()
	if g.bytes == 8 {
		g.dot()
	}
	g.peak()
}

// gathers writes the gathers of rows of float64 and of float32.
func (g *gen) gathers() {
	for _, narrow := range []bool{false, true} {
		for _, vectors := range gatherVectors {
			g.gather(vectors, narrow)
		}
	}
}

// vectors writes the kernels that work element by element, and the searches.
func (g *gen) vectors() {
	g.writeConstants()
	g.sigmoid()
	g.tanh()
	g.arithmetic()
	g.gradientSteps()
	g.adaptiveSteps()
	g.ahead()
	g.sum()
	g.allFinite()
	g.above()
	g.takeAbove()
	g.split()
}

// screen writes the kernels of the certified screen.
func (g *gen) screen() {
	for _, k := range []kind{sdot, smlal} {
		g.screenTiles(k)
		g.screenOne(k)
	}
	g.screenTiles(smmla)
	g.quantise(1)
	g.quantise(2)
	g.extent()
	g.screenPairs()
	g.screenKth()
	g.dotPairs(8)
	g.dotPairs(4)
	g.dotPairs16()
	g.dotBytes(sdot)
	g.dotBytes(smlal)
	g.screenPeak()
}
