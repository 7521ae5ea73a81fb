// Package engine computes what the root package defines, fast: it encodes, decodes,
// and takes training steps. It works on views of a network's parameters, and gives
// the bits of the root's plain forward and backward pass.
//
// # How it is fast
//
// Of n latents a row keeps k. So nothing of the size batch x latents is ever stored:
// codes are kept as their entries (package sparse), and what follows the encoder
// touches only the rows of weights that the entries name. A weight gradient is never
// stored either: a few of its rows are computed, and moved by the optimizer at once.
//
// # One step
//
// step.go has a training step from top to bottom: forward (forward.go, encode.go),
// the last layer with the loss (an objective: whole.go, samples.go, strips.go, nested.go),
// backward (backward.go), the sweep over the parameters (sweep.go). predict.go has
// what is not training.
package engine

import (
	"math"

	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/screen"
	"github.com/ksparse/ksparse/internal/topk"
)

// Network is a view of a network: it refers to the parameters and copies none.
type Network struct {
	Layers []Layer
	Rows   normal.Transform // what is done to rows around the layers
	Skip   matrix.Weights   // Out x In, applied to rows as they came in; empty for none
}

// Layer is a view of one layer. A linear one computes f(xW + b), with W of In x Out; a
// sparse one f(xWᵀ + b), with W of Out x In, and selects from it.
type Layer struct {
	Name       string
	In, Out    int
	W          matrix.Weights
	B          []float64
	Activation *Activation
	Selection  *Selection // nil for a linear layer
	Copy       *Copy      // nil where each call makes its own: see Copy
}

// Sparse reports whether the layer selects.
func (l *Layer) Sparse() bool { return l.Selection != nil }

// Activation is an activation function f as the engine uses it.
type Activation struct {
	Values func(out, pre []float64)          // out = f(pre); nil for the identity
	Slopes func(delta, pre, value []float64) // delta *= f'(pre), where value = f(pre); nil for the identity
	Select topk.Func                         // f as the selection sees it
}

// Rule is what a sparse layer selects by.
type Rule uint8

// The rules, in the order of ksparse.Selection, where they are explained.
const (
	TopK Rule = iota
	AbsTopK
	BatchTopK
	Threshold
	GroupMax
)

// Selection is a view of what a sparse layer selects by.
type Selection struct {
	Rule       Rule
	K          int
	Thresholds []float64 // one per latent, of the rules that have them
	Gate       *Gate     // of a gated layer, which selects by Threshold; else nil
}

// byThreshold reports whether the layer selects by thresholds, outside training.
func (sel *Selection) byThreshold() bool { return sel.Rule == Threshold || sel.Rule == BatchTopK }

// Loss is a loss between outputs and targets, a mean over rows.
type Loss struct {
	// Row returns the loss of one row and, where d is not nil, sets d to its gradient
	// times perRow: at the output or, with AtPre, at the last layer's pre-activations.
	Row   func(d, out, y []float64, perRow float64) float64
	AtPre bool
	// Squared says that Row is the squared error.
	Squared bool
	// Explain returns why a row's loss is NaN although the output is finite, if so.
	Explain func(out matrix.Rows) error
}

// Copy is the integer form of a sparse layer's weights, for screening, which its owner
// keeps up to date: a training makes it anew after each step, and a frozen network
// never changes. A layer without a Copy may be written to between two calls, so each
// call makes its own integers, or does without.
type Copy struct {
	packed *screen.Packed // nil where screening does not serve
}

// LastSparse returns the position of the last sparse layer, -1 if there is none.
func (n *Network) LastSparse() int {
	for i := len(n.Layers) - 1; i >= 0; i-- {
		if n.Layers[i].Sparse() {
			return i
		}
	}
	return -1
}

// tied reports whether layer i uses the weights of the layer before it.
func (n *Network) tied(i int) bool {
	return i > 0 && i < len(n.Layers) && matrix.SameWeights(n.Layers[i].W, n.Layers[i-1].W)
}

// Gate gives the latents of a gated layer their values: a latent that is selected by
// w·x has the value f(Gain·(w·x) + b).
type Gate struct {
	Gain  []float64 // one per latent
	Zeros []float64 // the bias that w·x is selected with, one per latent
}

// scale turns pre, which is w·x for the latents idx, into the pre-activations of
// their values.
func (g *Gate) scale(pre, bias []float64, idx []int32) {
	for e, j := range idx {
		pre[e] = math.FMA(g.Gain[j], pre[e], bias[j])
	}
}

// biasBefore is what is added to w·x before the selection.
func biasBefore(l *Layer) []float64 {
	if l.Selection.Gate != nil {
		return l.Selection.Gate.Zeros
	}
	return l.B
}
