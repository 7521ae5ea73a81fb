package pretrained

import (
	"math"

	"github.com/ksparse/ksparse"
)

// batchTopK reads sae.pt and config.json of the repositories BatchTopK and
// matryoshka_sae (sae.py): of rows that are layer-normed with input_unit_norm,
//
//	vanilla   ReLU((x - b_dec) W_enc + b_enc)
//	topk      ReLU((x - b_dec) W_enc), the k largest; b_enc is not used
//	batchtopk, global-matryoshka-topk   the same where above a threshold
//	jumprelu  ReLU(x W_enc + b_enc) where above exp(log_threshold)
func (r *reader) batchTopK() {
	const logThreshold = "jumprelu.log_threshold"
	w, c, p := r.weights, r.config, &r.parts
	r.wordNames()
	if r.err != nil {
		return
	}
	latents, inputs := p.Encoder.Rows, p.Encoder.Cols
	kind := c.textOr("sae_type", "")
	r.info.Architecture = kind
	r.info.ModelName = c.remark("model_name")
	r.info.HookName = c.remark("hook_point")
	c.equal("act_size", inputs, "W_enc")
	c.equal("dict_size", latents, "W_enc")
	p.Activation, p.PreBias = ksparse.ReLU, true
	if c.boolOr("input_unit_norm", false) {
		p.Normalization, p.Undo = ksparse.LayerNorm, true
	}
	withoutBias := func() {
		p.EncoderBias = nil
		p.K = r.k(c.integer("top_k"), latents)
		r.note("b_enc is not used by %s models", kind)
	}
	switch kind {
	case "vanilla":
		r.relu()
	case "topk":
		withoutBias()
		p.Selection = ksparse.SelectTopK
	case "batchtopk", "global-matryoshka-topk":
		withoutBias()
		p.Selection = ksparse.SelectBatchTopK
		r.batchThreshold("threshold", 0)
	case "jumprelu":
		p.PreBias = false
		p.Selection, p.Thresholds = ksparse.SelectThreshold, w.vector(logThreshold, latents)
		for j, v := range p.Thresholds {
			p.Thresholds[j] = math.Exp(v)
		}
	default:
		c.wrong("sae_type", "one of vanilla, topk, batchtopk, global-matryoshka-topk, jumprelu")
	}
	if kind == "global-matryoshka-topk" {
		r.groups(c.integers("group_sizes"))
	}
}
