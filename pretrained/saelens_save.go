package pretrained

import (
	"strings"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/atomicfile"
)

// saeLensVersion is the version whose files are written (docs: saes/*.py).
const saeLensVersion = "6.18.0"

// saeLensFile is cfg.json, in the order in which SAELens writes it.
type saeLensFile struct {
	DIn       int             `json:"d_in"`
	DSAE      int             `json:"d_sae"`
	DType     string          `json:"dtype"`
	Device    string          `json:"device"`
	Subtract  bool            `json:"apply_b_dec_to_input"`
	Normalize string          `json:"normalize_activations"`
	Reshape   string          `json:"reshape_activations"`
	Metadata  saeLensMetadata `json:"metadata"`

	K       int   `json:"k,omitempty"`
	Rescale *bool `json:"rescale_acts_by_decoder_norm,omitempty"`
	DOut    int   `json:"d_out,omitempty"`

	Architecture string `json:"architecture"`
}

// saeLensMetadata is what cfg.json says of the training.
type saeLensMetadata struct {
	Version         string  `json:"sae_lens_version"`
	TrainingVersion *string `json:"sae_lens_training_version"`
	ModelName       *string `json:"model_name"`
	HookName        *string `json:"hook_name"`
}

// saeLens writes the folder of a SAELens model.
func (s *saving) saeLens(path string) error {
	if s.Decoder.Empty() {
		return lossy("the network has no decoder")
	}
	normalize, err := s.saeLensNormalize()
	if err != nil {
		return err
	}
	rule, err := s.rule()
	if err != nil {
		return err
	}
	transcoder := s.isSAELensTranscoder(rule)
	architecture, err := s.saeLensArchitecture(rule, transcoder)
	if err != nil {
		return err
	}
	cfg := saeLensFile{
		DIn: s.Inputs, DSAE: s.Latents, DType: "float32", Device: "cpu", Subtract: s.PreBias, Normalize: normalize, Reshape: "none",
		Metadata:     saeLensMetadata{Version: saeLensVersion, ModelName: orNull(s.options.ModelName), HookName: orNull(s.options.HookName)},
		Architecture: architecture,
	}
	if s.info.Reshape == "hook_z" {
		cfg.Reshape = "hook_z"
	}
	if architecture == "topk" {
		cfg.K, cfg.Rescale = s.K, new(bool)
	}
	if transcoder {
		cfg.DOut = s.Decoder.Cols
	}
	entries, wide, err := s.entries(true, s.saeLensTensors(architecture)...)
	if err != nil {
		return err
	}
	if wide {
		cfg.DType = "float64"
	}
	return atomicfile.WriteFolder(path, []atomicfile.File{
		{Name: "sae_weights.safetensors", Write: safetensorsFile(nil, entries)},
		{Name: "cfg.json", Write: jsonFile(cfg)},
	})
}

// saeLensNormalize names the normalisation. A transcoder there does not undo it, all
// others do.
func (s *saving) saeLensNormalize() (string, error) {
	switch s.Normalization {
	case ksparse.NoNormalization:
		return "none", nil
	case ksparse.LayerNorm:
		return "layer_norm", nil
	case ksparse.UnitRMS:
		return "constant_norm_rescale", nil
	}
	return "", lossy("it cannot keep the number of %v", s.Normalization)
}

// isSAELensTranscoder reports whether only a transcoder of SAELens can be what the
// network is, or the network was opened as one.
func (s *saving) isSAELensTranscoder(rule rule) bool {
	if s.Decoder.Cols != s.Inputs || !s.Skip.Empty() || s.Normalization != ksparse.NoNormalization && s.NoUndo {
		return true
	}
	// Outputs may be as many as inputs in a transcoder too.
	return s.info.Transcoder && !s.PreBias && (rule == reluRule || rule == jumpReLURule)
}

// saeLensArchitecture names the architecture that does what the network does.
func (s *saving) saeLensArchitecture(rule rule, transcoder bool) (string, error) {
	switch skip := !s.Skip.Empty(); {
	case transcoder && s.PreBias:
		return "", lossy("a transcoder there subtracts no bias from its input")
	case skip && rule == reluRule:
		return "skip_transcoder", nil
	case skip:
		return "", lossy("a skip connection there goes with ReLU alone, and the network has %s", s.selects())
	case transcoder && rule == reluRule:
		return "transcoder", nil
	case transcoder && rule == jumpReLURule:
		return "jumprelu_transcoder", nil
	case transcoder:
		return "", lossy("a transcoder there is one of ReLU or JumpReLU, and the network has %s", s.selects())
	case rule == topKRule && !s.hasK():
		return "", lossy("topk needs k from 1 to the number of latents, the network has %d", s.K)
	case rule == reluRule:
		return "standard", nil
	case rule == topKRule, rule == jumpReLURule, rule == gatedRule:
		return string(rule), nil
	}
	return "", lossy("it has no %s", s.selects())
}

// saeLensTensors are those that the architecture has.
func (s *saving) saeLensTensors(architecture string) []outTensor {
	tensors := []outTensor{outTransposed("W_enc", s.Encoder), outMatrix("W_dec", s.Decoder), outVector("b_dec", s.DecoderBias)}
	if architecture == "gated" {
		return append(tensors, outVector("b_gate", s.GateBias), outVector("b_mag", s.EncoderBias), outVector("r_mag", s.GateLogGain))
	}
	tensors = append(tensors, outVector("b_enc", s.EncoderBias))
	if strings.HasPrefix(architecture, "jumprelu") {
		tensors = append(tensors, outVector("threshold", s.Thresholds))
	}
	if architecture == "skip_transcoder" {
		tensors = append(tensors, outMatrix("W_skip", s.Skip))
	}
	return tensors
}
