package ksparse

import (
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/screen"
	"gonum.org/v1/gonum/mat"
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
// itself holds in float32 (see Assemble) can never change, so they are not copied but
// shared.
type Frozen struct {
	network *Network // with layers of its own
	latents int
	bytes   int
}

// Freeze returns the network as it is now, frozen. Errors wrap ErrNoSparseLayer,
// ErrUnset or, for weights that are NaN or infinite, ErrNotFinite.
func (n *Network) Freeze() (*Frozen, error) {
	last := n.lastSparse()
	if last < 0 {
		return nil, errorf(ErrNoSparseLayer, "Freeze needs a sparse layer to encode with, this network has none")
	}
	if err := n.ready(false); err != nil {
		return nil, err
	}
	f := &Frozen{network: new(Network), latents: n.layers[last].Out()}
	f.network.frame, f.network.noDecoder = n.frame, n.noDecoder
	for i, l := range n.layers {
		a := l.base()
		if !kernel.AllFinite(a.w.Data) || !kernel.AllFinite(a.b) {
			return nil, errorf(ErrNotFinite, "layer %q holds NaN or an infinity, so it is not frozen", a.name)
		}
		copies := &screening{kept: true, stats: &f.network.stats}
		own := a.copied()
		if n.sharesWeights(i) {
			own.share(f.network.layers[i-1].base())
		} else {
			f.bytes += own.keep(a)
		}
		f.bytes += 8 * len(own.b)
		if s, ok := l.(*SparseLayer); ok {
			frozen := &SparseLayer{affine: own, k: s.k, selection: s.selection, thresholds: slices.Clone(s.thresholds), gate: s.gate}
			f.bytes += 8 * len(frozen.thresholds)
			if s.gate != nil {
				f.bytes += 8 * 3 * s.out
			}
			if frozen.worthPacking() {
				copies.packed = screen.Pack(own.exact(), frozen.biasBefore())
				f.bytes += copies.packed.Bytes()
			}
			l = frozen
		} else {
			l = &LinearLayer{own}
		}
		f.network.layers = append(f.network.layers, l)
		f.network.frozen = append(f.network.frozen, copies)
	}
	f.keepFrame(n)
	f.network.plain.Store(n.plain.Load())
	return f, nil
}

// copied returns a copy of a for a Frozen, still without weights and without the
// headers that only callers of a Layer see.
func (a *affine) copied() affine {
	own := affine{name: a.name, in: a.in, out: a.out, activation: a.activation, w: a.w, b: slices.Clone(a.b)}
	own.w.Data, own.w.Stride = nil, a.w.Cols
	return own
}

// keep gives own the weights of a, in float32 where that is exact, and returns how
// many bytes they take.
func (own *affine) keep(a *affine) int {
	w := keptWeights(a.exact())
	own.w, own.narrow = w.Wide, w.Narrow
	return bytesOf(w)
}

// keptWeights returns w to keep: itself where it is in float32, which is never
// written to, else a copy.
func keptWeights(w screen.Weights) screen.Weights {
	if w.Narrow != nil {
		return w
	}
	if narrow, exact := screen.Narrowed(w.Wide); exact {
		return narrow
	}
	w.Wide.Data = slices.Clone(w.Wide.Data)
	return w
}

func bytesOf(w screen.Weights) int { return 8*len(w.Wide.Data) + 4*len(w.Narrow) }

// worthPacking reports whether any call would be screened.
func (l *SparseLayer) worthPacking() bool {
	if l.byThreshold() {
		return l.worthScreeningAbove(math.MaxInt32, false)
	}
	return l.chooses() && l.worthScreening(math.MaxInt32, l.k, false)
}

// keepFrame keeps what n does before its first layer and beside all of them.
func (f *Frozen) keepFrame(n *Network) {
	own := f.network
	switch last, ok := own.layers[len(own.layers)-1].(*LinearLayer); {
	case n.frame.shift == nil:
	case ok:
		own.frame.shift = last.b
	default:
		own.frame.shift = slices.Clone(n.frame.shift)
		f.bytes += 8 * len(own.frame.shift)
	}
	if n.hasSkip() {
		own.skip = keptWeights(n.skip)
		f.bytes += bytesOf(own.skip)
	}
}

// In returns how many values the network takes per sample.
func (f *Frozen) In() int { return f.network.In() }

// Out returns how many values Predict and Decode give per sample.
func (f *Frozen) Out() int { return f.network.Out() }

// Latents returns how many latents the codes have.
func (f *Frozen) Latents() int { return f.latents }

// Bytes returns how much memory the weights and their copies take, those that are
// shared with a network among them. A call takes some more while it runs, which is
// kept for the next one.
func (f *Frozen) Bytes() int { return f.bytes }

// Encode returns the code of each row of x: see Network.Encode.
func (f *Frozen) Encode(x mat.Matrix) (*Codes, error) { return f.network.Encode(x) }

// EncodeInto is Encode into codes that exist already: see Network.EncodeInto.
func (f *Frozen) EncodeInto(dst *Codes, x mat.Matrix) error { return f.network.EncodeInto(dst, x) }

// Decode returns the output for each of the codes: see Network.Decode.
func (f *Frozen) Decode(c *Codes) (*mat.Dense, error) { return f.network.Decode(c) }

// Predict returns the output for each row of x: see Network.Predict.
func (f *Frozen) Predict(x mat.Matrix) (*mat.Dense, error) { return f.network.Predict(x) }

// SetScreening turns screening off or on for this frozen network: see
// Network.SetScreening. It starts as the network had it.
func (f *Frozen) SetScreening(on bool) { f.network.SetScreening(on) }

// ScreenStats returns what screening did in all calls so far.
func (f *Frozen) ScreenStats() ScreenStats { return f.network.ScreenStats() }
