package ksparse

import "github.com/ksparse/ksparse/internal/fault"

// The errors that this package makes wrap one of these, so that errors.Is can
// tell the causes apart; errors of a context, a callback, a reader, a writer or
// the file system are passed on, wrapped. The text says what was wanted and what
// came. Where it ends in which function of this library opens the file, the error has a
// method Reason() string with the text before that, for programs whose users do not write
// Go: errors.As finds it by an interface.
var (
	// ErrShape: a matrix, layer or mask has the wrong size for its place, or cannot be
	// there at all: a layer of two networks, a Pass of another network, an output in the
	// network's own weights. Compare its Dims with the layer's In and Out that the text
	// names.
	ErrShape = fault.ErrShape

	// ErrEmpty: a matrix is nil or has no rows.
	ErrEmpty = fault.ErrEmpty

	// ErrNotFinite: data, a parameter or a result holds NaN or an infinity. Clean the
	// data; for a result, the weights or the data are too large for float64.
	ErrNotFinite = fault.ErrNotFinite

	// ErrRange: a number lies outside the range in which it makes sense: a
	// negative k, a probability of 1.7, a negative learning rate.
	ErrRange = fault.ErrRange

	// ErrNoSparseLayer: Encode or Decode was asked of a network that has no
	// sparse layer. Use Predict.
	ErrNoSparseLayer = fault.ErrNoSparseLayer

	// ErrNoDecoder: Decode or Predict was asked of a network without a decoder. It
	// can only encode.
	ErrNoDecoder = fault.ErrNoDecoder

	// ErrFrozen: training, or gradients, were asked of a network that can only be
	// used: its weights are held in float32 (Widen makes them float64), or it has a
	// gate, a skip connection or no decoder, for which there are no gradients here. The
	// text says which.
	ErrFrozen = fault.ErrFrozen

	// ErrUnset: the network needs a number that was never learned or set, such as
	// the threshold of SelectBatchTopK. The text says how to get it.
	ErrUnset = fault.ErrUnset

	// ErrDiverged: the loss, or a parameter, was about to become NaN or infinite
	// in training. The network keeps its last finite parameters. A smaller
	// learning rate, clipping or scaled data helps.
	ErrDiverged = fault.ErrDiverged

	// ErrFormat: a saved network, or checkpoint of a training, is damaged, cut short or
	// not of this format.
	ErrFormat = fault.ErrFormat

	// ErrCheckpoint: the checkpoint to resume from was made by a training of another
	// network, other data or another configuration, or has more steps or epochs than are
	// asked for. The text names what differs.
	ErrCheckpoint = fault.ErrCheckpoint

	// ErrStop is for a training callback to return: the training ends after this
	// step, without an error.
	ErrStop = fault.ErrStop
)
