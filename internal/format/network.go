package format

import (
	"hash/crc32"

	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sniff"
)

// Network is what a network file holds. Names stand for activations, selections and
// normalizations; "" is the default selection and the default normalization.
type Network struct {
	Layers        []Layer
	PreBias       bool    // the last layer's biases, or Shift, are subtracted from the input
	Normalization string  // of the input
	Scale         float64 // a number of the normalization
	Undo          bool    // the outputs are scaled back
	NoDecoder     bool    // the only layer is an encoder
	Modern        bool    // training chooses what it is not told

	Shift []float64      // the pre-bias of a network without a decoder; nil for none
	Skip  matrix.Weights // the skip connection, Out x In; empty for none
}

// Layer is a layer of a Network.
type Layer struct {
	Sparse     bool // else it is linear
	Name       string
	In, Out    int
	K          int // of a sparse layer
	Activation string
	Selection  string // of a sparse layer
	Tied       bool   // a linear layer has the weights of the layer before it
	Parameters
}

// Parameters are the numbers of a layer.
type Parameters struct {
	Weights    matrix.Weights // Out x In of a sparse layer, In x Out of a linear one; not read or written of a tied one
	Biases     []float64
	Thresholds []float64 // of a sparse layer; nil for none
	LogGain    []float64 // the logarithms of the gains of a sparse layer's gate; nil for none
}

// shape returns the size of the layer's weights.
func (l *Layer) shape() (rows, cols int) {
	if l.Sparse {
		return l.Out, l.In
	}
	return l.In, l.Out
}

// Names are the names that a reader knows. Of selections and normalizations the first
// is the default, which is not written.
type Names struct {
	Activations, Selections, Normalizations []string
}

const (
	networkMagic   = sniff.NetworkMagic
	networkVersion = 2

	// Any header within the first two limits is within the third: JSON writes a
	// byte of a name as six at most.
	maxLayers = 1 << 10
	maxName   = 1 << 10
	maxHeader = 8 << 20

	// chunk is how many bytes are converted at a time: few enough to stay in a
	// core's cache between conversion and checksum, enough that system calls cost
	// nothing.
	chunk = 256 << 10

	kindSparse = "sparse"
	kindLinear = "linear"

	dtypeWide   = "float64"
	dtypeNarrow = "float32"

	gateActivation = "relu" // the only one of a layer with a gate
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// float is the type of a parameter.
type float interface{ float32 | float64 }

// sizeOf returns the number of bytes of a T.
func sizeOf[T float]() int {
	var zero T
	if _, narrow := any(zero).(float32); narrow {
		return 4
	}
	return 8
}
