package pretrained

import (
	"fmt"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/tensor"
)

// openNetwork opens a file that holds a network as such, which load loads.
func openNetwork(path string, f Format, load func(path string) (*ksparse.Network, error), o Options) (*Model, error) {
	n, err := load(path)
	if err != nil {
		return nil, err
	}
	file := &tensorFile{name: path, path: path, used: used{types: map[tensor.DType]bool{}}}
	r := &reader{faults: new(faults), options: o, file: file, format: f}
	if r.settle(n); r.err != nil {
		return nil, r.err
	}
	cfg, err := n.Config()
	if err != nil { // any stack of layers
		return newModel(n, r.stack(n)), nil
	}
	file.types[tensor.F32], file.types[tensor.F64] = true, true
	if cfg.Encoder.Float32 == nil && cfg.Decoder.Float32 == nil {
		delete(file.types, tensor.F32)
	}
	if cfg.Encoder.Float64 == nil && cfg.Decoder.Float64 == nil {
		delete(file.types, tensor.F64)
	}
	return newModel(n, r.info(reading{net: cfg, about: about{architecture: cfg.Selection.String()}})), nil
}

// settle gives a network of our own files what it was saved without, from the caller's
// options: the thresholds of its sparse layers, and the number of DatasetScale.
func (r *reader) settle(n *ksparse.Network) {
	for _, l := range n.Layers() {
		s, ok := l.(*ksparse.SparseLayer)
		if !ok || s.Thresholds() != nil || s.Selection() != ksparse.SelectThreshold && s.Selection() != ksparse.SelectBatchTopK {
			continue
		}
		if theta := r.chooseThreshold(fmt.Sprintf("the threshold of layer %q was never learned", s.Name()), s.Out()); theta != nil {
			r.fail(s.SetThresholds(theta...))
		}
	}
	w := n.Wiring()
	if w.Normalization != ksparse.DatasetScale || w.Scale != 0 {
		return
	}
	w.Normalization, w.Scale = r.datasetScale(fmt.Sprintf("%s: rows are multiplied by a number that was never found", r.file.name))
	r.fail(n.Wire(w))
}

// stack says what there is to say of a network that is no autoencoder of one sparse and
// one linear layer. The latents are those of its codes.
func (r *reader) stack(n *ksparse.Network) Info {
	w := n.Wiring()
	r.note("no autoencoder of one sparse and one linear layer: it can be used, but neither checked nor saved in another format")
	r.noteUnused()
	info := Info{
		Weights: r.file.path, Format: r.format, Architecture: fmt.Sprintf("a network of %d layers", len(n.Layers())),
		Inputs: n.In(), Outputs: n.Out(), Selection: "of its layers", Normalization: w.Normalization.String(),
		PreBias: w.PreBias, Tied: w.Tied, Notes: r.notes,
	}
	for _, l := range n.Layers() {
		if s, ok := l.(*ksparse.SparseLayer); ok {
			info.Latents, info.Selection, info.K = s.Out(), s.Selection().String(), 0
			if s.Selection() != ksparse.SelectThreshold {
				info.K = float64(s.K())
			}
		}
	}
	return info
}
