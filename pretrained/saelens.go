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
// W_enc is [inputs, latents]. What configurations before version 6 say otherwise is
// in saelens_config.go.
func (r *reader) saeLens() {
	w, p := r.weights, &r.parts
	c := r.readSAELensConfig()
	if r.err != nil {
		return
	}
	r.info.Architecture = c.architecture
	p.Encoder = w.transposed("W_enc", anySize, anySize)
	latents, inputs := p.Encoder.Rows, p.Encoder.Cols
	r.config.equal("d_in", inputs, "W_enc")
	r.config.equal("d_sae", latents, "W_enc")
	outputs := inputs
	if c.transcoder {
		outputs = anySize
	}
	p.Decoder = w.matrix("W_dec", latents, outputs)
	outputs = p.Decoder.Cols
	if c.transcoder {
		r.config.same("d_out", outputs, "W_dec")
	}
	p.DecoderBias = w.vector("b_dec", outputs)
	if c.architecture != "gated" {
		p.EncoderBias = w.vector("b_enc", latents)
	}
	p.PreBias = c.subtract
	p.Activation = ksparse.ReLU
	r.info.Transcoder = c.transcoder
	if r.err != nil {
		return
	}
	r.saeLensNormalization(c)
	switch c.architecture {
	case "standard", "transcoder", "skip_transcoder":
		p.Selection, p.Thresholds = ksparse.SelectThreshold, make([]float64, latents)
	case "topk":
		p.Selection, p.K = ksparse.SelectTopK, r.k(c.k, latents)
	case "jumprelu", "jumprelu_transcoder":
		p.Selection, p.Thresholds = ksparse.SelectThreshold, w.vector("threshold", latents)
	case "batchtopk", "matryoshka_batchtopk":
		r.batchTopKCheckpoint(latents)
	case "gated":
		// shared with dictionary_learning
		r.gated("b_gate", "b_mag", "r_mag")
	}
	if c.architecture == "skip_transcoder" {
		p.Skip = w.matrix("W_skip", outputs, inputs)
	}
	if c.rescale {
		r.foldNorms()
	}
	r.dropScalingFactor(latents)
}

// saeLensNormalization takes over normalize_activations.
func (r *reader) saeLensNormalization(c saeLensConfig) {
	p := &r.parts
	p.Undo = !c.transcoder
	switch c.normalize {
	case "none":
		p.Undo = false
	case "layer_norm":
		p.Normalization = ksparse.LayerNorm
	case "constant_norm_rescale":
		p.Normalization = ksparse.UnitRMS
	case "expected_average_only_in":
		p.Normalization = ksparse.DatasetScale
		r.scaled = true
		switch p.Scale = r.options.Scale; p.Scale {
		case 0:
			r.unset("%s: normalize_activations is %q: in training rows were multiplied by sqrt(%d) over their mean norm, and the file says neither that number nor whether it was folded into the weights since. "+
				"If it was, or to do what SAELens does with this file, set Options.Scale to 1; else to that number, or set Options.Unset and let StartFrom find it in your rows",
				r.config.name, c.normalize, p.Encoder.Cols)
		case 1:
			p.Normalization, p.Scale, p.Undo = ksparse.NoNormalization, 0, false
		}
	}
}

// batchTopKCheckpoint reads what a training checkpoint of BatchTopK has: one
// threshold for all latents, by which its export selects.
func (r *reader) batchTopKCheckpoint(latents int) {
	p, c := &r.parts, r.config
	p.Selection = ksparse.SelectThreshold
	if k := c.number("k"); r.err == nil {
		switch {
		case !(k > 0 && k <= float64(latents)):
			c.wrong("k", "a number above 0 and at most the number of latents")
		case k == math.Trunc(k):
			p.Selection, p.K = ksparse.SelectBatchTopK, int(k)
		default:
			r.note("k is %v: a training that goes on can only have an integer, so the network selects by its threshold in training too", k)
		}
		r.info.K = k
	}
	r.batchThreshold("topk_threshold", 0)
}

// batchThreshold reads a threshold for all latents, which was learned where it is
// above least.
func (r *reader) batchThreshold(name string, least float64) {
	theta := 0.0
	if r.weights.has(name) {
		theta = r.weights.scalar(name)
	}
	if r.err != nil {
		return
	}
	if r.weights.has(name) && theta > least {
		r.parts.Thresholds = constant(r.parts.Encoder.Rows, theta)
		return
	}
	found := "is not in the file"
	if r.weights.has(name) {
		found = "was never learned: it is " + trim(theta)
	}
	r.chooseThreshold(name + " " + found)
}

// chooseThreshold uses the caller's threshold, or says that it is wanted, because of
// what.
func (r *reader) chooseThreshold(what string) {
	if theta := r.options.Threshold; theta > 0 {
		r.parts.Thresholds, r.chosen = constant(r.parts.Encoder.Rows, theta), true
		r.note("the threshold %s is the caller's: %s", trim(theta), what)
		return
	}
	r.unset("%s: %s, so which latents are active is left open (running it as plain ReLU would be wrong). "+
		"Set Options.Threshold, or set Options.Unset and then SetThreshold or Calibrate the network on your rows; "+
		"until then Forward, after Widen, keeps the k·rows largest values of a batch, as training does", r.weights.name, what)
}

// foldNorms makes the rows of the decoder unit vectors and the codes larger by their
// norms, for models that select by pre-activation times norm. A row of zeros leaves
// its latent dead.
func (r *reader) foldNorms() {
	p := &r.parts
	if r.err != nil {
		return
	}
	norms := rowNorms(p.Decoder)
	unit := true
	for _, v := range norms {
		unit = unit && v == 1
	}
	if unit {
		return
	}
	if r.fail(r.weights.notFinite()); r.err != nil {
		return
	}
	r.weights.matrices = nil // so that the float32 form can go
	p.Encoder, p.Decoder = scaled(p.Encoder, norms), divided(p.Decoder, norms)
	for j := range p.EncoderBias {
		p.EncoderBias[j] *= norms[j]
	}
	r.note("the norms of W_dec are folded into the encoder, as rescale_acts_by_decoder_norm asks; the weights are float64 for it")
}

// gated reads the gate of a gated autoencoder, without a bias of its own besides.
func (r *reader) gated(gate, magnitude, logGain string) {
	w, p := r.weights, &r.parts
	latents := p.Encoder.Rows
	p.Selection, p.Activation = ksparse.SelectThreshold, ksparse.ReLU
	p.EncoderBias = w.vector(magnitude, latents)
	p.Gate = &ksparse.Gate{Bias: w.vector(gate, latents), LogGain: w.vector(logGain, latents)}
}

// dropScalingFactor takes the scaling_factor of old files, which must be all ones.
func (r *reader) dropScalingFactor(latents int) {
	const name = "scaling_factor"
	w := r.weights
	if !w.has(name) {
		return
	}
	if v := w.vector(name, latents); slices.ContainsFunc(v, func(v float64) bool { return v != 1 }) {
		r.fail(unknown("%s: tensor %s is not all ones: it would change the codes, and is not supported", w.name, name))
		return
	}
	r.info.IgnoredTensors = append(r.info.IgnoredTensors, name)
}
