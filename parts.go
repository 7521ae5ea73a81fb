package ksparse

import (
	"fmt"
	"math"
	"sync/atomic"

	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/screen"
	"github.com/ksparse/ksparse/internal/topk"
)

// Matrix is a matrix of weights in float64 or float32: one of the two slices holds
// it, row after row, and the other is nil. The zero value is no matrix.
type Matrix struct {
	Rows, Cols int
	Float64    []float64
	Float32    []float32
}

// Empty reports whether m is no matrix.
func (m Matrix) Empty() bool {
	return m.Rows == 0 && m.Cols == 0 && m.Float64 == nil && m.Float32 == nil
}

// Parts is an autoencoder taken apart, or what is needed to make one: of an input
// row x it computes
//
//	t = (x - mean) / spread                        by Normalization
//	z = (t - DecoderBias) Encoderᵀ + EncoderBias   DecoderBias only with PreBias
//	c = Activation(z) where selected, else 0       by Selection
//	y = c Decoder + DecoderBias
//	out = y·spread + mean                          with Undo, else y
//	out = y + x Skipᵀ                              with Skip
//
// A transcoder is one whose outputs are not its inputs: without PreBias and Undo. A
// gated encoder has another z and selection: see Gate.
type Parts struct {
	// Encoder is Latents x Inputs: row j is the direction that latent j detects.
	Encoder Matrix
	// EncoderBias has one number per latent; nil stands for zeros.
	EncoderBias []float64
	// Decoder is Latents x Outputs: row j is the atom of latent j. With Tied it is
	// empty, or the memory of Encoder. Without Tied empty means that there is no
	// decoder: such a network can only encode, and Decode and Predict of it are errors
	// that wrap ErrNoDecoder.
	Decoder Matrix
	// DecoderBias has one number per output; nil stands for zeros. Without a decoder
	// it is what PreBias subtracts, one number per input, and else nil.
	DecoderBias []float64
	// Tied makes the decoder's weights the encoder's.
	Tied bool
	// PreBias subtracts DecoderBias from the (normalised) input too.
	PreBias bool

	// K is how many latents are active per row, where Selection goes by it.
	K int
	// Activation is the encoder's; the decoder has none.
	Activation Activation
	// Selection says which latents are active.
	Selection Selection
	// Thresholds has one number per latent, nil for none: see SparseLayer.Thresholds.
	Thresholds []float64
	// Gate makes the encoder a gated one, with SelectThreshold, ReLU, and no
	// Thresholds; nil for none.
	Gate *Gate

	// Skip is Outputs x Inputs: what of the row as it came in is added to the output.
	// It goes with a decoder and without Undo. Empty for none.
	Skip Matrix

	// Normalization, Scale and Undo are as in Network.SetNormalization.
	Normalization Normalization
	Scale         float64
	Undo          bool
}

// Assemble makes a network of p: a SparseLayer "encoder" and, if there is a decoder,
// a LinearLayer "decoder". It takes over the slices of p and copies none, so that
// opening a large model takes no second copy: leave them to the network.
//
// Matrices in float32 stay so, at half the memory, and the network gives the bits
// that it would give with the same numbers in float64. It can encode, decode,
// predict, be saved and frozen, but not be trained or changed: Forward and training
// return an error that wraps ErrFrozen until Widen has made its weights float64, and
// Weights of its layers returns copies. Biases are live. A network with a gate, a
// skip connection or no decoder is never trained.
//
// Errors wrap ErrShape; ErrNotFinite where a number is NaN or infinite; ErrRange
// where a k, selection, activation or normalisation is not possible.
func Assemble(p Parts) (*Network, error) {
	latents, inputs := p.Encoder.Rows, p.Encoder.Cols
	if err := p.Encoder.check("Encoder", 0, 0); err != nil {
		return nil, err
	}
	encoder := &SparseLayer{k: p.K, selection: p.Selection}
	if err := encoder.assemble("encoder", "EncoderBias", inputs, latents, p.Encoder, p.EncoderBias, p.Activation); err != nil {
		return nil, err
	}
	if err := encoder.selectAs(p); err != nil {
		return nil, err
	}
	layers := []Layer{encoder}
	decoder, err := p.decoder(encoder)
	if err != nil {
		return nil, err
	}
	if decoder != nil {
		layers = append(layers, decoder)
	}
	n, err := newNetwork(layers)
	if err != nil {
		return nil, err
	}
	n.noDecoder = decoder == nil
	switch {
	case p.PreBias && decoder != nil:
		err = n.SetPreBias(true)
	case p.PreBias:
		n.frame.shift, err = vector("DecoderBias", p.DecoderBias, inputs)
	case decoder == nil && p.DecoderBias != nil:
		err = errorf(ErrShape, "Parts.DecoderBias is there without a decoder or PreBias that would use it")
	}
	if err == nil && !p.Skip.Empty() {
		err = n.setSkip(p.Skip)
	}
	if err == nil {
		err = n.SetNormalization(p.Normalization, p.Scale, p.Undo)
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

// selectAs gives the encoder what p selects by.
func (l *SparseLayer) selectAs(p Parts) (err error) {
	if p.Thresholds != nil {
		if err := checkVector("Thresholds", p.Thresholds, l.out); err != nil {
			return err
		}
		l.thresholds = p.Thresholds
	}
	if g := p.Gate; g != nil {
		if p.Thresholds != nil || p.Activation != ReLU {
			return errorf(ErrRange, "Parts.Gate goes with the activation %v and without Thresholds", ReLU)
		}
		if err := checkVector("Gate.Bias", g.Bias, l.out); err != nil {
			return err
		}
		l.thresholds = negated(g.Bias)
		if l.gate, err = newGate(l.out, g.LogGain); err != nil {
			return err
		}
	}
	return l.checkSelection()
}

// decoder returns the decoder that belongs to the encoder, nil where p has none.
func (p Parts) decoder(encoder *SparseLayer) (*LinearLayer, error) {
	same := sameMemory(p.Decoder.Float64, p.Encoder.Float64) || sameMemory(p.Decoder.Float32, p.Encoder.Float32)
	weights := p.Decoder
	switch {
	case p.Tied && !p.Decoder.Empty() && !same:
		return nil, errorf(ErrShape, "Parts.Decoder is there, and is not Encoder, although Tied is set")
	case p.Tied:
		weights = p.Encoder
	case p.Decoder.Empty():
		return nil, nil
	}
	if err := weights.check("Decoder", encoder.out, 0); err != nil {
		return nil, err
	}
	d := new(LinearLayer)
	if err := d.assemble("decoder", "DecoderBias", encoder.out, weights.Cols, weights, p.DecoderBias, Identity); err != nil {
		return nil, err
	}
	if p.Tied || same && weights.Cols == encoder.in {
		d.share(&encoder.affine)
	}
	return d, nil
}

// assemble gives the layer its parameters. The weights have been checked.
func (a *affine) assemble(name, what string, in, out int, weights Matrix, biases []float64, act Activation) error {
	b, err := vector(what, biases, out)
	if err != nil {
		return err
	}
	*a = affine{name: name, in: in, out: out, activation: act}
	a.hold(weights, b)
	return nil
}

// setSkip gives the network a skip connection.
func (n *Network) setSkip(m Matrix) error {
	if _, ok := n.layers[len(n.layers)-1].(*LinearLayer); !ok {
		return errorf(ErrShape, "Parts.Skip is there without a decoder")
	}
	if err := m.check("Skip", n.Out(), n.In()); err != nil {
		return err
	}
	n.skip = screen.Weights{Wide: m.shape(), Narrow: m.Float32}
	return nil
}

// shape returns m as rows, without data where m is in float32.
func (m Matrix) shape() topk.Rows {
	return topk.Rows{Data: m.Float64, Rows: m.Rows, Cols: m.Cols, Stride: m.Cols}
}

// check returns what is wrong with m, which should have so many rows and columns;
// 0 stands for any number.
func (m Matrix) check(what string, rows, cols int) error {
	switch {
	case m.Rows < 1 || m.Cols < 1 || m.Rows > maxParameters/m.Cols:
		return errorf(ErrShape, "Parts.%s is %d x %d, want at least 1 of each and not too many", what, m.Rows, m.Cols)
	case rows != 0 && m.Rows != rows, cols != 0 && m.Cols != cols:
		return errorf(ErrShape, "Parts.%s is %d x %d, want %s", what, m.Rows, m.Cols, wanted(rows, cols))
	case (m.Float64 == nil) == (m.Float32 == nil):
		return errorf(ErrShape, "Parts.%s has both or neither of Float64 and Float32, want one", what)
	case len(m.Float64)+len(m.Float32) != m.Rows*m.Cols:
		return errorf(ErrShape, "Parts.%s is %d x %d and has %d numbers", what, m.Rows, m.Cols, len(m.Float64)+len(m.Float32))
	}
	at := firstNotFinite(m.Float64)
	if m.Float32 != nil {
		at = firstNotFinite(m.Float32)
	}
	if at >= 0 {
		return errorf(ErrNotFinite, "Parts.%s holds NaN or an infinity at row %d, column %d", what, at/m.Cols, at%m.Cols)
	}
	return nil
}

func wanted(rows, cols int) string {
	if cols == 0 {
		return fmt.Sprintf("%d rows", rows)
	}
	return fmt.Sprintf("%d x %d", rows, cols)
}

// vector returns v, which Parts calls what, or zeros where v is nil.
func vector(what string, v []float64, n int) ([]float64, error) {
	if v == nil {
		return make([]float64, n), nil
	}
	return v, checkVector(what, v, n)
}

func checkVector(what string, v []float64, n int) error {
	if len(v) != n {
		return errorf(ErrShape, "Parts.%s has %d numbers, want %d", what, len(v), n)
	}
	if i := firstNotFinite(v); i >= 0 {
		return errorf(ErrNotFinite, "Parts.%s holds %v at %d", what, v[i], i)
	}
	return nil
}

// firstNotFinite returns where x first holds NaN or an infinity, -1 if nowhere.
func firstNotFinite[T float](x []T) int {
	var first atomic.Int64
	first.Store(math.MaxInt64)
	parallel.For(len(x), 1<<18, func(_, lo, hi int) {
		for i, v := range x[lo:hi] {
			if v-v != 0 {
				for old := first.Load(); int64(lo+i) < old && !first.CompareAndSwap(old, int64(lo+i)); old = first.Load() {
				}
				return
			}
		}
	})
	if at := first.Load(); at != math.MaxInt64 {
		return int(at)
	}
	return -1
}

// Parts takes the network apart: Assemble of the result makes a network that
// computes the same. Nothing is copied but the gate. The slices are the network's own
// memory, which belongs to it: read them, or change copies.
//
// Errors wrap ErrShape where the network is not one sparse layer, followed by at most
// one linear layer with the activation Identity.
func (n *Network) Parts() (Parts, error) {
	encoder, ok := n.layers[0].(*SparseLayer)
	decoder := (*LinearLayer)(nil)
	if len(n.layers) == 2 && ok {
		if decoder, ok = n.layers[1].(*LinearLayer); ok {
			ok = decoder.activation == Identity
		}
	}
	if !ok || len(n.layers) > 2 {
		return Parts{}, errorf(ErrShape, "Parts are those of one sparse layer and one linear layer with the activation %v, or of the first alone; this network is another", Identity)
	}
	p := Parts{
		Encoder: encoder.exactMatrix(), EncoderBias: encoder.b,
		PreBias: n.frame.shift != nil, DecoderBias: n.frame.shift,
		K: encoder.k, Activation: encoder.activation, Selection: encoder.selection,
		Gate: encoder.Gate(),
		Skip: matrix(n.skip),
	}
	if encoder.gate == nil {
		p.Thresholds = encoder.thresholds
	}
	if decoder != nil {
		p.Decoder, p.DecoderBias, p.Tied = decoder.exactMatrix(), decoder.b, n.sharesWeights(1)
	}
	p.Normalization, p.Scale, p.Undo = n.Normalization()
	return p, nil
}

func (a *affine) exactMatrix() Matrix { return matrix(a.exact()) }

// matrix returns w as a Matrix. Weights of layers have no gaps.
func matrix(w screen.Weights) Matrix {
	return Matrix{Rows: w.Wide.Rows, Cols: w.Wide.Cols, Float64: w.Wide.Data, Float32: w.Narrow}
}
