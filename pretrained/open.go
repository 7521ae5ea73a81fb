package pretrained

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ksparse/ksparse"
)

// Options are what a caller may have to say to open a model. The zero value is for
// a model that needs nothing said.
type Options struct {
	// Hookpoint names one of the models of a folder that holds several, by its path
	// below the folder, as the error that lists them gives it: "layers.10",
	// "layers.3.mlp/seed1", "checkpoints/ae_1000.pt".
	Hookpoint string

	// Threshold is that of a model which should select by one threshold and whose
	// file has none that was learned (0: not said). Training sees such a model keep k
	// latents per row on average; Network.Calibrate finds the threshold that does, see
	// Unset.
	Threshold float64

	// Scale is what rows are multiplied by before the model sees them, where the file
	// says that there is a scale and not which (SAELens: expected_average_only_in).
	// Outputs are divided by it. 1 leaves rows as they are, which is what SAELens does
	// with such a file: right where the scale was folded into the weights. 0: not said.
	Scale float64

	// Unset opens a model although something of the above is not known. Encode, Decode
	// and Predict return an error that wraps ksparse.ErrUnset until it is:
	// SetThreshold of the sparse layer or Calibrate give the network its threshold,
	// StartFrom or SetNormalization its scale.
	Unset bool

	// Embedding says that a Gemma Scope file belongs to the token embeddings, whose
	// weights are for rows multiplied by sqrt(d). Nothing in the file says so; files
	// that still lie in .../embedding/width_*/average_l0_*/ are recognised by that.
	Embedding bool
}

// Model is a model that was opened: the network, and what was found about it.
//
// The weights that the file has in float32, float16 or bfloat16 are kept in
// float32, while all arithmetic is that of float64 on the same values. Such a
// network can Encode, Decode, Predict and Freeze; to train it further, Widen it
// first. For another k than the file's, see SparseLayer.SetK.
type Model struct {
	*ksparse.Network
	Info Info
}

// Open opens the sparse autoencoder at path: a file of weights, the folder that
// holds it with its configuration, a folder with that folder in it, or a
// repository or snapshot in the Hugging Face cache. The format is told by the
// contents, not by names. See the package documentation for the formats.
//
// Errors wrap ErrUnknown, for what is not, or not fully, understood; ErrSeveral,
// for a folder of several models; ksparse.ErrUnset where the file leaves something
// open that Options must say; ksparse.ErrNotFinite for weights that are NaN or
// infinite; ksparse.ErrRange for options out of range; or are those of the file
// system.
func Open(path string, o Options) (*Model, error) {
	m, err := open(path, o)
	if err != nil {
		return nil, fmt.Errorf("pretrained: %s: %w", path, err)
	}
	return m, nil
}

func open(path string, o Options) (*Model, error) {
	if !(o.Threshold >= 0) || o.Threshold-o.Threshold != 0 {
		return nil, errorf(ksparse.ErrRange, "Options.Threshold is %v, want 0 or more", o.Threshold)
	}
	if !(o.Scale >= 0) || o.Scale-o.Scale != 0 {
		return nil, errorf(ksparse.ErrRange, "Options.Scale is %v, want 0 or more", o.Scale)
	}
	file, kind, err := find(path, o.Hookpoint)
	if err != nil {
		return nil, err
	}
	r := &reader{faults: new(faults), options: o}
	if r.weights, err = openWeights(file, kind, r.faults); err != nil {
		return nil, containerError(file, err)
	}
	defer r.weights.close() // read only
	read, err := r.recognise()
	if err != nil {
		return nil, err
	}
	read(r)
	r.weights.finish()
	if r.err != nil {
		return nil, r.err
	}
	return r.assemble()
}

// A reader is a model on its way from its file. A format's function fills in parts
// and info.
type reader struct {
	*faults
	weights *weights
	config  *config // nil where there is none
	options Options

	parts  ksparse.Parts
	info   Info
	chosen bool // the thresholds are the caller's
	scaled bool // the model has a scale that the caller must say
}

// assemble makes the network, when everything has been read.
func (r *reader) assemble() (*Model, error) {
	n, err := ksparse.Assemble(r.parts)
	if err != nil {
		if err := r.weights.notFinite(); err != nil {
			return nil, err
		}
		return nil, unknown("%s: %v", r.weights.name, err)
	}
	r.info.complete(r)
	return &Model{Network: n, Info: r.info}, nil
}

// unset reports something that the file leaves open, unless the caller will see to
// it.
func (r *reader) unset(format string, args ...any) {
	if r.options.Unset {
		r.note(format, args...)
		return
	}
	r.fail(errorf(ksparse.ErrUnset, format, args...))
}

// note adds a remark for the user.
func (r *reader) note(format string, args ...any) {
	r.info.Notes = append(r.info.Notes, fmt.Sprintf(format, args...))
}

// containerError is an error of opening a file of weights.
func containerError(path string, err error) error {
	if isFileSystem(err) {
		return err
	}
	return unknown("%s: %s", filepath.Base(path), strings.TrimPrefix(err.Error(), path+": "))
}
