package pretrained

import (
	"cmp"
	"math"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/tensor"
	"github.com/ksparse/ksparse/internal/torchfile"
)

// dictionaryLearning reads ae.pt and config.json of dictionary_learning
// (dictionary.py, trainers/*.py), also the file of an interrupted run.
func (r *reader) dictionaryLearning() {
	file, net := r.file, &r.net
	trainer := r.settings.object("trainer")
	class := trainer.textOr("dict_class", "")
	if trainer.fields["dict_class"] == nil {
		trainer.wrong("dict_class", "the name of a class")
	}
	r.info.Architecture = class
	r.info.ModelName = trainer.remark("lm_name")
	r.info.HookName = cmp.Or(trainer.remark("submodule_name"), trainer.remark("layer"))
	factor := r.interruptedRun()
	if r.err != nil {
		return
	}
	net.Activation = ksparse.ReLU
	r.dictionaryClass(class, trainer, factor)
	if r.err != nil {
		return
	}
	if net.Selection == ksparse.SelectTopK || net.Selection == ksparse.SelectBatchTopK {
		net.K = r.dictionaryK(trainer)
	}
	encoder := "encoder.weight"
	if file.hasSAELensNames() {
		encoder = "W_enc"
	}
	trainer.same("activation_dim", net.Encoder.Cols, encoder)
	trainer.same("dict_size", net.Encoder.Rows, encoder)
	r.scaleBiases(factor)
	r.info.Ignored = append(r.info.Ignored, trainer.ignored("trainer.")...)
}

// dictionaryClass reads what a class has. factor is that of scaleBiases.
func (r *reader) dictionaryClass(class string, trainer *settings, factor float64) {
	file, net := r.file, &r.net
	neverLearned := math.Nextafter(0, -1) // the threshold is -1 then
	switch class {
	case "AutoEncoder":
		r.linearNames()
		r.relu()
		if net.DecoderBias = file.vector("bias", net.Encoder.Cols); net.DecoderBias != nil {
			net.PreBias = true
		}
		r.note("the project's own loader gives codes times the norms of the decoder's columns by default; these are the file's")
	case "AutoEncoderNew":
		r.linearNames()
		r.relu()
		net.DecoderBias = file.vector("decoder.bias", net.Encoder.Cols)
	case "AutoEncoderTopK":
		r.linearNames()
		net.DecoderBias, net.PreBias = file.vector("b_dec", net.Encoder.Cols), true
		net.Selection = ksparse.SelectTopK
		if file.has("threshold") {
			if theta := file.scalar("threshold"); theta >= 0 {
				net.Thresholds = constant(net.Encoder.Rows, theta)
				r.note("the file also has a threshold, %s, that training learned: SetSelection(SelectThreshold) selects by it", figure(theta*factor))
			}
		}
	case "BatchTopKSAE":
		r.linearNames()
		net.DecoderBias, net.PreBias = file.vector("b_dec", net.Encoder.Cols), true
		net.Selection = ksparse.SelectBatchTopK
		r.batchThreshold("threshold", neverLearned)
	case "MatryoshkaBatchTopKSAE", "MatroyshkaBatchTopKSAE": // so spelt until January 2025
		r.saeLensNames()
		net.PreBias = true
		net.Selection = ksparse.SelectBatchTopK
		r.batchThreshold("threshold", neverLearned)
		r.groupSizes(trainer)
	case "JumpReluAutoEncoder":
		r.saeLensNames() // b_dec is not subtracted
		r.selectByThreshold(file.vector("threshold", net.Encoder.Rows))
	case "GatedAutoEncoder":
		net.Encoder = file.matrix("encoder.weight", anySize, anySize)
		net.Decoder = file.transposed("decoder.weight", net.Encoder.Rows, net.Encoder.Cols)
		net.DecoderBias, net.PreBias = file.vector("decoder_bias", net.Encoder.Cols), true
		r.gated("gate_bias", "mag_bias", "r_mag")
	default:
		trainer.wrong("dict_class", "one of AutoEncoder, AutoEncoderNew, AutoEncoderTopK, BatchTopKSAE, MatryoshkaBatchTopKSAE, JumpReluAutoEncoder, GatedAutoEncoder")
	}
}

// dictionaryK returns k, which until December 2024 was in config.json alone.
func (r *reader) dictionaryK(trainer *settings) int {
	file, latents := r.file, r.net.Encoder.Rows
	var k int
	if file.has("k") {
		k = file.positive("k", file.scalar("k"))
		trainer.same("k", k, "k")
	} else {
		k = trainer.integer("k")
		r.info.Version = "before December 2024"
	}
	if r.err == nil && k > latents {
		r.fail(unknown("%s: k is %d, and there are %d latents", file.name, k, latents))
	}
	return k
}

// groupSizes reads and checks the sizes of the groups of a matryoshka model.
func (r *reader) groupSizes(trainer *settings) {
	const name = "group_sizes"
	groups := trainer.integers(name)
	if r.file.has(name) {
		stored := r.file.take(name)
		if stored == nil {
			return
		}
		if len(stored.Shape()) != 1 || stored.Count() > r.net.Encoder.Rows {
			r.fail(unknown("%s: tensor %s has shape %s, want a list of sizes", r.file.name, name, shapeText(stored.Shape())))
			return
		}
		groups = groups[:0]
		for _, v := range r.file.numbers(name, stored) {
			groups = append(groups, r.file.positive(name, v))
		}
	}
	r.groups(groups)
}

// interruptedRun steps into the state dict that an interrupted run leaves in the file
// beside its optimiser, and returns what biases and thresholds are to be multiplied by.
// Of other files that is 1.
func (r *reader) interruptedRun() float64 {
	file := r.file
	state, ok := file.values["ae"].(*torchfile.Dict)
	if !ok {
		return 1
	}
	factor := 0.0
	switch v := file.values["norm_factor"].(type) {
	case float64:
		factor = v
	case int64:
		factor = float64(v)
	case *tensor.Tensor:
		factor = file.number("norm_factor", v)
	}
	if r.err == nil && !(factor > 0 && factor <= math.MaxFloat64) {
		r.fail(unknown("%s is the file of an interrupted run, and its norm_factor is %s, want a number above 0", file.name, torchfile.Kind(file.values["norm_factor"])))
	}
	file.useDict(state)
	r.note("the file of an interrupted run: biases and thresholds are multiplied by its norm_factor %s", figure(factor))
	return factor
}

// scaleBiases turns biases and thresholds from normalised units into those of the
// rows.
func (r *reader) scaleBiases(factor float64) {
	net := &r.net
	if factor == 1 {
		return
	}
	times(net.EncoderBias, factor)
	times(net.DecoderBias, factor)
	if !r.chosen { // the caller's is in the units of the rows
		times(net.Thresholds, factor)
	}
	times(net.GateBias, factor)
}
