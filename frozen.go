package ksparse

import (
	"slices"

	"github.com/ksparse/ksparse/internal/engine"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// Frozen is a network for serving: it owns its weights and their integer copies, so
// nothing that happens to the network that it was made of can reach it, and no call
// has to prepare anything. Its codes, outputs and errors are those of that network,
// bit for bit: pre-bias, normalisation, thresholds, gate and skip connection are
// kept. Any number of goroutines may use it at once. It cannot be trained.
//
// One row is encoded as well as a batch (the latents are shared out among the
// processors), and EncodeInto makes no garbage once its memory is warm. Where
// every weight of a layer is a float32, as in most published models, that is how
// they are kept: values are still computed in float64. Weights that the network
// itself holds in float32 (see Config) can never change, so they are not copied but
// shared.
type Frozen struct {
	model   // with layers of its own
	latents int
	bytes   int
}

// Freeze returns the network as it is now, frozen. Errors wrap ErrNoSparseLayer,
// ErrUnset or, for weights that are NaN or infinite, ErrNotFinite.
func (n *Network) Freeze() (*Frozen, error) {
	_, sparse := n.lastSparse()
	if sparse == nil {
		return nil, fault.Errorf(ErrNoSparseLayer, "Freeze needs a sparse layer to encode with, this network has none")
	}
	if err := fault.First(n.ready(false), n.finite()); err != nil {
		return nil, err
	}
	f := &Frozen{model: model{rows: n.rows, noDecoder: n.noDecoder}, latents: sparse.out}
	for i, l := range n.layers {
		a := l.parameters()
		var w Weights
		if n.sharesWeights(i) {
			w = f.layers[i-1].parameters().w
		} else {
			w = matrix.Kept(a.w)
			f.bytes += matrix.Bytes(w)
		}
		f.bytes += 8 * len(a.b)
		f.add(l, w)
	}
	f.keepRows(n)
	f.screening.SetOff(n.screening.Off())
	return f, nil
}

// add adds a copy of the layer l, with the weights w, and its integers.
func (f *Frozen) add(l Layer, w Weights) {
	integers, bytes := new(engine.Copy), 0
	a, s := l.parameters(), l.sparse()
	if s == nil {
		linear := new(LinearLayer)
		linear.hold(a.name, a.in, a.out, a.activation, w, slices.Clone(a.b))
		l = linear
	} else {
		frozen := &SparseLayer{k: s.k, selection: s.selection, thresholds: slices.Clone(s.thresholds), gate: s.gate}
		frozen.hold(a.name, a.in, a.out, a.activation, w, slices.Clone(a.b))
		bytes = 8 * len(frozen.thresholds)
		if s.gate != nil {
			bytes += 8 * 3 * s.out
		}
		var view engine.Layer
		layerForEngine(&view, frozen)
		var packed int
		integers, packed = engine.NewCopy(&view)
		bytes += packed
		l = frozen
	}
	f.bytes += bytes
	f.layers = append(f.layers, l)
	f.copies = append(f.copies, integers)
}

// keepRows keeps what n does before its first layer and beside all of them.
func (f *Frozen) keepRows(n *Network) {
	switch last := f.layers[len(f.layers)-1]; {
	case n.rows.Shift == nil:
	case last.sparse() == nil:
		f.rows.Shift = last.parameters().b
	default:
		f.rows.Shift = slices.Clone(n.rows.Shift)
		f.bytes += 8 * len(f.rows.Shift)
	}
	if !n.skip.Empty() {
		f.skip = matrix.Kept(n.skip)
		f.bytes += matrix.Bytes(f.skip)
	}
}

// Latents returns how many latents the codes have.
func (f *Frozen) Latents() int { return f.latents }

// Bytes returns how much memory the weights and their copies take, those that are
// shared with a network among them. A call takes some more while it runs, which is
// kept for the next one.
func (f *Frozen) Bytes() int { return f.bytes }

// String says the network's layers and kind.
func (f *Frozen) String() string { return f.sizeAndKind("frozen network") }
