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
func (r *reader) openAI() {
	file, net := r.file, &r.net
	net.Encoder = file.matrix("encoder.weight", anySize, anySize)
	latents, inputs := net.Encoder.Rows, net.Encoder.Cols
	net.EncoderBias = file.vector("latent_bias", latents)
	net.DecoderBias = file.vector("pre_bias", inputs)
	net.PreBias = true
	activation, ok := r.text("activation")
	if r.err != nil {
		return
	}
	if !ok {
		// The files of 2023 have ReLU and do not say so. Their decoder is one of its own,
		// or they have statistics that no other project writes.
		if !file.has("decoder.weight") && !file.has("latents_activation_frequency") {
			r.fail(unknown("%s has no activation: it may be a ReLU model of openai/sparse_autoencoder, or one of sentence-transformers without its config.json", file.name))
			return
		}
		activation = "ReLU"
		r.note("the file names no activation, as those of 2023 with ReLU")
	}
	r.info.Architecture = activation
	state := r.activationState()
	switch activation {
	case "ReLU":
		r.relu()
	case "Identity":
		net.Selection, net.Activation, net.K = ksparse.SelectTopK, ksparse.Identity, latents
	case "TopK":
		r.openAITopK(state, latents)
	default:
		r.fail(unknown("%s: activation is %.60q, want \"TopK\", \"ReLU\" or \"Identity\"", file.name, activation))
	}
	if len(state) > 0 {
		r.fail(unknown("%s: activation_state_dict holds what %s does not have: %s", file.name, activation, some(slices.Sorted(maps.Keys(state)))))
	}
	r.decoderOrTied()
	r.info.IgnoredTensors = file.ignore("stats_last_nonzero", "latents_activation_frequency", "latents_mean_square",
		"activation.k", "activation.postact_fn")
}

// openAITopK takes from the state what TopK has: k, and what is done to the k largest.
func (r *reader) openAITopK(state map[string]any, latents int) {
	net := &r.net
	net.Selection, net.Activation, net.Normalization = ksparse.SelectTopK, ksparse.ReLU, ksparse.LayerNorm
	net.K = r.activationK(state, latents)
	after, _ := state["postact_fn"].(string)
	switch after {
	case "ReLU":
	case "Identity":
		net.Activation = ksparse.Identity
	default:
		r.fail(unknown("%s: activation_state_dict: postact_fn is %.60q, want \"ReLU\" or \"Identity\"", r.file.name, after))
	}
	delete(state, "k")
	delete(state, "postact_fn")
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
func (r *reader) decoderOrTied() {
	const tied = "decoder.linear.weight"
	file, net := r.file, &r.net
	if r.err != nil {
		return
	}
	if !file.has(tied) {
		net.Decoder = file.transposed("decoder.weight", net.Encoder.Rows, net.Encoder.Cols)
		return
	}
	net.Tied = true
	if file.has("encoder.weight") {
		r.sameTensor("encoder.weight", tied)
	}
}
