package ksparse

import (
	"slices"

	"github.com/ksparse/ksparse/internal/engine"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// Config describes an autoencoder: for New, which makes it, with weights that are drawn
// or given, and from Network.Config, which takes one apart. Of an input row x it computes
//
//	t = (x - mean) / spread                        by Normalization
//	z = (t - DecoderBias) Encoderᵀ + EncoderBias   DecoderBias only with PreBias
//	c = Activation(z) where selected, else 0       by Selection
//	y = OutputActivation(c Decoder + DecoderBias)
//	out = y·spread + mean                          unless NoUndo
//	out = y + x Skipᵀ                              with Skip
//
// A transcoder is one whose outputs are not its inputs: without PreBias, and with NoUndo.
type Config struct {
	// Inputs is the number of values per sample, at least 1, and Outputs that of the
	// output; 0 stands for Inputs.
	Inputs, Outputs int
	// Latents is the size of the dictionary, at least 1.
	Latents int
	// K is how many latents are active per sample, at least 1: Latents or more for all
	// (which makes a dense autoencoder), and -1 for none. 0, a K that was left out, is an
	// error, but for SelectThreshold, where K plays no part.
	K int
	// Classic makes the network what the other fields say and no more, as NewNetwork does:
	// with their zero values it is that of the 2013 paper (arXiv:1312.5663), but for Tied.
	// Train then trains it with what TrainConfig says and no more.
	//
	// Without Classic it is of the modern form (Gao et al. 2024, arXiv:2406.04093). Where its
	// weights are drawn, the zero Activation stands for ReLU (but with SelectAbsTopK), and an
	// autoencoder, with the zero OutputActivation, has PreBias and, unless it is Tied, Mirrored. Its
	// first training begins from the samples, and chooses what TrainConfig leaves open:
	// see there. Files keep the form.
	Classic bool
	// Activation is the encoder's; the zero value is Identity with Classic or an Encoder,
	// and else ReLU.
	Activation Activation
	// OutputActivation is the decoder's; the zero value is Identity. With
	// BinaryCrossEntropy it must be Sigmoid.
	OutputActivation Activation
	// Selection says which latents are active; the zero value is SelectTopK, the K
	// largest of each row.
	Selection Selection

	// PreBias subtracts the decoder's biases b from the input as well: codes are
	// those of x-b, and b is added again on the way out (Gao et al. 2024,
	// arXiv:2406.04093, eq. 2). It is one parameter. See StartFrom for its start
	// values.
	PreBias bool
	// Tied makes the decoder's weights the encoder's: one matrix, whose row j is
	// both what latent j detects and what it draws, as in the 2013 paper.
	Tied bool
	// Normalization scales rows on the way in, and back on the way out; the zero
	// value is NoNormalization. Scale is the number of DatasetScale, 0 where StartFrom
	// should find it. NoUndo leaves outputs as the decoder gives them, as they are anyway
	// without a normalization.
	Normalization Normalization
	Scale         float64
	NoUndo        bool

	// Seed draws the weights, where they are not given; 0 stands for 1, as in
	// NewNetwork, and both fields are left out with an Encoder. Mirrored then starts the decoder as the encoder's transpose, both
	// with rows of norm 1, which leaves fewer latents dead (Gao et al. 2024,
	// section 2.4).
	Seed     uint64
	Mirrored bool

	// Encoder is Latents x Inputs: row j is the direction that latent j detects. Where
	// it is there nothing is drawn, and Inputs, Outputs and Latents are those of the
	// matrices, or 0.
	Encoder Weights
	// EncoderBias has one number per latent; nil stands for zeros.
	EncoderBias []float64
	// Decoder is Latents x Outputs: row j is the atom of latent j. With Tied it is
	// empty, or the memory of Encoder; that memory makes it tied in any case. With an Encoder and without Tied empty means that
	// there is no decoder: such a network can only encode.
	Decoder Weights
	// DecoderBias has one number per output; nil stands for zeros. Without a decoder
	// it is what PreBias subtracts, one number per input, and else nil.
	DecoderBias []float64
	// Thresholds has one number per latent, nil for none: see SparseLayer.Thresholds. They
	// do nothing while Selection does not go by them.
	Thresholds []float64
	// GateBias and GateLogGain, one number per latent each, make the encoder a gated
	// one (Rajamanoharan et al. 2024, arXiv:2404.16014, with shared weights): with w the
	// latent's row of Encoder and x the row that goes into it, the latent is
	//
	//	active  where  w·x > -GateBias
	//	value   max(0, exp(GateLogGain)·(w·x) + EncoderBias)
	//
	// The value is one fused multiply-add of w·x, and exp is this library's. An active
	// latent whose value is 0 stays in the code. It goes with SelectThreshold, ReLU and no
	// Thresholds; nil for none.
	GateBias, GateLogGain []float64
	// Skip is Outputs x Inputs: what of the row as it came in is added to the output.
	// It goes with a decoder and NoUndo. Empty for none.
	Skip Weights
}

// New makes the autoencoder that cfg describes: a SparseLayer "encoder" from Inputs to
// Latents and, if there is a decoder, a LinearLayer "decoder" to Outputs.
//
// Where an Encoder is given the network takes over the slices of cfg and copies none, so
// that opening a large model takes no second copy: leave them to the network. Matrices in
// float32 stay so, at half the memory, and the network gives the bits that it would give
// with the same numbers in float64. It can encode, decode, predict, be saved and frozen,
// but not be trained or changed: Forward and training return an error that wraps
// ErrFrozen until Widen has made its weights float64. Biases are live. A network with a
// gate, a skip connection or no decoder is never trained.
//
// Errors wrap ErrShape; ErrNotFinite where a number is NaN or infinite; ErrRange
// where a k, selection, activation or normalisation is not possible, K was left out, or a
// field is set that would do nothing.
func New(cfg Config) (*Network, error) {
	if !cfg.Encoder.Empty() {
		return cfg.assemble()
	}
	if cfg.Outputs == 0 {
		cfg.Outputs = cfg.Inputs
	}
	if err := fault.First(cfg.nothingGiven(), cfg.checkSizes()); err != nil {
		return nil, err
	}
	if !cfg.Classic {
		cfg = cfg.modern()
	}
	if cfg.Mirrored && cfg.Outputs != cfg.Inputs {
		return nil, fault.Errorf(ErrShape, "Config.Mirrored is for as many outputs as inputs, not for %d and %d", cfg.Outputs, cfg.Inputs)
	}
	encoder := NewSparseLayer("encoder", cfg.Inputs, cfg.Latents, cfg.active(), cfg.Activation)
	encoder.selection = cfg.Selection
	decoder := NewLinearLayer("decoder", cfg.Latents, cfg.Outputs, cfg.OutputActivation)
	n, err := newNetwork([]Layer{encoder, decoder})
	if err == nil {
		err = fault.First(cfg.checkActive(), n.Wire(cfg.wiring()))
	}
	if err != nil {
		return nil, err
	}
	n.Init(max(cfg.Seed, 1))
	if cfg.Mirrored {
		mirror(encoder, decoder)
	}
	if n.modern = !cfg.Classic; n.modern {
		n.drawn = n.fingerprint()
	}
	return n, nil
}

// modern returns cfg with what the modern form sets where weights are drawn.
func (cfg Config) modern() Config {
	if cfg.Activation == Identity && cfg.Selection != SelectAbsTopK {
		cfg.Activation = ReLU
	}
	if cfg.Outputs == cfg.Inputs && cfg.OutputActivation == Identity {
		cfg.PreBias, cfg.Mirrored = true, cfg.Mirrored || !cfg.Tied
	}
	return cfg
}

// active returns the encoder's k.
func (cfg Config) active() int {
	if cfg.K == -1 {
		return 0
	}
	return cfg.K
}

// checkActive returns an error where K was left out.
func (cfg Config) checkActive() error {
	if cfg.K == 0 && cfg.Selection != SelectThreshold {
		return fault.Errorf(ErrRange, "Config.K is 0, want how many latents are active per sample (-1 for none)")
	}
	return nil
}

// wiring returns what cfg says of that.
func (cfg Config) wiring() Wiring {
	return Wiring{Tied: cfg.Tied, PreBias: cfg.PreBias, Normalization: cfg.Normalization, Scale: cfg.Scale, Undo: !cfg.NoUndo}
}

// nothingGiven returns an error where parameters are there without an Encoder.
func (cfg Config) nothingGiven() error {
	for _, field := range []struct {
		name  string
		given bool
	}{
		{"EncoderBias", cfg.EncoderBias != nil}, {"Decoder", !cfg.Decoder.Empty()}, {"DecoderBias", cfg.DecoderBias != nil},
		{"Thresholds", cfg.Thresholds != nil}, {"GateBias", cfg.GateBias != nil}, {"GateLogGain", cfg.GateLogGain != nil}, {"Skip", !cfg.Skip.Empty()},
	} {
		if field.given {
			return fault.Errorf(ErrShape, "Config.%s is there without an Encoder", field.name)
		}
	}
	return nil
}

// mirror gives the encoder's rows norm 1 and makes the decoder's the same.
func mirror(encoder *SparseLayer, decoder *LinearLayer) {
	from, to := matrix.WideRows(encoder.w), matrix.WideRows(decoder.w)
	for j := range from.Rows {
		engine.Unit(from.Row(j))
		copy(to.Row(j), from.Row(j))
	}
}

// assemble makes a network of the parameters that are given.
func (cfg Config) assemble() (*Network, error) {
	if err := cfg.sizes(); err != nil {
		return nil, err
	}
	if cfg.Mirrored || cfg.Seed != 0 {
		return nil, fault.Errorf(ErrRange, "Config.Mirrored and Seed are for weights that are drawn, and there is an Encoder")
	}
	encoder := &SparseLayer{k: cfg.active(), selection: cfg.Selection}
	if err := encoder.take("encoder", "EncoderBias", cfg.Inputs, cfg.Latents, cfg.Encoder, cfg.EncoderBias, cfg.Activation); err != nil {
		return nil, err
	}
	if err := encoder.selectAs(cfg); err != nil {
		return nil, err
	}
	layers := []Layer{encoder}
	decoder, err := cfg.decoder(encoder)
	if err != nil {
		return nil, err
	}
	if decoder != nil {
		layers = append(layers, decoder)
	}
	n, err := newNetwork(layers)
	if err == nil {
		err = cfg.checkActive()
	}
	if err != nil {
		return nil, err
	}
	n.noDecoder, n.modern = decoder == nil, !cfg.Classic
	switch {
	case decoder != nil:
	case cfg.PreBias:
		n.rows.Shift, err = vector("DecoderBias", cfg.DecoderBias, cfg.Inputs)
	case cfg.DecoderBias != nil:
		err = fault.Errorf(ErrShape, "Config.DecoderBias is there without a decoder or PreBias that would use it")
	}
	if err == nil && !cfg.Skip.Empty() {
		err = n.setSkip(cfg.Skip)
	}
	if err == nil {
		w := cfg.wiring()
		w.Tied = n.tied() // by their memory
		err = n.Wire(w)
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

// sizes sets Inputs and Latents to those of Encoder.
func (cfg *Config) sizes() error {
	e := cfg.Encoder
	if err := checkWeights("Encoder", e, 0, 0); err != nil {
		return err
	}
	if cfg.Inputs != 0 && cfg.Inputs != e.Cols || cfg.Latents != 0 && cfg.Latents != e.Rows {
		return fault.Errorf(ErrShape, "Config has %d inputs and %d latents, Encoder is %d x %d", cfg.Inputs, cfg.Latents, e.Rows, e.Cols)
	}
	outputs := cfg.Decoder.Cols
	if cfg.Tied || cfg.Decoder.Empty() {
		outputs = e.Cols
	}
	if cfg.Outputs != 0 && cfg.Outputs != outputs {
		return fault.Errorf(ErrShape, "Config has %d outputs, its decoder gives %d", cfg.Outputs, outputs)
	}
	cfg.Inputs, cfg.Latents = e.Cols, e.Rows
	return nil
}

// selectAs gives the encoder what cfg selects by.
func (l *SparseLayer) selectAs(cfg Config) (err error) {
	if cfg.Thresholds != nil {
		if err := checkVector("Thresholds", cfg.Thresholds, l.out); err != nil {
			return err
		}
		l.thresholds = cfg.Thresholds
	}
	if cfg.GateBias != nil || cfg.GateLogGain != nil {
		if cfg.Thresholds != nil || cfg.Activation != ReLU {
			return fault.Errorf(ErrRange, "Config.GateBias goes with the activation %v and without Thresholds", ReLU)
		}
		if err := fault.First(checkVector("GateBias", cfg.GateBias, l.out), checkVector("GateLogGain", cfg.GateLogGain, l.out)); err != nil {
			return err
		}
		l.thresholds = negated(cfg.GateBias)
		if l.gate, err = newGate(cfg.GateLogGain); err != nil {
			return err
		}
	}
	return l.checkSelection()
}

// decoder returns the decoder that belongs to the encoder, nil where cfg has none.
func (cfg Config) decoder(encoder *SparseLayer) (*LinearLayer, error) {
	same := matrix.SameWeights(cfg.Decoder, cfg.Encoder)
	weights := cfg.Decoder
	switch {
	case cfg.Tied && !cfg.Decoder.Empty() && !same:
		return nil, fault.Errorf(ErrShape, "Config.Decoder is there, and is not Encoder, although Tied is set")
	case cfg.Tied:
		weights = cfg.Encoder
	case cfg.Decoder.Empty() && cfg.OutputActivation != Identity:
		return nil, fault.Errorf(ErrShape, "Config.OutputActivation is there without a decoder")
	case cfg.Decoder.Empty():
		return nil, nil
	}
	if err := checkWeights("Decoder", weights, encoder.out, 0); err != nil {
		return nil, err
	}
	d := new(LinearLayer)
	if err := d.take("decoder", "DecoderBias", encoder.out, weights.Cols, weights, cfg.DecoderBias, cfg.OutputActivation); err != nil {
		return nil, err
	}
	if cfg.Tied || same && weights.Cols == encoder.in {
		d.share(&encoder.affine)
	}
	return d, nil
}

// take gives the layer its parameters. The weights have been checked.
func (a *affine) take(name, what string, in, out int, weights Weights, biases []float64, act Activation) error {
	b, err := vector(what, biases, out)
	if err != nil {
		return err
	}
	a.hold(name, in, out, act, weights, b)
	return nil
}

// setSkip gives the network a skip connection.
func (n *Network) setSkip(w Weights) error {
	if n.layers[len(n.layers)-1].sparse() != nil {
		return fault.Errorf(ErrShape, "Config.Skip is there without a decoder")
	}
	if err := checkWeights("Skip", w, n.Out(), n.In()); err != nil {
		return err
	}
	n.skip = w
	return nil
}

// Config takes the network apart: New of the result makes a network that computes the
// same. Nothing is copied but the gate's numbers. The slices are the network's own
// memory, which belongs to it: read them, or change copies.
//
// Errors wrap ErrShape where the network is not one sparse layer, followed by at most
// one linear layer.
func (n *Network) Config() (Config, error) {
	if err := n.made(); err != nil {
		return Config{}, err
	}
	encoder := n.layers[0].sparse()
	if encoder == nil || len(n.layers) > 2 || len(n.layers) == 2 && n.layers[1].sparse() != nil {
		return Config{}, fault.Errorf(ErrShape, "the network is not one sparse layer, followed by one linear layer or none")
	}
	w := n.Wiring()
	cfg := Config{
		Inputs: n.In(), Outputs: n.Out(), Latents: encoder.out, K: encoder.k, Activation: encoder.activation, Selection: encoder.selection,
		PreBias: w.PreBias, Tied: w.Tied, Normalization: w.Normalization, Scale: w.Scale, NoUndo: !w.Undo && w.Normalization != NoNormalization,
		Classic: !n.modern, Encoder: encoder.w, EncoderBias: encoder.b, DecoderBias: n.rows.Shift, Skip: n.skip,
	}
	if cfg.K == 0 && cfg.Selection != SelectThreshold {
		cfg.K = -1
	}
	if encoder.gate != nil {
		cfg.GateBias, cfg.GateLogGain = negated(encoder.thresholds), slices.Clone(encoder.gate.logGain)
	} else {
		cfg.Thresholds = encoder.thresholds
	}
	if len(n.layers) == 2 {
		decoder := n.layers[1].parameters()
		cfg.Decoder, cfg.DecoderBias, cfg.OutputActivation = decoder.w, decoder.b, decoder.activation
	} else {
		cfg.Outputs = 0
	}
	return cfg, nil
}
