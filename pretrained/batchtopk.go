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
	file, s, net := r.file, r.settings, &r.net
	r.saeLensNames()
	if r.err != nil {
		return
	}
	latents, inputs := net.Encoder.Rows, net.Encoder.Cols
	kind := s.textOr("sae_type", "")
	r.info.Architecture = kind
	r.info.ModelName = s.remark("model_name")
	r.info.HookName = s.remark("hook_point")
	s.equal("act_size", inputs, "W_enc")
	s.equal("dict_size", latents, "W_enc")
	net.Activation, net.PreBias = ksparse.ReLU, true
	if s.boolOr("input_unit_norm", false) {
		net.Normalization = ksparse.LayerNorm
	}
	withoutBias := func() {
		net.EncoderBias = nil
		net.K = r.k(s.integer("top_k"), latents)
		r.note("b_enc is not used by %s models", kind)
	}
	switch kind {
	case "vanilla":
		r.relu()
	case "topk":
		withoutBias()
		net.Selection = ksparse.SelectTopK
	case "batchtopk", "global-matryoshka-topk":
		withoutBias()
		net.Selection = ksparse.SelectBatchTopK
		r.batchThreshold("threshold", 0)
	case "jumprelu":
		net.PreBias = false
		thresholds := file.vector("jumprelu.log_threshold", latents)
		for j, v := range thresholds {
			thresholds[j] = math.Exp(v)
		}
		r.selectByThreshold(thresholds)
	default:
		s.wrong("sae_type", "one of vanilla, topk, batchtopk, global-matryoshka-topk, jumprelu")
	}
	if kind == "global-matryoshka-topk" {
		r.groups(s.integers("group_sizes"))
	}
}
