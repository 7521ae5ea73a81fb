package pretrained

import (
	"fmt"
	"strings"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/fault"
)

// Model is a model that was opened: the network, and what was found about it.
//
// The weights that the file has in float32, float16 or bfloat16 are kept in
// float32, while all arithmetic is that of float64 on the same values. Such a
// network can Encode, Decode, Predict and Freeze; to train it further, Widen it
// first. For another k than the file's, see SparseLayer.SetK.
type Model struct {
	*ksparse.Network
	Info Info

	opened selecting // what the file's K is of
}

// selecting is how the last sparse layer of a network selects.
type selecting struct {
	by         ksparse.Selection
	thresholds []float64
}

// selectingOf returns how n selects.
func selectingOf(n *ksparse.Network) (s selecting) {
	for _, l := range n.Layers() {
		if l, ok := l.(*ksparse.SparseLayer); ok {
			s = selecting{l.Selection(), l.Thresholds()}
		}
	}
	return s
}

// newModel returns the model of a network that was opened.
func newModel(n *ksparse.Network, info Info) *Model {
	return &Model{Network: n, Info: info, opened: selectingOf(n)}
}

// Open opens the sparse autoencoder at path: a file of weights, the folder that
// holds it with its configuration, a folder with that folder in it, or a
// repository or snapshot in the Hugging Face cache. The format is told by the
// contents, not by names. See the package documentation for the formats. Of our own it opens
// what SaveAs writes, the network files of SaveFile and the checkpoints of a training.
//
// Errors wrap ErrUnknown, for what is not, or not fully, understood; ErrSeveral,
// for a folder of several models; ksparse.ErrUnset where the file leaves something
// open that Options must say; ksparse.ErrNotFinite for weights that are NaN or
// infinite; ksparse.ErrRange for options out of range; or are those of the file
// system.
func Open(path string, o Options) (*Model, error) {
	m, err := openModel(path, o)
	if err != nil {
		return nil, fmt.Errorf("pretrained: %w", withoutPrefix(err))
	}
	return m, nil
}

// openModel is Open without the prefix of its errors. Each of them names the file or the
// folder that it is about: where path is a folder, that lies somewhere below.
func openModel(path string, o Options) (*Model, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	found, err := findWeights(path, o.Hookpoint)
	if err != nil {
		return nil, err
	}
	switch found.kind {
	case inNetwork:
		return openNetwork(found.path, NetworkFile, ksparse.LoadFile, o)
	case inCheckpoint:
		return openNetwork(found.path, Checkpoint, ksparse.LoadCheckpoint, o)
	}
	r := &reader{faults: new(faults), options: o}
	if r.file, err = openTensorFile(found.path, found.kind, r.faults); err != nil {
		return nil, containerError(found.path, err)
	}
	defer r.file.close() // read only
	read, err := r.recognise()
	if err != nil {
		return nil, err
	}
	f := read(r)
	r.file.finish()
	r.finishFields()
	if r.err != nil {
		return nil, r.err
	}
	n, err := ksparse.New(f.net)
	if err != nil {
		if err := r.file.notFinite(); err != nil {
			return nil, err
		}
		return nil, unknown("%s: %s", r.file.name, strings.ReplaceAll(fault.Text(err), "Config.", "the model's "))
	}
	if r.format == Native {
		r.settle(n)
		if f.net, err = n.Config(); err != nil || r.err != nil {
			return nil, fault.First(r.err, err)
		}
	}
	return newModel(n, r.info(f)), nil
}
