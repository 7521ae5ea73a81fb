package pretrained

import (
	"strings"

	"github.com/ksparse/ksparse"
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

type saeLensMetadata struct {
	Version         string  `json:"sae_lens_version"`
	TrainingVersion *string `json:"sae_lens_training_version"`
	ModelName       *string `json:"model_name"`
	HookName        *string `json:"hook_name"`
}

// saeLens writes the folder of a SAELens model.
func (s *saving) saeLens(path string) error {
	cfg := saeLensFile{
		DIn: s.Encoder.Cols, DSAE: s.Encoder.Rows, DType: "float32", Device: "cpu", Subtract: s.PreBias, Reshape: "none",
		Metadata: saeLensMetadata{Version: saeLensVersion, ModelName: orNone(s.options.ModelName), HookName: orNone(s.options.HookName)},
	}
	if s.info.Reshape == "hook_z" {
		cfg.Reshape = "hook_z"
	}
	if s.Decoder.Empty() {
		return s.lossy("the network has no decoder")
	}
	var err error
	if cfg.Normalize, err = s.saeLensNormalize(); err != nil {
		return err
	}
	rule, err := s.rule()
	if err != nil {
		return err
	}
	transcoder := s.Decoder.Cols != s.Encoder.Cols || !s.Skip.Empty() || s.Normalization != ksparse.NoNormalization && !s.Undo
	if s.info.Transcoder && !s.PreBias && (rule == reluRule || rule == jumpReLURule) {
		transcoder = true // although its outputs are as many as its inputs
	}
	if transcoder && s.PreBias {
		return s.lossy("a transcoder there subtracts no bias from its input")
	}
	tensors := []numbers{transposeOf("W_enc", s.Encoder), matrixOf("W_dec", s.Decoder), vectorOf("b_dec", s.DecoderBias)}
	if rule != gatedRule {
		tensors = append(tensors, vectorOf("b_enc", s.EncoderBias))
	}
	switch {
	case transcoder && rule == reluRule && !s.Skip.Empty():
		cfg.Architecture = "skip_transcoder"
		tensors = append(tensors, matrixOf("W_skip", s.Skip))
	case transcoder && !s.Skip.Empty():
		return s.lossy("a skip connection there goes with ReLU alone, and the network has %s", s.selects())
	case transcoder && rule == reluRule:
		cfg.Architecture = "transcoder"
	case transcoder && rule == jumpReLURule:
		cfg.Architecture = "jumprelu_transcoder"
	case transcoder:
		return s.lossy("a transcoder there is one of ReLU or JumpReLU, and the network has %s", s.selects())
	case rule == reluRule:
		cfg.Architecture = "standard"
	case rule == jumpReLURule:
		cfg.Architecture = "jumprelu"
	case rule == topKRule:
		if s.K < 1 || s.K > s.Encoder.Rows {
			return s.lossy("topk needs k from 1 to the number of latents, the network has %d", s.K)
		}
		cfg.Architecture, cfg.K, cfg.Rescale = "topk", s.K, new(bool)
	case rule == gatedRule:
		cfg.Architecture = "gated"
		tensors = append(tensors, vectorOf("b_gate", s.Gate.Bias), vectorOf("b_mag", s.EncoderBias), vectorOf("r_mag", s.Gate.LogGain))
	default:
		return s.lossy("it has no %s", s.selects())
	}
	if transcoder {
		cfg.DOut = s.Decoder.Cols
	}
	if strings.HasPrefix(cfg.Architecture, "jumprelu") {
		tensors = append(tensors, vectorOf("threshold", s.Thresholds))
	}
	entries, wide, err := s.asTensors(true, tensors...)
	if err != nil {
		return err
	}
	if wide {
		cfg.DType = "float64"
	}
	return writeFolder(path, []part{{"sae_weights.safetensors", safetensorsFile(nil, entries)}, {"cfg.json", jsonFile(cfg)}})
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
	return "", s.lossy("it cannot keep the number of %v", s.Normalization)
}
