package pretrained

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/npy"
	"github.com/ksparse/ksparse/internal/safetensors"
	"github.com/ksparse/ksparse/internal/sniff"
	"github.com/ksparse/ksparse/internal/tensor"
	"github.com/ksparse/ksparse/internal/torchfile"
)

// A container is a kind of file that holds named tensors.
type container uint8

const (
	noContainer container = iota
	inSafetensors
	inTorch
	inNpz
	inNetwork    // of Network.SaveFile, which holds a network and no named tensors
	inCheckpoint // of a training, likewise
)

func (c container) String() string {
	return [...]string{"unknown", "safetensors", "torch.save", ".npz", "network file", "checkpoint"}[c]
}

// containerOf tells the container of the file at path by its first bytes, and what the
// file is.
func containerOf(path string) (container, sniff.Kind, error) {
	kind, err := sniff.File(path)
	switch kind {
	case sniff.Safetensors:
		return inSafetensors, kind, err
	case sniff.Torch:
		return inTorch, kind, err
	case sniff.Npz:
		return inNpz, kind, err
	case sniff.Network:
		return inNetwork, kind, err
	case sniff.Checkpoint:
		return inCheckpoint, kind, err
	}
	return noContainer, kind, err
}

// isNamedAsWeights reports whether a file has the extension of a container, so that
// an error should mention it if it is none.
func isNamedAsWeights(path string) bool {
	switch filepath.Ext(path) {
	case ".safetensors", ".pt", ".pth", ".bin", ".npz", ".npy", ".ksp", ".zip", ".gz", ".h5", ".hdf5":
		return true
	}
	return false
}

// A tensorFile is a file of named tensors, whatever its container.
type tensorFile struct {
	*faults
	name      string // for errors: its path
	path      string
	container container
	contents
	used
}

// contents are what a container gives.
type contents struct {
	all      map[string]bool   // the names
	metadata map[string]string // of safetensors
	values   map[string]any    // of torch.save: by name, tensors and others
	tensor   func(name string) (*tensor.Tensor, error)
	close    func() error
}

// used is what was read of a file so far. What is left at the end was not understood.
type used struct {
	taken    map[string]bool       // the names
	types    map[tensor.DType]bool // of the weights
	matrices []readMatrix
}

// A readMatrix is a matrix that was read, with the name of its tensor.
type readMatrix struct {
	name string
	ksparse.Weights
	transposed bool // in the file
}

// nativeKey is the key of the metadata under which a file of our own has its settings.
const nativeKey = "ksparse"

// openTensorFile opens a file of that container.
func openTensorFile(path string, c container, errs *faults) (*tensorFile, error) {
	in, err := openContainer(path, c)
	if err != nil {
		return nil, err
	}
	return &tensorFile{
		faults: errs, name: path, path: path, container: c, contents: in,
		used: used{taken: make(map[string]bool), types: make(map[tensor.DType]bool)},
	}, nil
}

// openContainer opens a file and finds what it holds.
func openContainer(path string, c container) (contents, error) {
	switch c {
	case inSafetensors:
		file, err := safetensors.Open(path)
		if err != nil {
			return contents{}, err
		}
		return contents{all: setOf(file.Names()), metadata: file.Metadata(), tensor: file.Tensor, close: file.Close}, nil
	case inNpz:
		file, err := npy.OpenArchive(path)
		if err != nil {
			return contents{}, err
		}
		return contents{all: setOf(file.Names()), tensor: file.Tensor, close: file.Close}, nil
	}
	file, err := torchfile.Open(path)
	if err != nil {
		return contents{}, err
	}
	return dictContents(file.Dict(), file.Close), nil
}

// setOf returns the set of the names.
func setOf(names []string) map[string]bool {
	s := make(map[string]bool, len(names))
	for _, name := range names {
		s[name] = true
	}
	return s
}

// dictContents returns the entries of d, a dict in a file of torch.save that closeFile
// closes.
func dictContents(d *torchfile.Dict, closeFile func() error) contents {
	all, values := make(map[string]bool, d.Len()), make(map[string]any, d.Len())
	for key, value := range d.All() {
		name, ok := key.(string)
		if !ok {
			name = fmt.Sprintf("%v (the key is no string)", key)
		}
		all[name], values[name] = true, value
	}
	read := func(name string) (*tensor.Tensor, error) {
		t, ok := values[name].(*tensor.Tensor)
		if !ok {
			return nil, fmt.Errorf("%.100q is %s, not a tensor", name, torchfile.Kind(values[name]))
		}
		return t, nil
	}
	return contents{all: all, values: values, tensor: read, close: closeFile}
}

// has reports whether there is a tensor, or another value, of that name.
func (f *tensorFile) has(name string) bool { return f.all[name] }

// isModel reports whether the tensors may be those of a sparse autoencoder.
func (f *tensorFile) isModel() bool {
	_, interrupted := f.values["ae"].(*torchfile.Dict) // see reader.interruptedRun
	return interrupted || f.isNative() || f.hasSAELensNames() || f.has("encoder.weight") || f.has("decoder.linear.weight")
}

// isNative reports whether the file is one of our own.
func (f *tensorFile) isNative() bool {
	_, ours := f.metadata[nativeKey]
	return ours
}

// hasSAELensNames reports whether the weights have the names of SAELens, which writes
// the encoder [inputs, latents]. Other projects have those names too.
func (f *tensorFile) hasSAELensNames() bool { return f.has("W_enc") || f.has("w_enc") }

// take returns the tensor of that name, nil after an error.
func (f *tensorFile) take(name string) *tensor.Tensor {
	if f.err != nil {
		return nil
	}
	if !f.all[name] {
		f.fail(unknown("%s has no tensor %s; it has %s", f.name, name, f.list()))
		return nil
	}
	f.taken[name] = true
	t, err := f.tensor(name)
	if err != nil {
		f.fail(containerError(f.name, err))
		return nil
	}
	return t
}

// list names the tensors, not all of them where they are many.
func (f *tensorFile) list() string {
	names := slices.Sorted(maps.Keys(f.all))
	if len(names) == 0 {
		return "nothing"
	}
	return some(names)
}

// ignore takes the tensors that are known to play no role in the function, and
// returns the names of those that are there.
func (f *tensorFile) ignore(names ...string) (there []string) {
	for _, n := range names {
		if f.all[n] {
			f.taken[n] = true
			there = append(there, n)
		}
	}
	return there
}

// finish reports tensors that were not taken.
func (f *tensorFile) finish() {
	var left []string
	for _, n := range slices.Sorted(maps.Keys(f.all)) {
		if !f.taken[n] {
			left = append(left, n)
		}
	}
	if len(left) > 0 {
		f.fail(unknown("%s holds what the model that its configuration describes does not have: %s", f.name, some(left)))
	}
}

// typeNames returns the number formats of the weights, as safetensors spell them.
func (f *tensorFile) typeNames() string {
	var names []string
	for d := range f.types {
		names = append(names, d.String())
	}
	slices.Sort(names)
	return strings.Join(names, " and ")
}
