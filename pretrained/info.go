package pretrained

import (
	"slices"

	"github.com/ksparse/ksparse"
)

// Info says what was found in the file of a model.
type Info struct {
	Weights string `json:"weights"`          // path of the file of weights
	Config  string `json:"config,omitempty"` // path of the configuration, if there is one

	Format       Format `json:"format"`            // the library
	Version      string `json:"version,omitempty"` // of the library, where the file tells
	Architecture string `json:"architecture"`      // what the library calls it

	// The values of a row, of its code and of its reconstruction.
	Inputs  int `json:"inputs"`
	Latents int `json:"latents"`
	Outputs int `json:"outputs,omitempty"` // 0: the file has no decoder

	// K is how many latents should be active per row, 0 where the model does not go by
	// it. It need not be an integer where it is a mean over rows (BatchTopK).
	K float64 `json:"k,omitempty"`
	// Selection is what selects the active latents: a ksparse.Selection, "relu" where
	// all positive ones are, "gated", or "all".
	Selection string `json:"selection"`
	// Thresholds are the lowest and the highest of the latents' thresholds; nil where
	// there are none.
	Thresholds []float64 `json:"thresholds,omitempty"`
	// Normalization is what is done to rows first: a ksparse.Normalization.
	Normalization string `json:"normalization"`
	// PreBias says that the decoder's bias is subtracted from the rows.
	PreBias bool `json:"pre_bias"`
	// Tied says that the decoder is the encoder, Skip that a linear map of the rows is
	// added to the outputs.
	Tied bool `json:"tied"`
	Skip bool `json:"skip"`
	// Transcoder says that outputs are not reconstructions of the inputs.
	Transcoder bool `json:"transcoder"`
	// Reshape is "hook_z" where a row is made of the values of several heads.
	Reshape string `json:"reshape,omitempty"`
	// Groups are the sizes of the groups of a matryoshka model: Codes.Prefix cuts codes
	// after the first of them.
	Groups []int `json:"groups,omitempty"`

	NumberFormat string `json:"number_format"` // of the weights in the file: "F32", "BF16", ...
	Kept         string `json:"kept"`          // "float32" or "float64": how they are in memory

	ModelName string `json:"model_name,omitempty"` // the model whose activations it was trained on
	HookName  string `json:"hook_name,omitempty"`  // and where in it

	// Ignored are the fields of the configuration, and IgnoredTensors what else of the
	// file, that no result depends on.
	Ignored        []string `json:"ignored,omitempty"`
	IgnoredTensors []string `json:"ignored_tensors,omitempty"`
	// Notes say in words what a user should know.
	Notes []string `json:"notes,omitempty"`
}

// complete fills in what follows from what was read.
func (i *Info) complete(r *reader) {
	p := &r.parts
	i.Weights = r.weights.path
	if r.config != nil {
		i.Config = r.config.path
		i.Ignored = append(i.Ignored, r.config.ignored("")...)
		slices.Sort(i.Ignored)
	}
	if r.options.Threshold > 0 && !r.chosen {
		r.note("Options.Threshold is not used: the model does not lack one")
	}
	if r.options.Scale > 0 && !r.scaled {
		r.note("Options.Scale is not used: the model has no scale that is not known")
	}
	i.Inputs, i.Latents, i.Outputs = p.Encoder.Cols, p.Encoder.Rows, p.Decoder.Cols
	if p.Tied {
		i.Outputs = i.Inputs
	}
	i.Selection = selectionName(p)
	if i.K == 0 && p.Selection != ksparse.SelectThreshold && i.Selection != "all" {
		i.K = float64(p.K)
	}
	if p.Thresholds != nil && i.Selection != "relu" {
		i.Thresholds = []float64{slices.Min(p.Thresholds), slices.Max(p.Thresholds)}
	}
	i.Normalization = p.Normalization.String()
	i.PreBias, i.Tied, i.Skip = p.PreBias, p.Tied, !p.Skip.Empty()
	if i.NumberFormat == "" {
		i.NumberFormat = r.weights.typeNames()
	}
	i.Kept = "float32"
	if p.Encoder.Float64 != nil || p.Decoder.Float64 != nil {
		i.Kept = "float64"
	}
}

func selectionName(p *ksparse.Parts) string {
	switch {
	case p.Gate != nil:
		return "gated"
	case p.Selection == ksparse.SelectThreshold && !slices.ContainsFunc(p.Thresholds, func(v float64) bool { return v != 0 }) && p.Thresholds != nil:
		return "relu"
	case p.Selection == ksparse.SelectTopK && p.Activation == ksparse.Identity && p.K == p.Encoder.Rows:
		return "all"
	}
	return p.Selection.String()
}
