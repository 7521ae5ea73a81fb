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
func (r *reader) dictionaryLearning() reading {
	file := r.file
	trainer := r.settings.object("trainer")
	r.leave(r.settings, "", []string{"buffer"}, noted) // how activations were gathered
	r.leave(trainer, "trainer.", dictionaryFields, noted)
	class := trainer.textOr("dict_class", "")
	if trainer.fields["dict_class"] == nil {
		trainer.wrong("dict_class", "the name of a class")
	}
	factor := r.interruptedRun()
	d := r.dictionaryClass(class, trainer, factor)
	latents := d.encoder.Rows
	k, version := 0, ""
	if d.selection == ksparse.SelectTopK || d.selection == ksparse.SelectBatchTopK {
		k, version = r.dictionaryK(trainer, latents)
	}
	encoderName := "encoder.weight"
	if file.hasSAELensNames() {
		encoderName = "W_enc"
	}
	trainer.same("activation_dim", d.encoder.Cols, encoderName)
	trainer.same("dict_size", latents, encoderName)
	r.scaleBiases(d, factor)
	return reading{
		net: ksparse.Config{
			Classic: true,
			Encoder: d.encoder, EncoderBias: d.encoderBias, Decoder: d.decoder, DecoderBias: d.decoderBias, PreBias: d.preBias,
			Selection: d.selection, Activation: d.activation, K: k, Thresholds: d.thresholds,
			GateBias: d.gateBias, GateLogGain: d.gateLogGain,
		},
		about: about{
			architecture: class, version: version, groups: d.groups,
			modelName: trainer.remark("lm_name"), hookName: cmp.Or(trainer.remark("submodule_name"), trainer.remark("layer")),
		},
	}
}

// A dictionary is what a class of dictionary_learning has, but for k.
type dictionary struct {
	coders
	choice
	preBias bool
	groups  []int
}

// dictionaryClass reads what the class has. factor is that of scaleBiases.
func (r *reader) dictionaryClass(class string, trainer *settings, factor float64) dictionary {
	switch class {
	case "AutoEncoder":
		trainer.absent("k", "ReLU")
		w := r.linearNames("bias")
		r.note("the project's own loader gives codes times the norms of the decoder's columns by default; these are the file's")
		return dictionary{coders: w, choice: reluChoice(w.encoder.Rows), preBias: true}
	case "AutoEncoderNew":
		trainer.absent("k", "ReLU")
		w := r.linearNames("decoder.bias")
		return dictionary{coders: w, choice: reluChoice(w.encoder.Rows)}
	case "AutoEncoderTopK":
		w := r.linearNames("b_dec")
		c := choice{selection: ksparse.SelectTopK, activation: ksparse.ReLU, thresholds: r.spareThreshold(w.encoder.Rows, factor)}
		return dictionary{coders: w, choice: c, preBias: true}
	case "BatchTopKSAE":
		w := r.linearNames("b_dec")
		return dictionary{coders: w, choice: r.dictionaryBatchChoice(w.encoder.Rows), preBias: true}
	case "MatryoshkaBatchTopKSAE", "MatroyshkaBatchTopKSAE": // so spelt until January 2025
		w := r.saeLensNames()
		latents := w.encoder.Rows
		return dictionary{coders: w, choice: r.dictionaryBatchChoice(latents), preBias: true, groups: r.groupSizes(trainer, latents)}
	case "JumpReluAutoEncoder":
		w := r.saeLensNames() // b_dec is not subtracted
		return dictionary{coders: w, choice: jumpReLUChoice(r.file.vector("threshold", w.encoder.Rows))}
	case "GatedAutoEncoder":
		w := r.gatedNames()
		return dictionary{coders: w, choice: r.gatedChoice("gate_bias", "r_mag", w.encoder.Rows), preBias: true}
	}
	trainer.wrong("dict_class", "one of AutoEncoder, AutoEncoderNew, AutoEncoderTopK, BatchTopKSAE, MatryoshkaBatchTopKSAE, JumpReluAutoEncoder, GatedAutoEncoder")
	return dictionary{}
}

// gatedNames reads the weights and biases of a GatedAutoEncoder.
func (r *reader) gatedNames() coders {
	file := r.file
	encoder := file.matrix("encoder.weight", anySize, anySize)
	latents, inputs := encoder.Rows, encoder.Cols
	return coders{
		encoder: encoder, decoder: file.transposed("decoder.weight", latents, inputs),
		decoderBias: file.vector("decoder_bias", inputs), encoderBias: file.vector("mag_bias", latents),
	}
}

// dictionaryBatchChoice reads the threshold of BatchTopK, which is -1 where it was never
// learned.
func (r *reader) dictionaryBatchChoice(latents int) choice {
	below := math.Nextafter(0, -1) // 0 may be learned
	return choice{
		selection: ksparse.SelectBatchTopK, activation: ksparse.ReLU,
		thresholds: r.batchThreshold("threshold", below, latents),
	}
}

// spareThreshold reads the threshold that some models which keep the k largest have
// besides, nil where it was never learned. factor is that of scaleBiases.
func (r *reader) spareThreshold(latents int, factor float64) []float64 {
	if !r.file.has("threshold") {
		return nil
	}
	theta := r.file.scalar("threshold")
	if theta < 0 {
		return nil
	}
	r.note("the file also has a threshold, %s, that training learned: a selection by threshold would go by it", figure(theta*factor))
	return constant(latents, theta)
}

// dictionaryK returns k, which until December 2024 was in config.json alone, and tells
// the version by that.
func (r *reader) dictionaryK(trainer *settings, latents int) (k int, version string) {
	file := r.file
	if !file.has("k") {
		return r.k(trainer, "k", latents), "before December 2024"
	}
	k = file.positive("k", file.scalar("k"))
	trainer.same("k", k, "k")
	if r.err == nil && k > latents {
		r.fail(unknown("%s: k is %d, and there are %d latents", file.name, k, latents))
	}
	return k, ""
}

// groupSizes reads and checks the sizes of the groups of a matryoshka model.
func (r *reader) groupSizes(trainer *settings, latents int) []int {
	const name = "group_sizes"
	groups := trainer.integers(name)
	if r.file.has(name) {
		stored := r.file.take(name)
		if stored == nil {
			return nil
		}
		if len(stored.Shape()) != 1 || stored.Count() > latents {
			r.fail(unknown("%s: tensor %s has shape %s, want a list of sizes", r.file.name, name, shapeText(stored.Shape())))
			return nil
		}
		groups = groups[:0]
		for _, v := range r.file.numbers(name, stored) {
			groups = append(groups, r.file.positive(name, v))
		}
	}
	return r.checkGroups(trainer.name, name, groups, latents)
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
	file.contents = dictContents(state, file.close)
	r.note("the file of an interrupted run: biases and thresholds are multiplied by its norm_factor %s", figure(factor))
	return factor
}

// scaleBiases turns biases and thresholds from normalised units into those of the
// rows.
func (r *reader) scaleBiases(d dictionary, factor float64) {
	if factor == 1 {
		return
	}
	times(d.encoderBias, factor)
	times(d.decoderBias, factor)
	if !r.chosen { // the caller's is in the units of the rows
		times(d.thresholds, factor)
	}
	times(d.gateBias, factor)
}
