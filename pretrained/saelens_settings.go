package pretrained

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// saeLensModel is what cfg.json says.
type saeLensModel struct {
	saeLensDialect
	transcoder         bool
	subtract           bool // apply_b_dec_to_input
	rescale            bool // rescale_acts_by_decoder_norm
	version, modelName string
}

// saeLensDialect is what versions before 6 say in another way.
type saeLensDialect struct {
	architecture string
	kOf          *settings // the object that has k
	normalize    string    // normalize_activations
	hookName     string
	reshape      string // "hook_z" where rows are those of hook_z; for Info alone
}

// saeLensTranscoders has the architectures that are understood, and says which of them
// are transcoders.
var saeLensTranscoders = map[string]bool{
	"standard": false, "topk": false, "jumprelu": false, "gated": false, "batchtopk": false, "matryoshka_batchtopk": false,
	"transcoder": true, "skip_transcoder": true, "jumprelu_transcoder": true,
}

// readSAELensSettings reads cfg.json, of version 6 or before.
func (r *reader) readSAELensSettings() saeLensModel {
	s := r.settings
	meta := s.object("metadata")
	version := cmp.Or(saeLensVersionOf(s), saeLensVersionOf(meta))
	var m saeLensDialect
	r.leave(meta, "metadata.", nil, harmless)
	if major(version) >= 6 {
		r.leave(s, "", saeLensFields6, refused)
		m = r.newSAELens(meta)
	} else {
		r.leave(s, "", saeLensFields5, noted)
		version = cmp.Or(version, s.remark("sae_lens_training_version"), "before 6")
		m = r.oldSAELens(meta)
	}
	if m.reshape != "" {
		r.note("a row is the heads of hook_z one after the other (heads × d_head values)")
	}
	transcoder, known := saeLensTranscoders[m.architecture]
	if !known {
		s.wrong("architecture", "one of standard, topk, jumprelu, gated, transcoder, skip_transcoder, jumprelu_transcoder, batchtopk, matryoshka_batchtopk")
	}
	if !slices.Contains([]string{"none", "layer_norm", "constant_norm_rescale", "expected_average_only_in"}, m.normalize) {
		s.wrong("normalize_activations", `"none", "layer_norm", "constant_norm_rescale" or "expected_average_only_in"`)
	}
	subtract := s.boolOr("apply_b_dec_to_input", !transcoder)
	if transcoder && subtract {
		s.wrong("apply_b_dec_to_input", "false for a transcoder")
	}
	mayRescale := m.architecture == "topk" || strings.HasSuffix(m.architecture, "batchtopk")
	rescale := mayRescale && s.boolOr("rescale_acts_by_decoder_norm", false)
	r.saeLensNumberFormat()
	r.saeLensScalingFactor()
	s.get("device")
	return saeLensModel{
		saeLensDialect: m, transcoder: transcoder, subtract: subtract, rescale: rescale,
		version: version, modelName: cmp.Or(meta.remark("model_name"), s.remark("model_name")),
	}
}

// newSAELens reads what version 6 writes in another way than those before it.
func (r *reader) newSAELens(meta *settings) saeLensDialect {
	s := r.settings
	architecture, normalize := s.textOr("architecture", ""), s.textOr("normalize_activations", "none")
	reshape := s.textOr("reshape_activations", "none")
	switch reshape {
	case "none":
		reshape = ""
	case "hook_z":
	default:
		s.wrong("reshape_activations", `"none" or "hook_z"`)
	}
	for _, old := range []string{"activation_fn", "activation_fn_str"} { // which version 6 does not look at
		if a := s.remark(old); a != "" && a != "relu" && a != architecture {
			s.wrong(old, fmt.Sprintf("nothing beside the architecture %q of version 6", architecture))
		}
	}
	return saeLensDialect{architecture: architecture, kOf: s, normalize: normalize, hookName: meta.remark("hook_name"), reshape: reshape}
}

// oldSAELens reads what versions before 6 wrote in another way.
func (r *reader) oldSAELens(meta *settings) saeLensDialect {
	s := r.settings
	architecture, normalize, activation, kOf := "standard", "none", "relu", s
	if s.get("architecture") != nil {
		architecture = s.textOr("architecture", "")
	} else {
		s.assume("architecture", architecture)
	}
	switch v := s.get("normalize_activations").(type) {
	case nil:
		s.assume("normalize_activations", normalize)
	case bool:
		if v {
			normalize = "expected_average_only_in"
		}
	default:
		normalize = s.textOr("normalize_activations", "")
	}
	said := false
	for _, key := range []string{"activation_fn", "activation_fn_str"} {
		if s.get(key) != nil {
			activation, said = s.textOr(key, ""), true
		}
	}
	if !said {
		s.assume("activation_fn", activation)
	}
	kwargs := s.object("activation_fn_kwargs")
	r.leave(kwargs, "activation_fn_kwargs.", nil, noted)
	switch activation {
	case "relu":
		if k := kwargs.get("k"); k != nil {
			s.fail(unknown("%s: activation_fn_kwargs has k = %s, and activation_fn_str is not topk, so which latents are active is left open", s.name, describe(k)))
		}
	case "topk": // whatever the architecture says
		architecture, kOf = "topk", kwargs
	default:
		s.fail(unknown("%s: the activation %.60q is not supported, only relu and topk", s.name, activation))
	}
	hookName, reshape := cmp.Or(s.remark("hook_name"), s.remark("hook_point"), meta.remark("hook_name")), ""
	if strings.Contains(hookName, "hook_z") {
		reshape = "hook_z"
	}
	return saeLensDialect{architecture: architecture, kOf: kOf, normalize: normalize, hookName: hookName, reshape: reshape}
}

// saeLensNumberFormat remarks where SAELens would cast the weights to another type.
func (r *reader) saeLensNumberFormat() {
	s := r.settings
	if s.get("dtype") == nil {
		return
	}
	switch dtype := strings.TrimPrefix(s.textOr("dtype", ""), "torch."); dtype {
	case "float32":
	case "float64", "float16", "bfloat16":
		r.note("SAELens computes with dtype %s", dtype)
	default:
		s.wrong("dtype", `"float32", "float64", "float16" or "bfloat16"`)
	}
}

// saeLensScalingFactor checks that a factor of the codes is there where the configuration
// says that there is one. dropScalingFactor looks at its numbers.
func (r *reader) saeLensScalingFactor() {
	const key = "finetuning_scaling_factor"
	s := r.settings
	if s.get(key) != nil && s.bool(key) && !r.file.has("scaling_factor") && !r.file.has(key) {
		s.wrong(key, "false where no tensor scaling_factor is there")
	}
}

// saeLensVersionOf returns the version that s says, "" where it says none.
func saeLensVersionOf(s *settings) string {
	const key = "sae_lens_version"
	version := s.remark(key)
	if s.get(key) != nil && major(version) == 0 {
		s.wrong(key, `a version, such as "6.18.0"`)
	}
	return version
}

// major returns the first number of a version, 0 where there is none.
func major(version string) int {
	head, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(strings.TrimPrefix(head, "v"))
	if err != nil {
		return 0
	}
	return n
}
