package ksparse

import (
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/screen"
	"github.com/ksparse/ksparse/internal/topk"
	"gonum.org/v1/gonum/mat"
)

// Encoder is a frozen copy of what a network needs to encode, for serving: it
// owns its weights and their int8 copies, so nothing that happens to the network
// afterwards can reach it, and no call has to prepare anything. Its codes are
// those of the network's Encode, bit for bit. Any number of goroutines may use it
// at once. It cannot be trained.
//
// One row is encoded as well as a batch (the latents are shared out among the
// processors), and EncodeInto makes no garbage once its memory is warm. Where
// every weight of a sparse layer is a float32, as in most published models, that
// is how it is kept: values are still computed in float64.
type Encoder struct {
	network *Network // with layers of its own
	latents int
	bytes   int
}

// Freeze returns an Encoder of the network as it is now. Errors wrap
// ErrNoSparseLayer or, for weights that are NaN or infinite, ErrNotFinite.
func (n *Network) Freeze() (*Encoder, error) {
	last := n.lastSparse()
	if last < 0 {
		return nil, errorf(ErrNoSparseLayer, "Freeze needs a sparse layer to encode with, this network has none")
	}
	if err := n.ready(false); err != nil {
		return nil, err
	}
	e := &Encoder{network: new(Network), latents: n.layers[last].Out()}
	e.network.frame = n.frame
	e.network.frame.shift = slices.Clone(n.frame.shift)
	for _, l := range n.layers[:last+1] {
		a := l.base()
		if !kernel.AllFinite(a.w.Data) || !kernel.AllFinite(a.b) {
			return nil, errorf(ErrNotFinite, "layer %q holds NaN or an infinity, so it is not frozen", a.name)
		}
		copies := &screening{kept: true, stats: &e.network.stats}
		switch l := l.(type) {
		case *LinearLayer:
			e.add(&LinearLayer{a.copied(slices.Clone(a.w.Data))}, copies)
		case *SparseLayer:
			own, exact := &SparseLayer{k: l.k, selection: l.selection, thresholds: slices.Clone(l.thresholds)}, false
			if l.chooses() { // else there is no choice to make, and the rows serve
				copies.weights, exact = screen.Narrowed(l.w)
			}
			if exact {
				own.affine = a.copied(nil)
			} else {
				own.affine = a.copied(slices.Clone(a.w.Data))
				copies.weights = screen.Wide(own.w)
			}
			if l.byThreshold() && l.worthScreeningAbove(math.MaxInt32, false) || !l.byThreshold() && l.worthScreening(math.MaxInt32, l.k, false) {
				copies.packed = screen.Pack(copies.weights, own.b)
			}
			e.add(own, copies)
		}
	}
	e.network.plain.Store(n.plain.Load())
	return e, nil
}

// copied returns a copy of a that shares no memory with it, for an Encoder: with
// the given weights, nil where they are kept in another form, and without the
// headers that only callers of a Layer see.
func (a *affine) copied(weights []float64) affine {
	w := topk.Rows{Data: weights, Rows: a.w.Rows, Cols: a.w.Cols, Stride: a.w.Cols}
	return affine{name: a.name, in: a.in, out: a.out, activation: a.activation, w: w, b: slices.Clone(a.b)}
}

// add appends a layer and what its screening goes by, and counts their memory.
func (e *Encoder) add(l Layer, copies *screening) {
	a := l.base()
	e.network.layers = append(e.network.layers, l)
	e.network.frozen = append(e.network.frozen, copies)
	e.bytes += 8*(len(a.w.Data)+len(a.b)) + 4*len(copies.weights.Narrow)
	if copies.packed != nil {
		e.bytes += copies.packed.Bytes()
	}
}

// In returns how many values the encoder takes per sample.
func (e *Encoder) In() int { return e.network.In() }

// Latents returns how many latents the codes have.
func (e *Encoder) Latents() int { return e.latents }

// Bytes returns how much memory the weights and their copies take. A call takes
// some more while it runs, which is kept for the next one.
func (e *Encoder) Bytes() int { return e.bytes }

// Encode returns the code of each row of x: see Network.Encode.
func (e *Encoder) Encode(x mat.Matrix) (*Codes, error) { return e.network.Encode(x) }

// EncodeInto is Encode into codes that exist already: see Network.EncodeInto.
func (e *Encoder) EncodeInto(dst *Codes, x mat.Matrix) error { return e.network.EncodeInto(dst, x) }

// SetScreening turns screening off or on for this encoder: see
// Network.SetScreening. It starts as the network had it.
func (e *Encoder) SetScreening(on bool) { e.network.SetScreening(on) }

// ScreenStats returns what screening did in all calls of the encoder so far.
func (e *Encoder) ScreenStats() ScreenStats { return e.network.ScreenStats() }
