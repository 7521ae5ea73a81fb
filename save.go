package ksparse

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/ksparse/ksparse/internal/atomicfile"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/format"
	"github.com/ksparse/ksparse/internal/sniff"
)

// Save writes the network to w; Load reads it back with every bit as it was. Any
// number of goroutines may save one network at once, as long as nobody trains it.
// doc/file-format.md describes the format, byte by byte.
//
// Nothing is written of a network that Load would refuse: one with NaN or an
// infinity among its parameters (ErrNotFinite), or with more than 1024 layers or
// a name that is longer than 1024 bytes or not UTF-8 (ErrFormat). An error of w
// is wrapped; part of the network may have been written then, see SaveFile.
func (n *Network) Save(w io.Writer) error {
	if len(n.layers) == 0 {
		return fault.Errorf(ErrEmpty, "the network to save has no layers")
	}
	return format.Write(w, n.toSave(nil))
}

// toSave returns what a file holds of the network, without the thresholds of some layers.
func (n *Network) toSave(unknown unlearned) *format.Network {
	f := &format.Network{Modern: n.modern, PreBias: n.rows.Shift != nil, NoDecoder: n.noDecoder, Skip: n.skip}
	if kind := Normalization(n.rows.Kind); kind != NoNormalization {
		f.Normalization, f.Scale, f.Undo = kind.String(), n.rows.Scale, n.rows.Undo
	}
	if n.noDecoder {
		f.Shift = n.rows.Shift
	}
	for i, l := range n.layers {
		f.Layers = append(f.Layers, layerToSave(l, n.sharesWeights(i), slices.Contains(unknown, l.sparse())))
	}
	return f
}

// layerToSave returns what a file holds of a layer.
func layerToSave(l Layer, tied, unknown bool) format.Layer {
	a, s := l.parameters(), l.sparse()
	activation := a.activation.String()
	if s == nil {
		return format.Layer{Name: a.name, In: a.in, Out: a.out, Activation: activation, Tied: tied,
			Parameters: format.Parameters{Weights: a.w, Biases: a.b}}
	}
	var selection string
	if s.selection != SelectTopK { // the default is not written
		selection = s.selection.String()
	}
	parameters := format.Parameters{Weights: a.w, Biases: a.b}
	if !unknown {
		parameters.Thresholds = s.thresholds
	}
	if s.gate != nil {
		parameters.LogGain = s.gate.logGain
	}
	return format.Layer{Sparse: true, Name: a.name, In: a.in, Out: a.out, K: s.k, Activation: activation, Selection: selection, Parameters: parameters}
}

// SaveFile writes the network to a file, which LoadFile reads. The file appears,
// or replaces the one that was there, at once and whole: data go to a temporary
// file in the same folder, which is synced and then renamed. It keeps the permissions of
// a file that it replaces; a symbolic link is followed. Where there is an error the old
// file is as it was and nothing else is left behind; what a killed program leaves behind
// the next SaveFile clears. Errors are those of Save and of package os.
func (n *Network) SaveFile(path string) error {
	if err := atomicfile.Write(path, n.Save); err != nil {
		err = fault.In(path, err)
		return fault.Errorf(err, "%s", fault.Text(err))
	}
	return nil
}

// Load reads a network that Save wrote. It reads exactly what belongs to the
// network and not a byte more, so networks can follow each other in a stream;
// where r is at its end before the first byte, the error wraps io.EOF.
//
// Data that are damaged, cut short or made to do harm give an error that wraps
// ErrFormat (together with the error of r where reading failed). Memory is only
// taken as data arrive, whatever sizes the header names.
func Load(r io.Reader) (*Network, error) {
	f, err := format.Read(r, formatNames)
	if err != nil {
		return nil, err
	}
	return networkOf("the network file", f)
}

// LoadFile reads a file that SaveFile wrote. Errors are those of Load and of
// package os; a file that goes on after the network's end is an ErrFormat. So is a file of
// another kind, or a folder: the text says which kind, and which function opens it.
// pretrained.Open opens network files too.
func LoadFile(path string) (*Network, error) {
	f, err := format.ReadFile(path, formatNames)
	if err != nil {
		return nil, err
	}
	n, err := networkOf("the network file", f)
	if err != nil {
		return nil, fault.In(path, err)
	}
	return n, nil
}

// LoadCheckpoint reads the network from a checkpoint (see TrainConfig.Checkpoint): the
// network that the training would have left had it ended there, with the averages or the
// parameters of the best epoch where it has them, and with the thresholds that belong to
// them. Train and TrainSource with Checkpoint.Resume go on with the training itself.
//
// Data that are damaged or no checkpoint give an error that wraps ErrFormat; of a file of
// another kind, or a folder, the text says which, and which function opens it. Other errors
// are those of package os.
func LoadCheckpoint(path string) (*Network, error) {
	f, err := sniff.Open(path, sniff.Checkpoint)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	n, err := networkIn(f)
	if err != nil {
		return nil, fault.In(path, err)
	}
	return n, nil
}

// networkIn returns the network of the checkpoint f.
func networkIn(f *os.File) (*Network, error) {
	c, err := format.OpenCheckpoint(f)
	if err != nil {
		return nil, err
	}
	held, err := c.Network(formatNames)
	if err != nil {
		return nil, err
	}
	return networkOf("the checkpoint", held)
}

// formatNames are the names that files may have.
var formatNames = format.Names{
	Activations: activationNames[:], Selections: selectionNames[:], Normalizations: normalizationNames[:],
}

// networkOf makes the network that a file, which an error calls what, holds.
func networkOf(what string, f *format.Network) (*Network, error) {
	n, err := build(f)
	if err != nil {
		return nil, fault.Errorf(errors.Join(ErrFormat, err), "%s does not hold a network: %s", what, fault.Text(err))
	}
	return n, nil
}

// build is networkOf with plain errors.
func build(f *format.Network) (*Network, error) {
	layers := make([]Layer, len(f.Layers))
	tied := false
	for i := range f.Layers {
		l, err := layerOf(&f.Layers[i])
		if err != nil {
			return nil, err
		}
		layers[i] = l
		if !f.Layers[i].Tied {
			continue
		}
		if !mayTie(f, i) {
			return nil, fmt.Errorf("layer %d cannot be tied to the one before it", i)
		}
		l.parameters().share(layers[i-1].parameters())
		tied = true
	}
	n, err := newNetwork(layers)
	if err != nil {
		return nil, err
	}
	n.noDecoder, n.modern = f.NoDecoder, f.Modern
	if f.NoDecoder {
		n.rows.Shift = f.Shift
	}
	if !f.Skip.Empty() {
		if err := n.setSkip(f.Skip); err != nil {
			return nil, err
		}
	}
	kind := Normalization(max(0, slices.Index(normalizationNames[:], f.Normalization)))
	return n, n.Wire(Wiring{Tied: tied, PreBias: f.PreBias, Normalization: kind, Scale: f.Scale, Undo: f.Undo})
}

// mayTie reports whether layer i, a linear one, can have the weights of the layer before
// it, which then is the last sparse one.
func mayTie(f *format.Network, i int) bool {
	if i == 0 || !f.Layers[i-1].Sparse || f.Layers[i-1].In != f.Layers[i].Out {
		return false
	}
	return !slices.ContainsFunc(f.Layers[i:], func(l format.Layer) bool { return l.Sparse })
}

// layerOf makes a layer of what a file holds. One that is tied has no weights yet.
func layerOf(l *format.Layer) (Layer, error) {
	act := Activation(slices.Index(activationNames[:], l.Activation))
	if !l.Sparse {
		linear := new(LinearLayer)
		linear.hold(l.Name, l.In, l.Out, act, l.Weights, l.Biases)
		return linear, nil
	}
	s := &SparseLayer{k: l.K, selection: Selection(max(0, slices.Index(selectionNames[:], l.Selection))), thresholds: l.Thresholds}
	s.hold(l.Name, l.In, l.Out, act, l.Weights, l.Biases)
	if l.LogGain != nil {
		var err error
		if s.gate, err = newGate(l.LogGain); err != nil {
			return nil, fault.Errorf(err, "layer %q has a gate that is none: %s", l.Name, fault.Text(err))
		}
	}
	return s, nil
}
