// Command screen writes the assembly of package kernel's certified screen, one .s
// and one stub file, into the folder named by its argument.
package main

import (
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
		log.Fatal("usage: screen FOLDER")
	}
	g := &gen{Context: build.NewContext()}
	for bytes := 1; bytes <= 2; bytes++ {
		g.tile(bytes)
		g.one(bytes)
		g.quantise(bytes)
	}
	g.extent()
	g.pairs()
	g.kth()
	g.dotPairs(8)
	g.dotPairs(4)
	g.dotPairs16()
	g.peak()
	write(g, os.Args[1])
}

// write compiles what g holds and writes it as screen_avx512_amd64.{s,go}.
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
	cfg := printer.Config{Name: "internal/kernel/_gen/screen", Pkg: "kernel"}
	for ext, p := range map[string]printer.Printer{"s": printer.NewGoAsm(cfg), "go": printer.NewStubs(cfg)} {
		text, err := p.Print(f)
		if err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "screen_avx512_amd64."+ext), text, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
