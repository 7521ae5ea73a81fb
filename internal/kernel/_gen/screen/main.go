// Command screen writes the assembly of package kernel's certified screen, one .s
// and one stub file, into the folder named by its argument.
package main

import (
	"log"
	"os"

	"github.com/ksparse/ksparse/internal/kernel/_gen/asm"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: screen FOLDER")
	}
	g := &gen{Builder: asm.New()}
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
	g.Write(os.Args[1], "screen_avx512_amd64", "internal/kernel/_gen/screen", nil)
}
