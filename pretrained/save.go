package pretrained

import (
	"cmp"
	"fmt"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// Save writes the network in a format that another library reads:
//
//   - SAELens (6): the folder path with cfg.json and sae_weights.safetensors. ReLU is
//     standard, SelectTopK topk, SelectThreshold jumprelu, and SelectBatchTopK too, as
//     SAELens itself exports it; gated; and the three transcoders.
//   - Sparsify: the folder path with cfg.json and sae.safetensors. SelectTopK and
//     SelectGroupMax, with skip connection, without decoder, transcoders.
//   - SentenceTransformers: the folder path, a module of a model there, with
//     config.json and model.safetensors. SelectTopK with tied weights and pre-bias.
//   - Native: the file path, safetensors with metadata of our own. Everything that
//     a ksparse.Config can hold, bit for bit.
//
// The decoder's activation is Identity in all of them.
//
// A folder must not exist yet, or be empty; a file is replaced. The folder in which
// path lies must exist. A symbolic link is followed. What is written appears at once
// and whole: it is written under a temporary name beside its place, synced and
// renamed. Weights in float32 are written as they are. The statements of a network
// that only further training would use are not kept by the formats of others: the k
// of SelectBatchTopK, and that weights are tied.
//
// Errors wrap ErrLossy, where the format cannot express the network or its numbers;
// ksparse.ErrShape, where the network is not one sparse layer and a linear one with
// the activation Identity;
// ksparse.ErrUnset, where a threshold or scale is not known; ksparse.ErrNotFinite;
// fs.ErrExist; or are those of the file system.
func Save(path string, f Format, n *ksparse.Network, o SaveOptions) error {
	return saveError(path, f, save(path, f, n, Info{}, o))
}

// saveError says what went wrong with which file, nil for nothing.
func saveError(path string, f Format, err error) error {
	if err == nil {
		return nil
	}
	if fault.FromOS(err) {
		return fmt.Errorf("pretrained: saving as %s: %w", f, withoutPrefix(err))
	}
	return fmt.Errorf("pretrained: saving as %s: %s: %w", f, path, withoutPrefix(err))
}

// SaveAs is Save of the model, with what its own file said it was trained on.
func (m *Model) SaveAs(path string, f Format, o SaveOptions) error {
	if m == nil {
		return saveError(path, f, errorf(ksparse.ErrEmpty, "there is no model to save"))
	}
	o.ModelName, o.HookName = cmp.Or(o.ModelName, m.Info.ModelName), cmp.Or(o.HookName, m.Info.HookName)
	return saveError(path, f, save(path, f, m.Network, m.Info, o))
}

// save is Save of a network, about which info is known, without the path in its errors.
func save(path string, f Format, n *ksparse.Network, info Info, o SaveOptions) error {
	if n == nil {
		return errorf(ksparse.ErrEmpty, "the network to save is nil")
	}
	cfg, err := n.Config()
	if err != nil {
		return err
	}
	if cfg.OutputActivation != ksparse.Identity {
		return errorf(ksparse.ErrShape, "layer %q has the activation %v, and no format holds another than %v there", n.Layers()[1].Name(), cfg.OutputActivation, ksparse.Identity)
	}
	if err := checkFinite(cfg); err != nil {
		return err
	}
	cfg.K = max(cfg.K, 0) // files have 0 for none
	s := &saving{Config: cfg, info: info, options: o}
	switch f {
	case SAELens:
		return s.saeLens(path)
	case Sparsify:
		return s.sparsify(path)
	case SentenceTransformers:
		return s.sentenceTransformers(path)
	case Native:
		return s.native(path)
	}
	return lossy("no file can be written in this format, only in %s, %s, %s and %s", SAELens, Sparsify, SentenceTransformers, Native)
}

// checkFinite finds weights that training, or a caller, has spoilt.
func checkFinite(cfg ksparse.Config) error {
	for _, m := range []struct {
		name string
		ksparse.Weights
	}{{"encoder", cfg.Encoder}, {"decoder", cfg.Decoder}, {"skip", cfg.Skip}} {
		if at := firstNotFinite(m.Weights); at >= 0 {
			return errorf(ksparse.ErrNotFinite, "the weights of the %s hold NaN or an infinity at row %d, column %d", m.name, at/m.Cols, at%m.Cols)
		}
	}
	for _, v := range []struct {
		name    string
		numbers []float64
	}{{"the encoder's biases", cfg.EncoderBias}, {"the decoder's biases", cfg.DecoderBias}, {"the thresholds", cfg.Thresholds}} {
		if at := matrix.FirstNotFinite(v.numbers); at >= 0 {
			return errorf(ksparse.ErrNotFinite, "%s hold %v at %d", v.name, v.numbers[at], at)
		}
	}
	return nil
}
