package pretrained

import (
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
func (r *reader) saeLens() {
	file, net := r.file, &r.net
	m := r.readSAELensSettings()
	if r.err != nil {
		return
	}
	r.info.Architecture, r.info.Transcoder = m.architecture, m.transcoder
	net.Encoder = file.transposed("W_enc", anySize, anySize)
	latents, inputs := net.Encoder.Rows, net.Encoder.Cols
	r.settings.equal("d_in", inputs, "W_enc")
	r.settings.equal("d_sae", latents, "W_enc")
	outputs := inputs
	if m.transcoder {
		outputs = anySize
	}
	net.Decoder = file.matrix("W_dec", latents, outputs)
	outputs = net.Decoder.Cols
	if m.transcoder {
		r.settings.same("d_out", outputs, "W_dec")
	}
	net.DecoderBias = file.vector("b_dec", outputs)
	if m.architecture != "gated" {
		net.EncoderBias = file.vector("b_enc", latents)
	}
	net.PreBias, net.Activation = m.subtract, ksparse.ReLU
	if r.err != nil {
		return
	}
	r.saeLensNormalization(m)
	switch m.architecture {
	case "standard", "transcoder", "skip_transcoder":
		r.relu()
	case "topk":
		net.Selection, net.K = ksparse.SelectTopK, r.k(m.k, latents)
	case "jumprelu", "jumprelu_transcoder":
		r.selectByThreshold(file.vector("threshold", latents))
	case "batchtopk", "matryoshka_batchtopk":
		r.batchTopKCheckpoint(latents)
	case "gated":
		r.gated("b_gate", "b_mag", "r_mag")
	}
	if m.architecture == "skip_transcoder" {
		net.Skip = file.matrix("W_skip", outputs, inputs)
	}
	if m.rescale {
		r.foldNorms()
	}
	r.dropScalingFactor(latents)
}

// saeLensNormalization takes over normalize_activations.
func (r *reader) saeLensNormalization(m saeLensModel) {
	net := &r.net
	net.NoUndo = m.transcoder
	switch m.normalize {
	case "layer_norm":
		net.Normalization = ksparse.LayerNorm
	case "constant_norm_rescale":
		net.Normalization = ksparse.UnitRMS
	case "expected_average_only_in":
		r.scaled = true
		if r.options.Scale == 1 {
			return
		}
		net.Normalization, net.Scale = ksparse.DatasetScale, r.options.Scale
		if net.Scale == 0 {
			r.unset("%s: normalize_activations is %q: in training rows were multiplied by sqrt(%d) over their mean norm, and the file says neither that number nor whether it was folded into the weights since. "+
				"If it was, or to do what SAELens does with this file, set Options.Scale to 1; else to that number, or set Options.Unset and let StartFrom find it in your rows",
				r.settings.name, m.normalize, net.Encoder.Cols)
		}
	}
}

// batchTopKCheckpoint reads what a training checkpoint of BatchTopK has: one
// threshold for all latents, by which its export selects.
func (r *reader) batchTopKCheckpoint(latents int) {
	net, s := &r.net, r.settings
	net.Selection = ksparse.SelectThreshold
	if k := s.number("k"); r.err == nil {
		switch {
		case !(k > 0 && k <= float64(latents)):
			s.wrong("k", "a number above 0 and at most the number of latents")
		case k == math.Trunc(k):
			net.Selection, net.K = ksparse.SelectBatchTopK, int(k)
		default:
			r.note("k is %v: a training that goes on can only have an integer, so the network selects by its threshold in training too", k)
		}
		r.info.K = k
	}
	r.batchThreshold("topk_threshold", 0)
}

// foldNorms makes the rows of the decoder unit vectors and the codes larger by their
// norms, for models that select by pre-activation times norm. A row of zeros leaves
// its latent dead.
func (r *reader) foldNorms() {
	net := &r.net
	if r.err != nil {
		return
	}
	norms := rowNorms(net.Decoder)
	unit := true
	for _, v := range norms {
		unit = unit && v == 1
	}
	if unit {
		return
	}
	if r.fail(r.file.notFinite()); r.err != nil {
		return
	}
	r.file.matrices = nil // so that the float32 form can go
	net.Encoder, net.Decoder = scaled(net.Encoder, norms), divided(net.Decoder, norms)
	for j := range net.EncoderBias {
		net.EncoderBias[j] *= norms[j]
	}
	r.note("the norms of W_dec are folded into the encoder, as rescale_acts_by_decoder_norm asks; the weights are float64 for it")
}

// dropScalingFactor takes the scaling_factor of old files, which must be all ones.
func (r *reader) dropScalingFactor(latents int) {
	const name = "scaling_factor"
	if !r.file.has(name) {
		return
	}
	if v := r.file.vector(name, latents); slices.ContainsFunc(v, func(v float64) bool { return v != 1 }) {
		r.fail(unknown("%s: tensor %s is not all ones: it would change the codes, and is not supported", r.file.name, name))
		return
	}
	r.info.IgnoredTensors = append(r.info.IgnoredTensors, name)
}
