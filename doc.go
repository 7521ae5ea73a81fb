// Package ksparse provides k-sparse (TopK) autoencoders: networks with layers
// that keep only the k largest activations of each sample, trained by exact
// back-propagation through that selection.
//
// A network is a stack of layers. New makes the standard one, an encoder that
// selects and a decoder. Given sizes alone it is of the modern form, whose training begins
// from the samples and chooses what TrainConfig leaves open:
//
//	net, err := ksparse.New(ksparse.Config{Inputs: 784, Latents: 1000, K: 25})
//	history, err := net.Train(ctx, x, x, ksparse.TrainConfig{})
//	fmt.Println(history.Advice)     // what could be better, and what to change
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
// A sparse layer computes z = f(xWᵀ + b), marks the k largest of each row in a
// Mask M, ties to the lowest index, and gives z ⊙ M. On the way back M is a
// constant: the delta that arrives is multiplied by M, so an unselected unit
// gets exactly zero. That is the exact gradient wherever the selection does not
// change, which is everywhere but on ties, a set of measure zero.
//
// # The training recipe
//
// A k-sparse layer alone leaves most latents of a wide dictionary dead. Config and
// TrainConfig have what the field has learnt about that. The modern form chooses much of it,
// see Config.Classic and TrainConfig; with Classic each part is off in the zero value: pre-bias, tied or mirrored weights, normalised rows and the selection in
// Config; unit-norm atoms, the auxiliary loss, nested reconstructions and annealing of
// k in TrainConfig.Recipe; averaged weights, checkpoints (LoadCheckpoint opens them) and
// training from a data.Source in TrainConfig.
//
// # Packages
//
// Package train has optimizers, schedules, and what a training tells: Progress and
// History. Package data has sources of rows that need not fit in memory. Package
// measure has figures of merit over a source. Package pretrained opens and writes the
// files of other libraries.
//
// # Memory and goroutines
//
// Layers hold parameters only; what a pass computes is in the Pass. So Forward,
// Predict, Encode and Decode may run from any number of goroutines as long as
// none changes the network: see Network. Inputs are never modified and results never
// share memory with them, unless the caller gives that memory for a result. (A Pass
// refers to its input until Backprop is done.) Matrices that Weights and Biases return
// are live.
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
