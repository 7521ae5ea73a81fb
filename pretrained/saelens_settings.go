package pretrained

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// saeLensModel is what of cfg.json decides what is computed.
type saeLensModel struct {
	architecture string
	transcoder   bool
	k            int
	subtract     bool   // apply_b_dec_to_input
	normalize    string // normalize_activations
	rescale      bool   // rescale_acts_by_decoder_norm
	hookZ        bool   // rows are those of hook_z; for Info alone
}

// saeLensTranscoders has the architectures that are understood, and says which of them
// are transcoders.
var saeLensTranscoders = map[string]bool{
	"standard": false, "topk": false, "jumprelu": false, "gated": false, "batchtopk": false, "matryoshka_batchtopk": false,
	"transcoder": true, "skip_transcoder": true, "jumprelu_transcoder": true,
}

// readSAELensSettings reads cfg.json, of version 6 or before, and fills in what Info
// has of it.
func (r *reader) readSAELensSettings() saeLensModel {
	s := r.settings
	meta := s.object("metadata")
	version := s.remark("sae_lens_version")
	if version == "" {
		version = meta.remark("sae_lens_version")
	}
	var m saeLensModel
	if r.info.Version = version; major(version) >= 6 {
		m = r.newSAELens(meta)
	} else {
		r.info.Version = cmp.Or(version, s.remark("sae_lens_training_version"), "before 6")
		m = r.oldSAELens(meta)
	}
	r.info.ModelName = cmp.Or(meta.remark("model_name"), s.remark("model_name"))
	if m.hookZ {
		r.info.Reshape = "hook_z"
		r.note("a row is the heads of hook_z one after the other (heads × d_head values)")
	}
	transcoder, known := saeLensTranscoders[m.architecture]
	if !known {
		s.wrong("architecture", "one of standard, topk, jumprelu, gated, transcoder, skip_transcoder, jumprelu_transcoder, batchtopk, matryoshka_batchtopk")
		return m
	}
	if !slices.Contains([]string{"none", "layer_norm", "constant_norm_rescale", "expected_average_only_in"}, m.normalize) {
		s.wrong("normalize_activations", `"none", "layer_norm", "constant_norm_rescale" or "expected_average_only_in"`)
	}
	m.transcoder = transcoder
	m.subtract = s.boolOr("apply_b_dec_to_input", !transcoder)
	if transcoder && m.subtract {
		s.wrong("apply_b_dec_to_input", "false for a transcoder")
	}
	if m.architecture == "topk" && m.k == 0 {
		m.k = s.integerOr("k", 100)
	}
	if m.architecture == "topk" || strings.HasSuffix(m.architecture, "batchtopk") {
		m.rescale = s.boolOr("rescale_acts_by_decoder_norm", false)
	}
	r.saeLensNumberFormat()
	s.get("device")
	r.info.Ignored = append(r.info.Ignored, meta.ignored("metadata.")...)
	return m
}

// newSAELens reads what version 6 writes in another way than those before it.
func (r *reader) newSAELens(meta *settings) saeLensModel {
	s := r.settings
	m := saeLensModel{architecture: s.textOr("architecture", ""), normalize: s.textOr("normalize_activations", "none")}
	switch reshape := s.textOr("reshape_activations", "none"); reshape {
	case "none":
	case "hook_z":
		m.hookZ = true
	default:
		s.wrong("reshape_activations", `"none" or "hook_z"`)
	}
	r.info.HookName = meta.remark("hook_name")
	for _, old := range []string{"activation_fn", "activation_fn_str"} { // which version 6 does not look at
		if a := s.remark(old); a != "" && a != "relu" && a != m.architecture {
			s.wrong(old, fmt.Sprintf("nothing beside the architecture %q of version 6", m.architecture))
		}
	}
	return m
}

// oldSAELens reads what versions before 6 wrote in another way.
func (r *reader) oldSAELens(meta *settings) saeLensModel {
	s := r.settings
	m := saeLensModel{normalize: "none", architecture: "standard"}
	if s.get("architecture") != nil {
		m.architecture = s.textOr("architecture", "")
	}
	switch v := s.get("normalize_activations").(type) {
	case nil:
	case bool:
		if v {
			m.normalize = "expected_average_only_in"
		}
	default:
		m.normalize = s.textOr("normalize_activations", "")
	}
	activation := "relu"
	for _, key := range []string{"activation_fn", "activation_fn_str"} {
		if s.get(key) != nil {
			activation = s.textOr(key, "")
		}
	}
	kwargs := s.object("activation_fn_kwargs")
	switch activation {
	case "relu":
	case "topk": // whatever the architecture says
		m.architecture, m.k = "topk", kwargs.integer("k")
	default:
		s.fail(unknown("%s: the activation %.60q is not supported, only relu and topk", s.name, activation))
	}
	if m.architecture == "topk" && m.k == 0 {
		m.k = s.integer("k")
	}
	r.info.HookName = cmp.Or(s.remark("hook_name"), s.remark("hook_point"), meta.remark("hook_name"))
	m.hookZ = strings.Contains(r.info.HookName, "hook_z")
	return m
}

// saeLensNumberFormat remarks where SAELens would cast the weights to another type.
func (r *reader) saeLensNumberFormat() {
	if dtype := strings.TrimPrefix(r.settings.remark("dtype"), "torch."); dtype != "" && dtype != "float32" {
		r.note("SAELens computes with dtype %s", dtype)
	}
}

// major returns the first number of a version, 0 where there is none.
func major(version string) int {
	head, _, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(strings.TrimPrefix(head, "v"))
	return n
}
