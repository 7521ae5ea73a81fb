package ksparse

import (
	"gonum.org/v1/gonum/mat"
)

// chunkRows is how many samples Predict, Encode and Decode have under way at
// once, so that their memory for what lies between does not grow with x.
const chunkRows = 1024

// Predict returns the network's output for each row of x, samples by Out; a skip
// connection (see Parts) has its part in it. Errors wrap ErrEmpty, ErrShape,
// ErrNotFinite, ErrUnset, or ErrNoDecoder for a network that was assembled without a
// decoder.
func (n *Network) Predict(x mat.Matrix) (*mat.Dense, error) {
	rows, err := rowsOf("x", x, n.In())
	if err != nil {
		return nil, err
	}
	if err := n.ready(false); err != nil {
		return nil, err
	}
	if n.noDecoder {
		return nil, errorf(ErrNoDecoder, "Predict needs a decoder, this network was assembled without one: use Encode")
	}
	out := newRows(rows.Rows, n.Out())
	p := n.sparePass()
	defer n.spare.Put(p)
	for lo := 0; lo < rows.Rows; lo += chunkRows {
		hi := min(lo+chunkRows, rows.Rows)
		n.forward(p, rows.Slice(lo, hi), len(n.layers))
		p.setOutput()
		copy(out.Data[lo*out.Cols:], p.output.Data)
		n.frame.leave(out.Slice(lo, hi), p.framed.mean, p.framed.spread)
	}
	if err := checkOutput(out); err != nil {
		return nil, err
	}
	return dense(out), nil
}

// Encode returns the output of the last sparse layer for each row of x, as codes
// of samples by latents. A row's code does not depend on the other rows. Errors
// wrap ErrEmpty, ErrShape, ErrNotFinite, ErrNoSparseLayer, or ErrUnset where the
// network needs a threshold or scale that was never learned.
func (n *Network) Encode(x mat.Matrix) (*Codes, error) {
	c := new(Codes)
	if err := n.EncodeInto(c, x); err != nil {
		return nil, err
	}
	return c, nil
}

// EncodeInto is Encode into codes that exist already, whose memory it uses where
// that is large enough. What dst held is lost, also when there is an error.
func (n *Network) EncodeInto(dst *Codes, x mat.Matrix) error {
	last := n.lastSparse()
	if last < 0 {
		return errorf(ErrNoSparseLayer, "Encode needs a sparse layer, this network has none")
	}
	if dst == nil {
		return errorf(ErrEmpty, "EncodeInto was given nil codes")
	}
	rows, err := rowsOf("x", x, n.In())
	if err != nil {
		return err
	}
	if err := n.ready(false); err != nil {
		return err
	}
	p := n.sparePass()
	defer n.spare.Put(p)
	l := n.layers[last].(*SparseLayer)
	if last == 0 && n.frame.none() {
		s := n.sparseInput(p, rows, 0)
		s.pre = l.encode(dst, s.pre, rows, s)
		dst.mean, dst.spread = dst.mean[:0], dst.spread[:0]
	} else {
		dst.clear(n.layers[last].Out())
		for lo := 0; lo < rows.Rows; lo += chunkRows {
			s := n.sparseInput(p, rows.Slice(lo, min(lo+chunkRows, rows.Rows)), last)
			s.pre = l.encode(&s.codes, s.pre, s.in.dense, s)
			dst.add(&s.codes)
			if n.frame.scales() {
				dst.mean = append(dst.mean, p.framed.mean...)
				dst.spread = append(dst.spread, p.framed.spread...)
			}
		}
	}
	if i := dst.notFinite(); i >= 0 {
		return errorf(ErrNotFinite, "the code of row %d overflows: data or weights are too large", i)
	}
	return nil
}

// Decode returns the network's output for each of the codes, samples by Out: what
// the layers after the last sparse layer make of them. Codes that Encode returned
// remember how their rows were normalised, and are scaled back; for others of a
// network with LayerNorm or UnitRMS the output is that for normalised rows. Where no
// layer follows the last sparse one, that is the codes themselves.
//
// Codes remember nothing else of their rows. So of a network with a skip connection
// Decode gives the output without the skipped part, which is Skip times the rows as
// they came in: Predict gives the whole. A network that was assembled without a
// decoder has nothing to decode with.
//
// Errors wrap ErrEmpty, ErrShape, ErrNotFinite, ErrNoSparseLayer, ErrNoDecoder or
// ErrUnset.
func (n *Network) Decode(c *Codes) (*mat.Dense, error) {
	last := n.lastSparse()
	if last < 0 {
		return nil, errorf(ErrNoSparseLayer, "Decode needs a sparse layer, this network has none")
	}
	if c == nil || c.mask.rows == 0 {
		return nil, errorf(ErrEmpty, "there are no codes to decode")
	}
	if latents := n.layers[last].Out(); c.mask.cols != latents {
		return nil, errorf(ErrShape, "codes have %d latents, layer %q has %d", c.mask.cols, n.layers[last].Name(), latents)
	}
	if i := c.notFinite(); i >= 0 {
		return nil, errorf(ErrNotFinite, "row %d of the codes holds NaN or an infinity", i)
	}
	if err := n.scaleKnown(); err != nil {
		return nil, err
	}
	if n.noDecoder {
		return nil, errorf(ErrNoDecoder, "Decode needs a decoder, this network was assembled without one")
	}
	if last == len(n.layers)-1 {
		return c.Dense(), nil
	}
	in := signal{codes: c}
	for _, l := range n.layers[last+1:] {
		s := &state{in: in, plain: true} // no sparse layer is left
		l.forward(s)
		in = s.out
	}
	mean, spread := c.mean, c.spread
	if n.frame.normalization == DatasetScale {
		mean, spread = n.frame.sameNumbers(c.mask.rows)
	}
	if len(spread) == c.mask.rows {
		n.frame.leave(in.dense, mean, spread)
	}
	if err := checkOutput(in.dense); err != nil {
		return nil, err
	}
	return dense(in.dense), nil
}
