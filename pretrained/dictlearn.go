package pretrained

import (
	"math"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/tensor"
	"github.com/ksparse/ksparse/internal/torchfile"
)

// dictionaryLearning reads ae.pt and config.json of dictionary_learning
// (dictionary.py, trainers/*.py), also the file of an interrupted run.
func (r *reader) dictionaryLearning() {
	w, p := r.weights, &r.parts
	trainer := r.config.object("trainer")
	class := trainer.textOr("dict_class", "")
	if trainer.fields["dict_class"] == nil {
		trainer.wrong("dict_class", "the name of a class")
	}
	r.info.Architecture = class
	r.info.ModelName = trainer.remark("lm_name")
	r.info.HookName = first(trainer.remark("submodule_name"), trainer.remark("layer"))
	factor := r.backup()
	if r.err != nil {
		return
	}
	p.Activation = ksparse.ReLU
	var k bool // whether the class has one
	switch class {
	case "AutoEncoder":
		r.linearNames("decoder.weight")
		r.relu()
		if p.DecoderBias = w.vector("bias", p.Encoder.Cols); p.DecoderBias != nil {
			p.PreBias = true
		}
		r.note("the project's own loader gives codes times the norms of the decoder's columns by default; these are the file's")
	case "AutoEncoderNew":
		r.linearNames("decoder.weight")
		r.relu()
		p.DecoderBias = w.vector("decoder.bias", p.Encoder.Cols)
	case "AutoEncoderTopK":
		r.linearNames("decoder.weight")
		p.DecoderBias, p.PreBias = w.vector("b_dec", p.Encoder.Cols), true
		p.Selection, k = ksparse.SelectTopK, true
		if w.has("threshold") {
			if theta := w.scalar("threshold"); theta >= 0 {
				p.Thresholds = constant(p.Encoder.Rows, theta)
				r.note("the file also has a threshold, %s, that training learned: SetSelection(SelectThreshold) selects by it", trim(theta*factor))
			}
		}
	case "BatchTopKSAE":
		r.linearNames("decoder.weight")
		p.DecoderBias, p.PreBias = w.vector("b_dec", p.Encoder.Cols), true
		p.Selection, k = ksparse.SelectBatchTopK, true
		r.batchThreshold("threshold", math.Nextafter(0, -1)) // -1 is never
	case "MatryoshkaBatchTopKSAE", "MatroyshkaBatchTopKSAE": // so spelt until January 2025
		r.wordNames()
		p.PreBias = true
		p.Selection, k = ksparse.SelectBatchTopK, true
		r.batchThreshold("threshold", math.Nextafter(0, -1))
		r.groupSizes(trainer)
	case "JumpReluAutoEncoder":
		r.wordNames() // b_dec is not subtracted
		p.Selection, p.Thresholds = ksparse.SelectThreshold, w.vector("threshold", p.Encoder.Rows)
	case "GatedAutoEncoder":
		p.Encoder = w.matrix("encoder.weight", anySize, anySize)
		p.Decoder = w.transposed("decoder.weight", p.Encoder.Rows, p.Encoder.Cols)
		p.DecoderBias, p.PreBias = w.vector("decoder_bias", p.Encoder.Cols), true
		r.gated("gate_bias", "mag_bias", "r_mag")
	default:
		trainer.wrong("dict_class", "one of AutoEncoder, AutoEncoderNew, AutoEncoderTopK, BatchTopKSAE, MatryoshkaBatchTopKSAE, JumpReluAutoEncoder, GatedAutoEncoder")
	}
	if r.err != nil {
		return
	}
	if k {
		p.K = r.dictionaryK(trainer)
	}
	encoder := "encoder.weight"
	if w.hasInWords() {
		encoder = "W_enc"
	}
	trainer.same("activation_dim", p.Encoder.Cols, encoder)
	trainer.same("dict_size", p.Encoder.Rows, encoder)
	r.scaleBiases(factor)
	r.info.Ignored = append(r.info.Ignored, trainer.ignored("trainer.")...)
}

// linearNames reads encoder.weight [latents, inputs] and a decoder [inputs, latents],
// as nn.Linear has them.
func (r *reader) linearNames(decoder string) {
	w, p := r.weights, &r.parts
	p.Encoder = w.matrix("encoder.weight", anySize, anySize)
	p.EncoderBias = w.vector("encoder.bias", p.Encoder.Rows)
	p.Decoder = w.transposed(decoder, p.Encoder.Rows, p.Encoder.Cols)
}

// wordNames reads W_enc [inputs, latents] and W_dec [latents, inputs] with biases.
func (r *reader) wordNames() {
	w, p := r.weights, &r.parts
	p.Encoder = w.transposed("W_enc", anySize, anySize)
	p.EncoderBias = w.vector("b_enc", p.Encoder.Rows)
	p.Decoder = w.matrix("W_dec", p.Encoder.Rows, p.Encoder.Cols)
	p.DecoderBias = w.vector("b_dec", p.Encoder.Cols)
}

// relu makes every positive latent active.
func (r *reader) relu() {
	r.parts.Selection, r.parts.Thresholds = ksparse.SelectThreshold, make([]float64, r.parts.Encoder.Rows)
}

// dictionaryK returns k, which until December 2024 was in config.json alone.
func (r *reader) dictionaryK(trainer *config) int {
	w, latents := r.weights, r.parts.Encoder.Rows
	var k int
	if w.has("k") {
		k = w.positive("k", w.scalar("k"))
		trainer.same("k", k, "k")
	} else {
		k = trainer.integer("k")
		r.info.Version = "before December 2024"
	}
	if r.err == nil && k > latents {
		r.fail(unknown("%s: k is %d, and there are %d latents", w.name, k, latents))
	}
	return k
}

// groupSizes reads and checks the sizes of the groups of a matryoshka model.
func (r *reader) groupSizes(trainer *config) {
	groups := trainer.integers("group_sizes")
	if r.weights.has("group_sizes") {
		stored := r.weights.take("group_sizes")
		if stored == nil {
			return
		}
		if len(stored.Shape()) != 1 || stored.Count() > r.parts.Encoder.Rows {
			r.fail(unknown("%s: tensor group_sizes has shape %s, want a list of sizes", r.weights.name, shapeText(stored.Shape())))
			return
		}
		groups = groups[:0]
		for _, v := range r.weights.numbers("group_sizes", stored) {
			groups = append(groups, r.weights.positive("group_sizes", v))
		}
	}
	r.groups(groups)
}

// groups remembers the groups, which must share out all latents.
func (r *reader) groups(groups []int) {
	sum := 0
	for _, g := range groups {
		sum += g
	}
	if r.err == nil && len(groups) > 0 && sum != r.parts.Encoder.Rows {
		r.fail(unknown("%s: group_sizes %v add up to %d, and there are %d latents", r.weights.name, groups, sum, r.parts.Encoder.Rows))
	}
	r.info.Groups = groups
}

// backup steps into the state dict that an interrupted run leaves in the file beside
// its optimiser, and returns what biases and thresholds are to be multiplied by.
func (r *reader) backup() float64 {
	w := r.weights
	state, ok := w.values["ae"].(*torchfile.Dict)
	if !ok {
		return 1
	}
	factor := 0.0
	switch v := w.values["norm_factor"].(type) {
	case float64:
		factor = v
	case int64:
		factor = float64(v)
	case *tensor.Tensor:
		factor = w.one("norm_factor", v)
	}
	if r.err == nil && !(factor > 0 && factor <= math.MaxFloat64) {
		r.fail(unknown("%s is the file of an interrupted run, and its norm_factor is %s, want a number above 0", w.name, torchfile.Kind(w.values["norm_factor"])))
	}
	w.useDict(state)
	r.note("the file of an interrupted run: biases and thresholds are multiplied by its norm_factor %s", trim(factor))
	return factor
}

// scaleBiases turns biases and thresholds from normalised units into those of the
// rows.
func (r *reader) scaleBiases(factor float64) {
	p := &r.parts
	if factor == 1 {
		return
	}
	times(p.EncoderBias, factor)
	times(p.DecoderBias, factor)
	if !r.chosen { // the caller's is in the units of the rows
		times(p.Thresholds, factor)
	}
	if p.Gate != nil {
		times(p.Gate.Bias, factor)
	}
}
