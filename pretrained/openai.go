package pretrained

import (
	"maps"
	"slices"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/tensor"
	"github.com/ksparse/ksparse/internal/torchfile"
)

// openAI reads a state dict of openai/sparse_autoencoder (model.py):
//
//	y = (x - mean)/(std + 1e-5)    TopK alone, std with n-1
//	z = activation((y - pre_bias) encoder.weightᵀ + latent_bias)
//	out = z decoder.weightᵀ + pre_bias, times std, plus mean
func (r *reader) openAI() reading {
	file := r.file
	encoder := file.matrix("encoder.weight", anySize, anySize)
	latents, inputs := encoder.Rows, encoder.Cols
	latentBias, preBias := file.vector("latent_bias", latents), file.vector("pre_bias", inputs)
	activation := r.openAIActivation()
	c := r.openAIChoice(activation, latents)
	decoder, tied := r.decoderOrTied(latents, inputs)
	return reading{
		net: ksparse.Config{
			Classic: true,
			Encoder: encoder, EncoderBias: latentBias, Decoder: decoder, DecoderBias: preBias, Tied: tied, PreBias: true,
			Selection: c.selection, Activation: c.activation, K: c.k, Thresholds: c.thresholds,
			Normalization: layerNormIf(activation == "TopK"),
		},
		about: about{
			architecture: activation,
			ignoredTensors: file.ignore("stats_last_nonzero", "latents_activation_frequency", "latents_mean_square",
				"activation.k", "activation.postact_fn"),
		},
	}
}

// openAIActivation names the activation, ReLU where the file does not. The files of 2023
// have ReLU and do not say so. Their decoder is one of its own, or they have statistics
// that no other project writes.
func (r *reader) openAIActivation() string {
	activation, ok := r.text("activation")
	switch {
	case ok || r.err != nil:
		return activation
	case !r.file.has("decoder.weight") && !r.file.has("latents_activation_frequency"):
		r.fail(unknown("%s has no activation: it may be a ReLU model of openai/sparse_autoencoder, or one of sentence-transformers without its config.json", r.file.name))
	}
	r.note("the file names no activation, as those of 2023 with ReLU")
	return "ReLU"
}

// openAIChoice reads what belongs to the activation, and nothing else may be there.
func (r *reader) openAIChoice(activation string, latents int) choice {
	var c choice
	state := r.activationState()
	switch activation {
	case "ReLU":
		c = reluChoice(latents)
	case "Identity":
		c = choice{selection: ksparse.SelectTopK, activation: ksparse.Identity, k: latents}
	case "TopK":
		c = choice{selection: ksparse.SelectTopK, k: r.activationK(state, latents), activation: r.activationAfter(state)}
		delete(state, "k")
		delete(state, "postact_fn")
	default:
		r.fail(unknown("%s: activation is %.60q, want \"TopK\", \"ReLU\" or \"Identity\"", r.file.name, activation))
	}
	if len(state) > 0 {
		r.fail(unknown("%s: activation_state_dict holds what %s does not have: %s", r.file.name, activation, some(slices.Sorted(maps.Keys(state)))))
	}
	return c
}

// activationAfter returns what is done to the k largest.
func (r *reader) activationAfter(state map[string]any) ksparse.Activation {
	after, _ := state["postact_fn"].(string)
	switch after {
	case "ReLU":
		return ksparse.ReLU
	case "Identity":
		return ksparse.Identity
	}
	r.fail(unknown("%s: activation_state_dict: postact_fn is %.60q, want \"ReLU\" or \"Identity\"", r.file.name, after))
	return ksparse.ReLU
}

// text returns an entry of a state dict that is a string.
func (r *reader) text(name string) (string, bool) {
	value, ok := r.file.values[name]
	if !ok {
		return "", false
	}
	r.file.taken[name] = true
	s, ok := value.(string)
	if !ok {
		r.fail(unknown("%s: %s is %s, want a string", r.file.name, name, torchfile.Kind(value)))
	}
	return s, ok
}

// activationState returns a copy of the entries of activation_state_dict.
func (r *reader) activationState() map[string]any {
	const name = "activation_state_dict"
	state := make(map[string]any)
	value, ok := r.file.values[name]
	if !ok {
		return state
	}
	r.file.taken[name] = true
	d, ok := value.(*torchfile.Dict)
	if !ok {
		r.fail(unknown("%s: %s is %s, want a dict", r.file.name, name, torchfile.Kind(value)))
		return state
	}
	for key, value := range d.All() {
		s, ok := key.(string)
		if !ok {
			r.fail(unknown("%s: %s has a key that is %s, want strings", r.file.name, name, torchfile.Kind(key)))
		}
		state[s] = value
	}
	return state
}

// activationK returns k, an int or a tensor without dimensions.
func (r *reader) activationK(state map[string]any, latents int) int {
	const what = "activation_state_dict: k"
	file := r.file
	k := 0
	switch v := state["k"].(type) {
	case int64:
		k = file.positive(what, float64(v))
	case *tensor.Tensor:
		k = file.positive(what, file.number(what, v))
	default:
		r.fail(unknown("%s: %s is %s, want an integer", file.name, what, torchfile.Kind(v)))
	}
	if r.err == nil && k > latents {
		r.fail(unknown("%s: %s is %d, and there are %d latents", file.name, what, k, latents))
	}
	return k
}

// decoderOrTied reads decoder.weight [inputs, latents], or finds that the decoder is the
// encoder: decoder.linear.weight, [latents, inputs], is another name of encoder.weight
// then.
func (r *reader) decoderOrTied(latents, inputs int) (decoder ksparse.Weights, tied bool) {
	const tiedName = "decoder.linear.weight"
	file := r.file
	if !file.has(tiedName) {
		return file.transposed("decoder.weight", latents, inputs), false
	}
	if file.has("encoder.weight") {
		r.sameTensor("encoder.weight", tiedName)
	}
	return ksparse.Weights{}, true
}
