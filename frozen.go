package ksparse

import (
	"math"
	"slices"
	"sync"

	"github.com/ksparse/ksparse/internal/engine"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
)

// Frozen is a network for serving: it owns its weights and their integer copies, so
// nothing that happens to the network that it was made of can reach it, and no call
// has to prepare anything. Its codes, outputs and errors are those of that network,
// bit for bit: pre-bias, normalisation, thresholds, gate and skip connection are
// kept. Any number of goroutines may use it at once. It cannot be trained.
//
// One row is encoded as well as a batch (the latents are shared out among the
// processors), by EncodeRow without a matrix, and EncodeInto makes no garbage once its
// memory is warm. Where
// every weight of a layer is a float32, as in most published models, that is how
// they are kept: values are still computed in float64. Weights that the network
// itself holds in float32 (see Config) can never change, so they are not copied but
// shared.
type Frozen struct {
	model // with layers of its own
	bytes int
	wide  sync.Pool // of *wideRow
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
	f := &Frozen{model: model{rows: n.rows, noDecoder: n.noDecoder}}
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

// EncodeRow is EncodeInto for one row, without a matrix around it: dst gets one row of
// codes, the bits that Encode gives. It makes no garbage once its memory is warm. dst is
// for one goroutine at a time. Errors are those of EncodeInto.
func (f *Frozen) EncodeRow(dst *Codes, row []float64) error {
	x, err := f.oneRow(row)
	if err != nil {
		return err
	}
	return f.encode(dst, sparse.Rows{Dense: x})
}

// EncodeRow32 is EncodeRow for a row in float32, which is as in float64: exact.
func (f *Frozen) EncodeRow32(dst *Codes, row []float32) error {
	w := f.widened(row)
	defer f.wide.Put(w)
	return f.EncodeRow(dst, w.in)
}

// PredictRow is PredictInto for one row, without a matrix around it: dst, of Out numbers,
// gets the bits that Predict gives. It makes no garbage once its memory is warm. dst is
// for one goroutine at a time, and may be row. Errors are those of PredictInto.
func (f *Frozen) PredictRow(dst, row []float64) error {
	x, err := f.oneRow(row)
	if err == nil {
		err = f.readyToPredict()
	}
	if err != nil {
		return err
	}
	if len(dst) != f.Out() {
		return fault.Errorf(ErrShape, "the memory for the output has %d numbers, want %d", len(dst), f.Out())
	}
	if err := f.notParameters(dst); err != nil {
		return err
	}
	return f.predictRows(nil, asRows(dst), sparse.Rows{Dense: x})
}

// PredictRow32 is PredictRow in float32: it rounds the numbers that PredictRow gives for
// the same row. One that is too large for float32 is ErrNotFinite.
func (f *Frozen) PredictRow32(dst, row []float32) error {
	if len(dst) != f.Out() {
		return fault.Errorf(ErrShape, "the memory for the output has %d numbers, want %d", len(dst), f.Out())
	}
	w := f.widened(row)
	defer f.wide.Put(w)
	w.out = matrix.Resized(w.out, len(dst))
	if err := f.PredictRow(w.out, w.in); err != nil {
		return err
	}
	for j, v := range w.out {
		dst[j] = float32(v)
		if math.IsInf(float64(dst[j]), 0) {
			return fault.Errorf(ErrNotFinite, "output %d is %v, which is too large for float32", j, v)
		}
	}
	return nil
}

// oneRow returns row as a matrix of one row, in its own memory, or what is wrong with it.
func (f *Frozen) oneRow(row []float64) (matrix.Rows, error) {
	x := asRows(row)
	switch {
	case len(row) == 0:
		return x, fault.Errorf(ErrEmpty, "the row has no numbers, want %d", f.In())
	case len(row) != f.In():
		return x, fault.Errorf(ErrShape, "the row has %d numbers, want %d", len(row), f.In())
	case !kernel.AllFinite(row):
		i := matrix.FirstNotFinite(row)
		return x, fault.Errorf(ErrNotFinite, "the row holds %v at %d", row[i], i)
	}
	return x, nil
}

// asRows returns row as a matrix of one row, in its own memory.
func asRows(row []float64) matrix.Rows {
	return matrix.Rows{Data: row, Rows: 1, Cols: len(row), Stride: len(row)}
}

// wideRow is memory for a row that comes in float32, and for its output.
type wideRow struct{ in, out []float64 }

// widened returns row in float64, to be put back in wide.
func (f *Frozen) widened(row []float32) *wideRow {
	w, _ := f.wide.Get().(*wideRow)
	if w == nil {
		w = new(wideRow)
	}
	w.in = matrix.Resized(w.in, len(row))
	matrix.Widen(w.in, row)
	return w
}

// Bytes returns how much memory the weights and their copies take, those that are
// shared with a network among them. A call takes some more while it runs, which is
// kept for the next one.
func (f *Frozen) Bytes() int { return f.bytes }

// String says the network's layers and kind.
func (f *Frozen) String() string { return f.sizeAndKind("frozen network") }
