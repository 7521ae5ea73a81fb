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
func (r *reader) batchTopK() reading {
	file, s := r.file, r.settings
	r.leave(s, "", batchTopKFields, noted)
	w := r.saeLensNames()
	latents := w.encoder.Rows
	kind := s.textOr("sae_type", "")
	s.equal("act_size", w.encoder.Cols, "W_enc")
	s.equal("dict_size", latents, "W_enc")
	normalization := layerNormIf(s.boolOr("input_unit_norm", false))
	c, encoderBias := choice{}, w.encoderBias
	switch kind {
	case "vanilla":
		c = reluChoice(latents)
	case "topk":
		c, encoderBias = choice{selection: ksparse.SelectTopK, activation: ksparse.ReLU, k: r.unbiasedK(kind, latents)}, nil
	case "batchtopk", "global-matryoshka-topk":
		c, encoderBias = choice{
			selection: ksparse.SelectBatchTopK, activation: ksparse.ReLU, k: r.unbiasedK(kind, latents),
			thresholds: r.batchThreshold("threshold", 0, latents),
		}, nil
	case "jumprelu":
		thresholds := file.vector("jumprelu.log_threshold", latents)
		for j, v := range thresholds {
			thresholds[j] = math.Exp(v)
		}
		c = jumpReLUChoice(thresholds)
	default:
		s.wrong("sae_type", "one of vanilla, topk, batchtopk, global-matryoshka-topk, jumprelu")
	}
	var groups []int
	if kind == "global-matryoshka-topk" {
		groups = r.checkGroups(s.name, "group_sizes", s.integers("group_sizes"), latents)
	}
	return reading{
		net: ksparse.Config{
			Classic: true,
			Encoder: w.encoder, EncoderBias: encoderBias, Decoder: w.decoder, DecoderBias: w.decoderBias,
			Selection: c.selection, Activation: c.activation, K: c.k, Thresholds: c.thresholds,
			PreBias: kind != "jumprelu", Normalization: normalization,
		},
		about: about{architecture: kind, groups: groups, modelName: s.remark("model_name"), hookName: s.remark("hook_point")},
	}
}

// unbiasedK reads k of a kind that does without the biases of the encoder.
func (r *reader) unbiasedK(kind string, latents int) int {
	r.note("b_enc is not used by %s models", kind)
	return r.k(r.settings, "top_k", latents)
}
