package screen

import (
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// pairs collects rows of a block and latents whose products are to be computed.
type pairs struct {
	list    []kernel.Pair
	scratch []kernel.Pair
	starts  []int32   // of the latents in list
	dots    []float64 // the products of some
}

// chunk is how many pairs are collected before their products are computed. The first
// products wait for the weights to come from memory; a loop of nothing but products
// has more of them on the way at once.
const chunk = 512

// reset empties the list.
func (p *pairs) reset() { p.list = p.list[:0] }

// add adds row i and a latent.
func (p *pairs) add(i int, latent int32) {
	p.list = append(p.list, kernel.Pair{Row: int32(i), Latent: latent})
}

// addByLatent adds the pairs of one panel, sorted by latent. Those of a latent stay in
// their order.
func (p *pairs) addByLatent(found []kernel.Pair) {
	var next [kernel.ScreenLatents]int
	for _, f := range found {
		next[f.Latent%kernel.ScreenLatents]++
	}
	at := len(p.list)
	for l, n := range next {
		next[l] = at
		at += n
	}
	p.list = slices.Grow(p.list, len(found))[:at]
	for _, f := range found {
		l := f.Latent % kernel.ScreenLatents
		p.list[next[l]] = f
		next[l]++
	}
}

// sortByLatent sorts the list by latent. Those of a latent stay in their order.
func (p *pairs) sortByLatent(latents int) {
	p.starts = matrix.Resized(p.starts, latents+1)
	clear(p.starts)
	for _, f := range p.list {
		p.starts[f.Latent+1]++
	}
	for j := range latents {
		p.starts[j+1] += p.starts[j]
	}
	p.scratch = append(p.scratch[:0], p.list...)
	for _, f := range p.scratch {
		p.list[p.starts[f.Latent]] = f
		p.starts[f.Latent]++
	}
}

// hits returns room for n pairs that are not in the list.
func (p *pairs) hits(n int) []kernel.Pair {
	p.scratch = matrix.Resized(p.scratch, n)
	return p.scratch
}

// products returns kernel.Dot for each pair of part.
func (p *pairs) products(x matrix.Rows, w matrix.Weights, part []kernel.Pair) []float64 {
	p.dots = matrix.Resized(p.dots, max(chunk, len(part)))
	dots := p.dots[:len(part)]
	dotPairs(dots, x, w, part)
	return dots
}
