package feed

import (
	"math/bits"
	"math/rand/v2"
)

// generator makes the random numbers of a Feed, and lets its state be kept.
type generator struct {
	pcg *rand.PCG
	rng *rand.Rand // of pcg
}

// newGenerator returns a generator that begins at seed.
func newGenerator(seed uint64) generator {
	pcg := rand.NewPCG(seed, 0x6b737061727365) // "ksparse"
	return generator{pcg: pcg, rng: rand.New(pcg)}
}

// state returns the present state.
func (g *generator) state() rand.PCG { return *g.pcg }

// restore goes back to a state.
func (g *generator) restore(state rand.PCG) { *g.pcg = state }

// key returns a number to make other generators of.
func (g *generator) key() uint64 { return g.pcg.Uint64() }

// nextKey returns what key will return.
func (g *generator) nextKey() uint64 {
	next := *g.pcg
	return next.Uint64()
}

// shuffle is Shuffle by the numbers of g.
func (g *generator) shuffle(order []int) { Shuffle(g.rng, order) }

// Shuffle puts order into a random order (Fisher and Yates). It is written out so
// that the order for a seed can never change with the standard library.
func Shuffle(source rand.Source, order []int) {
	for i := len(order) - 1; i > 0; i-- {
		j := below(source, i+1)
		order[i], order[j] = order[j], order[i]
	}
}

// below returns a random number from 0 to n-1.
func below(source rand.Source, n int) int {
	high, _ := bits.Mul64(source.Uint64(), uint64(n))
	return int(high)
}
