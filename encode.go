package ksparse

import (
	"slices"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
	"gonum.org/v1/gonum/mat"
)

// Encode returns the output of the last sparse layer for each row of x, as codes
// of samples by latents. A row's code does not depend on the other rows. Errors
// wrap ErrEmpty, ErrShape, ErrNotFinite, ErrNoSparseLayer, or ErrUnset where the
// network needs a threshold or scale that was never learned.
//
// ErrNotFinite is for data with NaN or an infinity, and for any pre-activation of the
// layers up to the last sparse one that is: of a latent that is not selected, too. So NaN
// among their weights is found, and named. What plays no part in a result is not looked at,
// such as atoms of latents that are not active.
func (m *model) Encode(x mat.Matrix) (*Codes, error) {
	c := new(Codes)
	if err := m.EncodeInto(c, x); err != nil {
		return nil, err
	}
	return c, nil
}

// EncodeInto is Encode into codes that exist already, whose memory it uses where
// that is large enough. What dst held is lost, also when there is an error.
func (m *model) EncodeInto(dst *Codes, x mat.Matrix) error {
	if last, _ := m.lastSparse(); last < 0 {
		return fault.Errorf(ErrNoSparseLayer, "Encode needs a sparse layer, this network has none")
	}
	rows, err := m.inputs("x", x)
	if err != nil {
		return err
	}
	return m.encode(dst, rows)
}

// inputs returns x, which an error calls what, as rows for the network: codes as they are, where the
// network takes them so.
func (m *model) inputs(what string, x mat.Matrix) (sparse.Rows, error) {
	codes := m.taken(x)
	if codes == nil {
		rows, err := dense.Rows(what, x, m.In())
		return sparse.Rows{Dense: rows}, err
	}
	_, _, err := dense.Size(what, x, m.In())
	if i := codes.NotFiniteRow(); err == nil && i >= 0 {
		indices, values := codes.Row(i)
		e := matrix.FirstNotFinite(values)
		err = dense.NotFinite(what, values[e], i, int(indices[e]))
	}
	return sparse.Rows{Codes: codes}, err
}

// taken returns the entries of x where it is codes, not nil, that go into the network as they are: its
// first layer is linear, and nothing is done to rows before that or beside the layers. Else it returns nil.
func (m *model) taken(x mat.Matrix) *sparse.Codes {
	c, _ := x.(*Codes)
	if c == nil || len(m.layers) == 0 || m.layers[0].sparse() != nil || !m.rows.Identity() || !m.skip.Empty() {
		return nil
	}
	return &c.entries
}

// encode sets dst to the codes of rows, which have been checked.
func (m *model) encode(dst *Codes, rows sparse.Rows) error {
	if dst == nil {
		return fault.Errorf(ErrEmpty, "the codes to encode into are nil")
	}
	if err := m.ready(false); err != nil {
		return err
	}
	if rows.Codes == &dst.entries || rows.Overlaps(dst.entries.Values) {
		rows = rows.Clone()
	}
	p := m.pass()
	defer m.spare.Put(p)
	p.Encode(&dst.entries, &dst.scales, rows)
	return m.checkCodes(dst)
}

// checkCodes reports codes that overflowed. Any pre-activation that did, of a latent that
// is not selected too, shows in them: see topk.Encode.
func (m *model) checkCodes(c *Codes) error {
	if i := c.entries.NotFiniteRow(); i >= 0 {
		return m.overflow("the code", i)
	}
	return nil
}

// Predict returns the network's output for each row of x, samples by Out; a skip
// connection (see Config) has its part in it. x may be *Codes, which a network whose first layer
// is linear takes as they are. Errors wrap ErrEmpty, ErrShape,
// ErrNotFinite, ErrUnset, or ErrNoDecoder for a network without a decoder.
func (m *model) Predict(x mat.Matrix) (*mat.Dense, error) {
	out := new(mat.Dense)
	if err := m.PredictInto(out, x); err != nil {
		return nil, err
	}
	return out, nil
}

// PredictInto is Predict into a matrix that exists already, of as many rows as x by Out,
// or an empty one (new(mat.Dense)), which takes that shape. dst may be x; where they share
// part of their memory x is copied first. dst must not be a view of the network's weights
// or biases: that is ErrShape. What dst held is lost, also when there is an error.
func (m *model) PredictInto(dst *mat.Dense, x mat.Matrix) error { return m.predict(nil, dst, x) }

// Reconstruct returns what Encode and Predict would, from one run. Errors are those of
// both.
func (m *model) Reconstruct(x mat.Matrix) (*Codes, *mat.Dense, error) {
	if last, _ := m.lastSparse(); last < 0 {
		return nil, nil, fault.Errorf(ErrNoSparseLayer, "codes need a sparse layer, this network has none")
	}
	c, out := new(Codes), new(mat.Dense)
	err := m.predict(c, out, x)
	if err == nil {
		err = m.checkCodes(c)
	}
	if err != nil {
		return nil, nil, err
	}
	return c, out, nil
}

// predict sets dst to the output and, where c is not nil, c to the codes.
func (m *model) predict(c *Codes, dst *mat.Dense, x mat.Matrix) error {
	rows, err := m.inputs("x", x)
	if err == nil {
		err = m.readyToPredict()
	}
	if err != nil {
		return err
	}
	out, err := m.outputRows(dst, rows.Len(), m.Out())
	if err != nil {
		return err
	}
	return m.predictRows(c, out, rows)
}

// readyToPredict returns an error where the network has no output.
func (m *model) readyToPredict() error {
	if err := m.ready(false); err != nil {
		return err
	}
	if m.noDecoder {
		return fault.Errorf(ErrNoDecoder, "Predict needs a decoder, this network was made without one: use Encode")
	}
	return nil
}

// predictRows is predict for rows and an output that have been checked.
func (m *model) predictRows(c *Codes, out matrix.Rows, rows sparse.Rows) error {
	if rows.Codes == nil {
		rows.Dense = dense.Apart(out, rows.Dense)
	} else if rows.Overlaps(out.Data) {
		rows = rows.Clone()
	}
	p := m.pass()
	defer m.spare.Put(p)
	if c != nil {
		p.Predict(out, &c.entries, &c.scales, rows)
	} else {
		p.Predict(out, nil, nil, rows)
	}
	return m.checkOutput(out)
}

// outputRows returns the memory of dst, which must be rows x cols, or empty. It is not
// that of the network's own parameters.
func (m *model) outputRows(dst *mat.Dense, rows, cols int) (matrix.Rows, error) {
	out, err := dense.Output("the matrix for the output", dst, rows, cols)
	if err != nil {
		return out, err
	}
	return out, m.notParameters(out.Data)
}

// notParameters returns an error where out, which is about to be written to, lies in
// parameters of the network.
func (m *model) notParameters(out []float64) error {
	for _, l := range m.layers {
		a := l.parameters()
		for _, part := range []struct {
			name    string
			numbers []float64
		}{{"weights", a.w.Float64}, {"biases", a.b}} {
			if matrix.Overlap(out, part.numbers) {
				return fault.Errorf(ErrShape, "the memory for the output lies in the %s of layer %q, which it would overwrite", part.name, a.name)
			}
		}
	}
	if matrix.Overlap(out, m.skip.Float64) || matrix.Overlap(out, m.rows.Shift) {
		return fault.Errorf(ErrShape, "the memory for the output lies in the network's own parameters, which it would overwrite")
	}
	return nil
}

// apart returns rows, or a copy where they lie in parameters of the network that are about
// to change. (Codes never do: all that makes them copies.)
func (m *model) apart(rows matrix.Rows) matrix.Rows {
	if m.notParameters(rows.Data) != nil {
		return rows.Clone()
	}
	return rows
}

// Decode returns the network's output for each of the codes, samples by Out: what
// the layers after the last sparse layer make of them. Codes that Encode returned
// remember how their rows were normalised, and are scaled back; for others of a
// network with LayerNorm or UnitRMS the output is that for normalised rows. Where no
// layer follows the last sparse one, that is the codes themselves.
//
// Codes remember nothing else of their rows. So of a network with a skip connection
// Decode gives the output without the skipped part, which is Skip times the rows as
// they came in: Predict gives the whole. A network without a decoder has nothing to
// decode with.
//
// Errors wrap ErrEmpty, ErrShape, ErrNotFinite, ErrNoSparseLayer, ErrNoDecoder or
// ErrUnset.
func (m *model) Decode(c *Codes) (*mat.Dense, error) {
	out := new(mat.Dense)
	if err := m.DecodeInto(out, c); err != nil {
		return nil, err
	}
	return out, nil
}

// DecodeInto is Decode into a matrix that exists already, of as many rows as c by Out,
// or an empty one (new(mat.Dense)), which takes that shape. What dst held is lost, also
// when there is an error.
func (m *model) DecodeInto(dst *mat.Dense, c *Codes) error {
	last, sparse := m.lastSparse()
	if last < 0 {
		return fault.Errorf(ErrNoSparseLayer, "Decode needs a sparse layer, this network has none")
	}
	if c == nil || c.entries.Rows == 0 {
		return fault.Errorf(ErrEmpty, "there are no codes to decode")
	}
	if c.entries.Cols != sparse.out {
		return fault.Errorf(ErrShape, "codes have %d latents, layer %q has %d", c.entries.Cols, sparse.name, sparse.out)
	}
	if i := c.entries.NotFiniteRow(); i >= 0 {
		return fault.Errorf(ErrNotFinite, "row %d of the codes holds NaN or an infinity", i)
	}
	if err := m.scaleKnown(); err != nil {
		return err
	}
	if m.noDecoder {
		return fault.Errorf(ErrNoDecoder, "Decode needs a decoder, this network was made without one")
	}
	out, err := m.outputRows(dst, c.entries.Rows, m.Out())
	if err != nil {
		return err
	}
	entries := &c.entries
	if matrix.Overlap(out.Data, entries.Values) {
		own := *entries
		own.Values = slices.Clone(own.Values)
		entries = &own
	}
	if last == len(m.layers)-1 {
		for i := range out.Rows {
			row := out.Row(i)
			clear(row)
			indices, values := entries.Row(i)
			for t, j := range indices {
				row[j] = values[t]
			}
		}
		return nil
	}
	p := m.pass()
	defer m.spare.Put(p)
	p.Decode(out, entries, c.scales)
	return m.checkOutput(out)
}
