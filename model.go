package ksparse

import (
	"fmt"
	"strings"
	"sync"

	"github.com/ksparse/ksparse/internal/engine"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/topk"
)

// model is what a Network and a Frozen have in common: layers, what is done to rows
// around them, and the machinery that runs rows through.
type model struct {
	layers    []Layer
	rows      normal.Transform // what is done to rows before the first layer, and undone after the last
	skip      Weights          // Out x In, from the rows as they came in to the output; empty for none
	noDecoder bool             // the only layer is an encoder without a decoder
	modern    bool             // see Config.Classic
	drawn     uint64           // the fingerprint of the parameters that New drew for the modern form; else 0

	screening engine.Screening
	copies    []*engine.Copy // of a Frozen, one for each layer; else nil
	spare     sync.Pool      // of *engine.Pass
}

// Screening is a network's switch of certified screening, and counts what that did. It
// costs nothing to leave it alone: doc/screening.md says what it is. It may be used while
// the network is in use.
type Screening engine.Screening

// SetOff turns screening off for all that is computed from now on, or on again. It is
// on at first. Results are the same bits either way: off is for comparing times, and for
// finding out whether screening is at fault.
func (s *Screening) SetOff(off bool) { (*engine.Screening)(s).SetOff(off) }

// Stats returns what screening did in all calls so far, training among them.
func (s *Screening) Stats() ScreeningStats { return ScreeningStats((*engine.Screening)(s).Stats()) }

// ScreeningStats says how the active latents of rows were found. Where the processor has
// the instructions for it (AVX2 or more) and the layer is wide enough, all products are
// first bounded in integers, and only those latents that could be active are computed in
// float64: the candidates. Data that the bounds do not separate have many, and cost time.
type ScreeningStats struct {
	Rows       int64 // rows that went through a layer with screening
	Candidates int64 // latents that the first bound left as candidates, in the rows that were screened to the end
	Float64    int64 // of the rows, those computed in float64 altogether
}

// Screening returns the network's switch and counts of certified screening.
func (m *model) Screening() *Screening { return (*Screening)(&m.screening) }

// In returns how many values the network takes per sample.
func (m *model) In() int {
	if len(m.layers) == 0 { // a zero Network
		return 0
	}
	return m.layers[0].In()
}

// Out returns how many values the network gives per sample: the columns of what Predict
// and Decode return.
func (m *model) Out() int {
	if len(m.layers) == 0 {
		return 0
	}
	return m.layers[len(m.layers)-1].Out()
}

// scalesEachRow reports whether rows are scaled one by one, so that no row counts for more than
// another, however long it is.
func (m *model) scalesEachRow() bool {
	kind := Normalization(m.rows.Kind)
	return kind == LayerNorm || kind == UnitRMS
}

// made returns an error for a network that is the zero value.
func (m *model) made() error {
	if len(m.layers) == 0 {
		return fault.Errorf(ErrEmpty, "the network has no layers: New and NewNetwork make one that has")
	}
	return nil
}

// lastSparse returns the position of the last sparse layer, and the layer; -1 and nil
// where there is none.
func (m *model) lastSparse() (int, *SparseLayer) { return lastSparse(m.layers) }

// sharesWeights reports whether layer i uses the weights of the layer before it.
func (m *model) sharesWeights(i int) bool {
	return i > 0 && matrix.SameWeights(m.layers[i].parameters().w, m.layers[i-1].parameters().w)
}

// tied reports whether a layer uses the weights of the layer before it.
func (m *model) tied() bool {
	for i := range m.layers {
		if m.sharesWeights(i) {
			return true
		}
	}
	return false
}

// ready returns an error where something was never learned that the network needs: for
// training (where training learns it) or for all other uses.
func (m *model) ready(training bool) error {
	if err := m.scaleKnown(); err != nil {
		return err
	}
	for _, l := range m.layers {
		if s := l.sparse(); s != nil {
			if err := s.thresholdsKnown(training); err != nil {
				return err
			}
			if m.copies == nil { // those of a Frozen cannot change
				if err := s.finiteThresholds(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// scaleKnown returns an error where the number of DatasetScale is needed and not known.
func (m *model) scaleKnown() error {
	if m.rows.Kind == normal.DatasetScale && m.rows.Scale == 0 {
		return fault.Errorf(ErrUnset, "the network's data set scale is not known: StartFrom finds it, Wire sets it")
	}
	return nil
}

// pass returns a pass of the engine through the network as it is now. Give it back to
// spare.
func (m *model) pass() *engine.Pass {
	p, _ := m.spare.Get().(*engine.Pass)
	if p == nil {
		return m.newPass()
	}
	m.forEngine(&p.Network)
	return p
}

// newPass is pass for one that is not kept.
func (m *model) newPass() *engine.Pass {
	p := engine.NewPass(&m.screening)
	m.forEngine(&p.Network)
	return p
}

// forEngine describes the network to the engine.
func (m *model) forEngine(to *engine.Network) {
	if len(to.Layers) != len(m.layers) {
		to.Layers = make([]engine.Layer, len(m.layers))
	}
	for i, l := range m.layers {
		layerForEngine(&to.Layers[i], l)
		if m.copies != nil {
			to.Layers[i].Copy = m.copies[i]
		}
	}
	to.Rows, to.Skip = m.rows, m.skip
}

// layerForEngine describes a layer to the engine.
func layerForEngine(to *engine.Layer, l Layer) {
	a := l.parameters()
	to.Name, to.In, to.Out, to.W, to.B, to.Activation = a.name, a.in, a.out, a.w, a.b, &engineActivations[a.activation]
	s := l.sparse()
	if s == nil {
		to.Selection = nil
		return
	}
	if to.Selection == nil {
		to.Selection = new(engine.Selection)
	}
	gate := to.Selection.Gate
	if s.gate == nil {
		gate = nil
	} else if gate == nil {
		gate = new(engine.Gate)
	}
	if gate != nil {
		*gate = engine.Gate{Gain: s.gate.gain, Zeros: s.gate.zeros}
	}
	*to.Selection = engine.Selection{Rule: engine.Rule(s.selection), K: s.k, Thresholds: s.thresholds, Gate: gate}
}

// engineActivations describes the activations to the engine. They are made once: a method
// value made anew would be garbage.
//
// Swish and GELU fall before they rise, so there a larger pre-activation may have a
// smaller value. From zero on they rise, also as computed: each is made of sums and
// products of numbers that are not negative, of the sigmoid or of tanh, all monotone,
// and rounding is monotone. Below zero they are products of a negative number and one
// that is not, so never positive.
var engineActivations = func() (all [activations]engine.Activation) {
	for a := range activations {
		f := topk.Func{Value: a.Value, Identity: a == Identity, Monotone: a != Swish && a != GELU, Rising: a == Swish || a == GELU, ReLU: a == ReLU}
		switch a {
		case Sigmoid:
			f.Values = kernel.VecSigmoid
		case Tanh:
			f.Values = kernel.VecTanh
		}
		all[a] = engine.Activation{Values: a.values, Slopes: a.slopes, Select: f}
	}
	all[Identity].Values, all[Identity].Slopes = nil, nil
	return all
}()

// sizeAndKind says the network's layers and kind, after a word for what it is.
func (m *model) sizeAndKind(what string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d", what, m.In())
	for _, l := range m.layers {
		fmt.Fprintf(&b, " -> %d", l.Out())
		if s := l.sparse(); s != nil {
			fmt.Fprintf(&b, " (%v, k = %d", s.selection, s.k)
			if s.activation != Identity {
				fmt.Fprintf(&b, ", %v", s.activation)
			}
			b.WriteString(")")
		} else if l.Activation() != Identity {
			fmt.Fprintf(&b, " (%v)", l.Activation())
		}
	}
	for _, part := range []struct {
		there bool
		name  string
	}{
		{m.tied(), "tied"}, {m.rows.Shift != nil, "pre-bias"}, {m.rows.Kind != normal.None, Normalization(m.rows.Kind).String()},
		{!m.skip.Empty(), "skip connection"}, {m.noDecoder, "no decoder"},
	} {
		if part.there {
			b.WriteString(", " + part.name)
		}
	}
	return b.String()
}

// finite returns an error that names the first parameter, layer by layer, that is NaN or
// infinite. It reads all of them: it is for what takes longer, and for finding out why a
// result is not finite.
func (m *model) finite() error {
	for _, l := range m.layers {
		a := l.parameters()
		if err := finiteWeights(a.name, a.w); err != nil {
			return err
		}
		if i := matrix.FirstNotFinite(a.b); i >= 0 {
			return fault.Errorf(ErrNotFinite, "layer %q holds %v as bias %d", a.name, a.b[i], i)
		}
		if s := l.sparse(); s != nil {
			if err := s.finiteThresholds(); err != nil {
				return err
			}
		}
	}
	if i := matrix.FirstNotFinite(m.rows.Shift); i >= 0 {
		return fault.Errorf(ErrNotFinite, "the pre-bias holds %v at %d", m.rows.Shift[i], i)
	}
	return finiteWeights("skip connection", m.skip)
}

// finiteWeights is finite for the weights of the layer of that name.
func finiteWeights(name string, w Weights) error {
	i := w.FirstNotFinite()
	if i < 0 {
		return nil
	}
	var v float64
	if w.Float32 != nil {
		v = float64(w.Float32[i])
	} else {
		v = w.Float64[i]
	}
	return fault.Errorf(ErrNotFinite, "layer %q holds %v as weight at row %d, column %d", name, v, i/w.Cols, i%w.Cols)
}

// finiteThresholds is finite for thresholds.
func (l *SparseLayer) finiteThresholds() error {
	if kernel.AllFinite(l.thresholds) {
		return nil
	}
	i := matrix.FirstNotFinite(l.thresholds)
	return fault.Errorf(ErrNotFinite, "layer %q holds %v as threshold %d", l.name, l.thresholds[i], i)
}

// overflow returns the error for a result, which it calls what, that is not finite: it
// names a parameter that is not, or else blames the sizes of numbers.
func (m *model) overflow(what string, row int) error {
	if err := m.finite(); err != nil {
		return err
	}
	return fault.Errorf(ErrNotFinite, "%s of row %d overflows: data or weights are too large", what, row)
}
