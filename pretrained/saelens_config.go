package pretrained

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// saeLensConfig is what of cfg.json decides what is computed.
type saeLensConfig struct {
	architecture string
	transcoder   bool
	k            int
	subtract     bool   // apply_b_dec_to_input
	normalize    string // normalize_activations
	rescale      bool   // rescale_acts_by_decoder_norm
}

// saeLensArchitectures are those that are understood, with whether they are
// transcoders.
var saeLensArchitectures = map[string]bool{
	"standard": false, "topk": false, "jumprelu": false, "gated": false, "batchtopk": false, "matryoshka_batchtopk": false,
	"transcoder": true, "skip_transcoder": true, "jumprelu_transcoder": true,
}

// readSAELensConfig reads cfg.json, of version 6 or before, and fills in what Info
// has of it.
func (r *reader) readSAELensConfig() saeLensConfig {
	c := r.config
	meta := c.object("metadata")
	version := c.remark("sae_lens_version")
	if version == "" {
		version = meta.remark("sae_lens_version")
	}
	out := saeLensConfig{normalize: "none"}
	var hookZ bool
	if r.info.Version = version; major(version) >= 6 {
		out.architecture = c.textOr("architecture", "")
		out.normalize = c.textOr("normalize_activations", "none")
		switch reshape := c.textOr("reshape_activations", "none"); reshape {
		case "none":
		case "hook_z":
			hookZ = true
		default:
			c.wrong("reshape_activations", `"none" or "hook_z"`)
		}
		r.info.HookName = meta.remark("hook_name")
		for _, old := range []string{"activation_fn", "activation_fn_str"} { // which version 6 does not look at
			if a := c.remark(old); a != "" && a != "relu" && a != out.architecture {
				c.wrong(old, fmt.Sprintf("nothing beside the architecture %q of version 6", out.architecture))
			}
		}
	} else {
		r.info.Version = first(version, c.remark("sae_lens_training_version"), "before 6")
		out = r.oldSAELens()
		r.info.HookName = first(c.remark("hook_name"), c.remark("hook_point"), meta.remark("hook_name"))
		hookZ = strings.Contains(r.info.HookName, "hook_z")
	}
	r.info.ModelName = first(meta.remark("model_name"), c.remark("model_name"))
	if hookZ {
		r.info.Reshape = "hook_z"
		r.note("a row is the heads of hook_z one after the other (heads × d_head values)")
	}
	transcoder, known := saeLensArchitectures[out.architecture]
	if !known {
		c.wrong("architecture", "one of standard, topk, jumprelu, gated, transcoder, skip_transcoder, jumprelu_transcoder, batchtopk, matryoshka_batchtopk")
		return out
	}
	if !slices.Contains([]string{"none", "layer_norm", "constant_norm_rescale", "expected_average_only_in"}, out.normalize) {
		c.wrong("normalize_activations", `"none", "layer_norm", "constant_norm_rescale" or "expected_average_only_in"`)
	}
	out.transcoder = transcoder
	out.subtract = c.boolOr("apply_b_dec_to_input", !transcoder)
	if transcoder && out.subtract {
		c.wrong("apply_b_dec_to_input", "false for a transcoder")
	}
	if out.architecture == "topk" && out.k == 0 {
		out.k = c.integerOr("k", 100)
	}
	if out.architecture == "topk" || strings.HasSuffix(out.architecture, "batchtopk") {
		out.rescale = c.boolOr("rescale_acts_by_decoder_norm", false)
	}
	r.saeLensNumberFormat()
	c.get("device")
	r.info.Ignored = append(r.info.Ignored, meta.ignored("metadata.")...)
	return out
}

// oldSAELens reads what versions before 6 wrote in another way.
func (r *reader) oldSAELens() saeLensConfig {
	c := r.config
	out := saeLensConfig{normalize: "none", architecture: "standard"}
	if c.get("architecture") != nil {
		out.architecture = c.textOr("architecture", "")
	}
	switch v := c.get("normalize_activations").(type) {
	case nil:
	case bool:
		if v {
			out.normalize = "expected_average_only_in"
		}
	default:
		out.normalize = c.textOr("normalize_activations", "")
	}
	activation := "relu"
	for _, key := range []string{"activation_fn", "activation_fn_str"} {
		if c.get(key) != nil {
			activation = c.textOr(key, "")
		}
	}
	kwargs := c.object("activation_fn_kwargs")
	switch activation {
	case "relu":
	case "topk": // whatever the architecture says
		out.architecture, out.k = "topk", kwargs.integer("k")
	default:
		c.fail(unknown("%s: the activation %.60q is not supported, only relu and topk", c.name, activation))
	}
	if out.architecture == "topk" && out.k == 0 {
		out.k = c.integer("k")
	}
	return out
}

// saeLensNumberFormat remarks where SAELens would cast the weights to another type.
func (r *reader) saeLensNumberFormat() {
	if dtype := strings.TrimPrefix(r.config.remark("dtype"), "torch."); dtype != "" && dtype != "float32" {
		r.note("SAELens computes with dtype %s", dtype)
	}
}

// major returns the first number of a version, 0 where there is none.
func major(version string) int {
	head, _, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(strings.TrimPrefix(head, "v"))
	return n
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func trim(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
