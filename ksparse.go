// Package ksparse provides k-sparse (TopK) autoencoders: networks with layers
// that keep only the k largest activations of each sample, trained by exact
// back-propagation through that selection.
//
// A network is a stack of layers. New makes the standard one, an encoder that
// selects and a decoder:
//
//	net, err := ksparse.New(ksparse.Config{Inputs: 784, Latents: 1000, K: 25})
//	history, err := net.Train(ctx, x, x, ksparse.TrainConfig{})
//	codes, err := net.Encode(x)     // which latents, with which values
//	images, err := net.Decode(codes)
//	err = net.SaveFile("digits.ksp") // LoadFile reads it back, every bit
//
// # Shapes
//
// Data are gonum matrices, one sample per row. Weights are stored so that a
// latent is one contiguous row on both sides: a SparseLayer's are Out x In (row
// j is the direction that latent j detects), a LinearLayer's In x Out (row j is
// the dictionary atom of latent j).
//
// # The selection and its gradient
//
// A sparse layer computes z = f(xW + b), marks the k largest of each row in a
// Mask M, ties to the lowest index, and gives z ⊙ M. On the way back M is a
// constant: the delta that arrives is multiplied by M, so an unselected unit
// gets exactly zero. That is the exact gradient wherever the selection does not
// change, which is everywhere but on ties, a set of measure zero.
//
// # The training recipe
//
// A k-sparse layer alone leaves most latents of a wide dictionary dead. Config and
// TrainConfig have what the field has learnt about that, each part off in the zero
// value: pre-bias, tied or mirrored weights, normalised rows and the selection in
// Config; unit-norm atoms, the auxiliary loss, nested reconstructions, annealing of
// k, averaged weights, checkpoints and training from a Source in TrainConfig.
// Evaluate measures the result. Package pretrained opens and writes the files of
// other libraries.
//
// # Memory and goroutines
//
// Layers hold parameters only; what a pass computes is in the Pass. So Forward,
// Predict, Encode and Decode may run from any number of goroutines as long as
// none trains. Inputs are never modified, results never share memory with them
// (a Pass refers to its input until Backprop is done). Matrices that Weights and
// Biases return are live.
//
// Freeze gives a Frozen for serving: a network with weights of its own, which no
// later training or writing to Weights can reach.
//
// # Errors
//
// Whatever data can cause is an error, not a panic: wrong shapes, no rows, NaN or
// infinities, a loss that diverges. Each error wraps one of the Err variables.
// An index outside a slice of layers or rows panics, as Go's own do.
//
// # Reproducibility
//
// The same seed, data and configuration give the same bits on every run, for every
// GOMAXPROCS and on every processor: work is split by results, never inside a
// sum; every sum has one order, which assembly and plain Go share; and exp, tanh
// and log are the library's own. A row's code does not depend on the batch that
// it came in. So codes can be stored, compared and indexed for good.
package ksparse

// Config describes the standard autoencoder for New.
type Config struct {
	// Inputs is the number of values per sample, at least 1.
	Inputs int
	// Latents is the size of the dictionary, at least 1.
	Latents int
	// K is how many latents are active per sample: 0 for none, Latents or more
	// for all (which makes a dense autoencoder).
	K int
	// Activation is the encoder's; the zero value is Identity, as in the 2013
	// paper. Public sparse autoencoders use ReLU.
	Activation Activation
	// OutputActivation is the decoder's; the zero value is Identity. With
	// BinaryCrossEntropy it must be Sigmoid.
	OutputActivation Activation
	// Seed draws the weights; 0 stands for 1, as in NewNetwork.
	Seed uint64

	// Selection says which latents are active; the zero value is SelectTopK, the K
	// largest of each row.
	Selection Selection
	// PreBias subtracts the decoder's biases b from the input as well: codes are
	// those of x-b, and b is added again on the way out (Gao et al. 2024,
	// arXiv:2406.04093, eq. 2). It is one parameter. See Network.SetPreBias, and
	// StartFrom for its start values.
	PreBias bool
	// Tied makes the decoder's weights the encoder's: one matrix, whose row j is
	// both what latent j detects and what it draws, as in the 2013 paper.
	Tied bool
	// Mirrored starts the decoder as the encoder's transpose, both with rows of
	// unit norm, which leaves fewer latents dead (Gao et al. 2024, section 2.4).
	Mirrored bool
	// Normalization scales rows on the way in, and back on the way out; the zero
	// value is NoNormalization. See Network.SetNormalization.
	Normalization Normalization
}

// New returns the standard autoencoder: a SparseLayer "encoder" from Inputs to
// Latents and a LinearLayer "decoder" back. Errors wrap ErrShape or ErrRange.
func New(cfg Config) (*Network, error) {
	encoder := NewSparseLayer("encoder", cfg.Inputs, cfg.Latents, cfg.K, cfg.Activation)
	encoder.selection = cfg.Selection
	decoder := NewLinearLayer("decoder", cfg.Latents, cfg.Inputs, cfg.OutputActivation)
	n, err := newNetwork([]Layer{encoder, decoder})
	if err == nil {
		err = n.SetNormalization(cfg.Normalization, 0, true)
	}
	if err == nil && cfg.PreBias {
		err = n.SetPreBias(true)
	}
	if err == nil && cfg.Tied {
		err = n.Tie()
	}
	if err != nil {
		return nil, err
	}
	n.Init(max(cfg.Seed, 1))
	if cfg.Mirrored {
		n.mirror()
	}
	return n, nil
}
