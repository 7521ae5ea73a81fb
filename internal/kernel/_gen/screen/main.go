// Command screen writes the assembly of package kernel's certified screen, one .s
// and one stub file for each instruction set, into the folder named by its argument.
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
	const name = "internal/kernel/_gen/screen"
	wide().Write(os.Args[1], "screen_avx512_amd64", name, nil)
	avx2().Write(os.Args[1], "screen_avx2_amd64", name, nil)
	avxVNNI().Write(os.Args[1], "screen_avxvnni_amd64", name, nil, asm.VEX)
}

// wide builds the functions for AVX-512 with VNNI.
func wide() *gen {
	g := newGen("AVX512", 64)
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
	g.dotBytes(g.wholeBytes())
	g.peak()
	return g
}

// avx2 builds the functions for AVX2.
func avx2() narrow {
	g := narrow{gen: newGen("AVX2", 32)}
	g.tile(g.blocks())
	g.tile(g.groups(2))
	for bytes := 1; bytes <= 2; bytes++ {
		g.one(bytes)
		g.quantise(bytes)
	}
	g.extent()
	g.largestBlock()
	g.pairs()
	g.kth()
	g.dotPairs(8)
	g.dotPairs(4)
	g.dotPairs16()
	g.dotBytes(g.widenedBytes())
	return g
}

// avxVNNI builds those functions for AVX-VNNI that it makes faster.
func avxVNNI() narrow {
	g := narrow{gen: newGen("AVXVNNI", 32), vnni: true}
	for bytes := 1; bytes <= 2; bytes++ {
		g.tile(g.groups(bytes))
		g.one(bytes)
	}
	g.dotPairs16()
	g.dotBytes(g.wholeBytes())
	return g
}
