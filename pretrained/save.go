package pretrained

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/safetensors"
)

// SaveOptions are what a caller may have to say to save a model. The zero value is
// fine where the format can express the network and its numbers.
type SaveOptions struct {
	// Round lets float64 numbers that float32 does not hold be rounded to the nearest.
	// Without it SAELens gets a file in float64, and the formats that have none get
	// none: an error that wraps ErrLossy.
	Round bool
	// ModelName and HookName say what the model was trained on, for the formats that
	// keep it.
	ModelName, HookName string
}

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
//     Parts can hold, bit for bit.
//
// A folder must not exist yet, or be empty; a file is replaced. Either appears at
// once and whole: it is written under a temporary name beside it, synced and
// renamed. Weights in float32 are written as they are. The statements of a network
// that only further training would use are not kept by the formats of others: the k
// of SelectBatchTopK, and that weights are tied.
//
// Errors wrap ErrLossy, where the format cannot express the network or its numbers;
// ksparse.ErrShape, where the network is not one sparse layer and a linear one;
// ksparse.ErrUnset, where a threshold or scale is not known; ksparse.ErrNotFinite;
// fs.ErrExist; or are those of the file system.
func Save(path string, f Format, n *ksparse.Network, o SaveOptions) error {
	if err := save(path, f, n, Info{}, o); err != nil {
		return fmt.Errorf("pretrained: saving %s as %s: %w", path, f, err)
	}
	return nil
}

// SaveAs is Save of the model, with what its own file said it was trained on.
func (m *Model) SaveAs(path string, f Format, o SaveOptions) error {
	o.ModelName, o.HookName = first(o.ModelName, m.Info.ModelName), first(o.HookName, m.Info.HookName)
	if err := save(path, f, m.Network, m.Info, o); err != nil {
		return fmt.Errorf("pretrained: saving %s as %s: %w", path, f, err)
	}
	return nil
}

func save(path string, f Format, n *ksparse.Network, info Info, o SaveOptions) error {
	p, err := n.Parts()
	if err != nil {
		return err
	}
	if err := checkFinite(p); err != nil {
		return err
	}
	s := &saving{Parts: p, info: info, options: o, format: f}
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
	return errorf(ErrLossy, "no file can be written in this format, only in %s, %s, %s and %s", SAELens, Sparsify, SentenceTransformers, Native)
}

// checkFinite finds weights that training, or a caller, has spoilt.
func checkFinite(p ksparse.Parts) error {
	for _, m := range []struct {
		name string
		ksparse.Matrix
	}{{"encoder", p.Encoder}, {"decoder", p.Decoder}, {"skip", p.Skip}} {
		if at := max(firstNotFinite(m.Float32), firstNotFinite(m.Float64)); at >= 0 {
			return errorf(ksparse.ErrNotFinite, "the weights of the %s hold NaN or an infinity at row %d, column %d", m.name, at/m.Cols, at%m.Cols)
		}
	}
	for _, v := range []struct {
		name    string
		numbers []float64
	}{{"the encoder's biases", p.EncoderBias}, {"the decoder's biases", p.DecoderBias}, {"the thresholds", p.Thresholds}} {
		if at := firstNotFinite(v.numbers); at >= 0 {
			return errorf(ksparse.ErrNotFinite, "%s hold %v at %d", v.name, v.numbers[at], at)
		}
	}
	return nil
}

// A saving is a network on its way into a file.
type saving struct {
	ksparse.Parts
	info    Info
	options SaveOptions
	format  Format
}

func (s *saving) lossy(format string, args ...any) error { return errorf(ErrLossy, format, args...) }

// rule is how a network selects, in the words that the formats share.
type rule string

const (
	topKRule     rule = "topk"
	reluRule     rule = "relu"
	jumpReLURule rule = "jumprelu"
	gatedRule    rule = "gated"
	groupMaxRule rule = "groupmax"
	otherRule    rule = ""
)

// rule tells by what the network selects when it is used, not trained. Errors wrap
// ksparse.ErrUnset.
func (s *saving) rule() (rule, error) {
	if s.Activation != ksparse.ReLU && s.Activation != ksparse.Identity {
		return otherRule, nil
	}
	identity := s.Activation == ksparse.Identity
	switch s.Selection {
	case ksparse.SelectTopK:
		if !identity {
			return topKRule, nil
		}
	case ksparse.SelectGroupMax:
		if !identity {
			return groupMaxRule, nil
		}
	case ksparse.SelectThreshold, ksparse.SelectBatchTopK:
		if s.Gate != nil {
			return gatedRule, nil
		}
		if s.Thresholds == nil {
			return otherRule, errorf(ksparse.ErrUnset, "the network's threshold was never learned: SetThreshold or Calibrate give it one")
		}
		lowest, highest := s.Thresholds[0], s.Thresholds[0]
		for _, v := range s.Thresholds {
			lowest, highest = min(lowest, v), max(highest, v)
		}
		switch {
		case lowest == 0 && highest == 0:
			return reluRule, nil
		case lowest >= 0 || !identity: // a code below zero is no JumpReLU
			return jumpReLURule, nil
		}
	}
	return otherRule, nil
}

// selects describes the selection for an error.
func (s *saving) selects() string {
	return fmt.Sprintf("selection %v with activation %v", s.Selection, s.Activation)
}

// asTensors makes entries of the tensors, all of one type: F32 where that holds every
// number or may round it, else F64, which the format must allow.
func (s *saving) asTensors(allow64 bool, tensors ...numbers) ([]safetensors.Entry, bool, error) {
	wide := false
	if !s.options.Round {
		for _, t := range tensors {
			if !t.exact32() {
				wide = true
				if !allow64 {
					return nil, false, s.lossy("%s holds numbers that float32 does not; SaveOptions.Round would round them", t.name)
				}
			}
		}
	}
	var entries []safetensors.Entry
	for _, t := range tensors {
		entries = append(entries, t.entry(wide))
	}
	return entries, wide, nil
}

// file returns what writes a safetensors file.
func safetensorsFile(metadata map[string]string, entries []safetensors.Entry) func(io.Writer) error {
	return func(w io.Writer) error { return safetensors.Write(w, metadata, entries) }
}

// jsonFile returns what writes v as JSON.
func jsonFile(v any) func(io.Writer) error {
	return func(w io.Writer) error {
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return err
		}
		_, err = w.Write(append(bytes.TrimSpace(text), '\n'))
		return err
	}
}

// orNone is a text for JSON, null where there is none.
func orNone(text string) *string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return &text
}
