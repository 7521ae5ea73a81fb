package pretrained

import (
	"fmt"
	"math"
	"slices"

	"github.com/ksparse/ksparse"
)

// saeLens reads cfg.json and sae_weights.safetensors of SAELens (saes/*.py):
//
//	x → normalize_activations → - b_dec if apply_b_dec_to_input → W_enc, b_enc →
//	activation → W_dec, b_dec → normalisation undone (not for transcoders)
//
// W_enc is [inputs, latents]. saelens_settings.go has what configurations before
// version 6 say in another way.
func (r *reader) saeLens() reading {
	file, m := r.file, r.readSAELensSettings()
	encoder := file.transposed("W_enc", anySize, anySize)
	latents, inputs := encoder.Rows, encoder.Cols
	r.settings.equal("d_in", inputs, "W_enc")
	r.settings.equal("d_sae", latents, "W_enc")
	decoder := r.saeLensDecoder(m, latents, inputs)
	outputs := decoder.Cols
	decoderBias := file.vector("b_dec", outputs)
	encoderBias := file.vectorIf(m.architecture != "gated", "b_enc", latents)
	normalization, scale := r.saeLensNormalization(m, inputs)
	c, meanK := choice{}, 0.0
	switch m.architecture {
	case "standard", "transcoder", "skip_transcoder":
		r.settings.absent("k", "ReLU")
		c = reluChoice(latents)
	case "topk":
		c = choice{selection: ksparse.SelectTopK, activation: ksparse.ReLU, k: r.k(m.kOf, "k", latents)}
	case "jumprelu", "jumprelu_transcoder":
		c = jumpReLUChoice(file.vector("threshold", latents))
	case "batchtopk", "matryoshka_batchtopk":
		c, meanK = r.batchTopKCheckpoint(latents)
	case "gated":
		encoderBias, c = file.vector("b_mag", latents), r.gatedChoice("b_gate", "r_mag", latents)
	}
	var groups []int
	if m.architecture == "matryoshka_batchtopk" {
		groups = r.saeLensGroups(latents)
	}
	var skip ksparse.Weights
	if m.architecture == "skip_transcoder" {
		skip = file.matrix("W_skip", outputs, inputs)
	}
	if m.rescale {
		encoder, decoder = r.foldNorms(encoder, decoder, encoderBias)
	}
	return reading{
		net: ksparse.Config{
			Classic: true,
			Encoder: encoder, EncoderBias: encoderBias, Decoder: decoder, DecoderBias: decoderBias, Skip: skip,
			Selection: c.selection, Activation: c.activation, K: c.k, Thresholds: c.thresholds,
			GateBias: c.gateBias, GateLogGain: c.gateLogGain,
			Normalization: normalization, Scale: scale, NoUndo: m.transcoder, PreBias: m.subtract,
		},
		about: about{
			architecture: m.architecture, version: m.version, meanK: meanK, transcoder: m.transcoder, reshape: m.reshape, groups: groups,
			modelName: m.modelName, hookName: m.hookName,
			ignoredTensors: r.dropScalingFactor(latents),
		},
	}
}

// saeLensGroups returns the sizes of the groups of a matryoshka model, of which
// matryoshka_widths has the ends; latents after the last are a group, too.
func (r *reader) saeLensGroups(latents int) (groups []int) {
	const key = "matryoshka_widths"
	before, widths := 0, r.settings.integers(key)
	for _, end := range append(widths, latents) {
		if r.err == nil && (end < before || end > latents) {
			r.settings.wrong(key, fmt.Sprintf("numbers that rise, to %d at most", latents))
		}
		if end > before {
			groups = append(groups, end-before)
		}
		before = end
	}
	if widths == nil {
		groups = nil
	}
	return r.checkGroups(r.settings.name, key, groups, latents)
}

// saeLensDecoder reads W_dec, whose outputs may be others than the inputs in a transcoder
// alone.
func (r *reader) saeLensDecoder(m saeLensModel, latents, inputs int) ksparse.Weights {
	if !m.transcoder {
		return r.file.matrix("W_dec", latents, inputs)
	}
	decoder := r.file.matrix("W_dec", latents, anySize)
	r.settings.same("d_out", decoder.Cols, "W_dec")
	return decoder
}

// saeLensNormalization takes over normalize_activations.
func (r *reader) saeLensNormalization(m saeLensModel, inputs int) (n ksparse.Normalization, scale float64) {
	switch m.normalize {
	case "layer_norm":
		return ksparse.LayerNorm, 0
	case "constant_norm_rescale":
		return ksparse.UnitRMS, 0
	case "expected_average_only_in":
		return r.datasetScale(fmt.Sprintf("%s: normalize_activations is %q: in training rows were multiplied by sqrt(%d) over their mean norm, and the file says neither that number nor whether it was folded into the weights since "+
			"(if it was, or to do what SAELens does with this file, the scale is 1)", r.settings.name, m.normalize, inputs))
	}
	return ksparse.NoNormalization, 0
}

// batchTopKCheckpoint reads what a training checkpoint of BatchTopK has: one
// threshold for all latents, by which its export selects. meanK is k, which need not be
// an integer.
func (r *reader) batchTopKCheckpoint(latents int) (c choice, meanK float64) {
	s, selection, k := r.settings, ksparse.SelectThreshold, 0
	if s.get("k") == nil {
		meanK = float64(r.k(s, "k", latents))
	} else {
		meanK = s.number("k")
	}
	if r.err == nil {
		switch {
		case !(meanK > 0 && meanK <= float64(latents)):
			s.wrong("k", "a number above 0 and at most the number of latents")
		case meanK == math.Trunc(meanK):
			selection, k = ksparse.SelectBatchTopK, int(meanK)
		default:
			r.note("k is %v: a training that goes on can only have an integer, so the network selects by its threshold in training too", meanK)
		}
	}
	thresholds := r.batchThreshold("topk_threshold", 0, latents)
	return choice{selection: selection, activation: ksparse.ReLU, k: k, thresholds: thresholds}, meanK
}

// foldNorms makes the rows of the decoder unit vectors and the codes larger by their
// norms, for models that select by pre-activation times norm. A row of zeros leaves
// its latent dead. The biases of the encoder are multiplied in place.
func (r *reader) foldNorms(encoder, decoder ksparse.Weights, encoderBias []float64) (e, d ksparse.Weights) {
	if r.err != nil {
		return encoder, decoder
	}
	norms := rowNorms(decoder)
	if !slices.ContainsFunc(norms, func(v float64) bool { return v != 1 }) {
		return encoder, decoder
	}
	if r.fail(r.file.notFinite()); r.err != nil {
		return encoder, decoder
	}
	r.file.matrices = nil // so that the float32 form can go
	for j := range encoderBias {
		encoderBias[j] *= norms[j]
	}
	r.note("the norms of W_dec are folded into the encoder, as rescale_acts_by_decoder_norm asks; the weights are float64 for it")
	return scaled(encoder, norms), divided(decoder, norms)
}

// dropScalingFactor takes the scaling_factor of old files, which must be all ones, and
// returns its name where it is there.
func (r *reader) dropScalingFactor(latents int) (ignored []string) {
	const name = "scaling_factor"
	if !r.file.has(name) {
		return nil
	}
	if v := r.file.vector(name, latents); slices.ContainsFunc(v, func(v float64) bool { return v != 1 }) {
		r.fail(unknown("%s: tensor %s is not all ones: it would change the codes, and is not supported", r.file.name, name))
	}
	return []string{name}
}
