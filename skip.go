package ksparse

import (
	"github.com/ksparse/ksparse/internal/parallel"
)

// hasSkip reports whether the network has a skip connection.
func (n *Network) hasSkip() bool { return n.skip.Wide.Rows > 0 }

// addSkip adds x Skipᵀ to the output of p, where x is what came in, before
// normalisation and pre-bias.
func (n *Network) addSkip(p *Pass) {
	x, cols := p.x, p.output.Cols
	resize(&p.skipped, x.Rows, cols)
	parallel.For(x.Rows, productRows(x.Rows), func(_, lo, hi int) {
		part := p.skipped.Data[lo*cols : hi*cols]
		mulT(part, x.Slice(lo, hi), n.skip)
		addTo(p.output.Data[lo*cols:hi*cols], part)
	})
}
