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
	w, p := r.weights, &r.parts
	p.Encoder = w.matrix("encoder.weight", anySize, anySize)
	latents, inputs := p.Encoder.Rows, p.Encoder.Cols
	p.EncoderBias = w.vector("latent_bias", latents)
	p.DecoderBias = w.vector("pre_bias", inputs)
	p.PreBias = true
	activation, ok := r.text("activation")
	if r.err != nil {
		return
	}
	if !ok {
		// The files of 2023 have ReLU and do not say so. Their decoder is one of its own,
		// or they have statistics that no other project writes.
		if !w.has("decoder.weight") && !w.has("latents_activation_frequency") {
			r.fail(unknown("%s has no activation: it may be a ReLU model of openai/sparse_autoencoder, or one of sentence-transformers without its config.json", w.name))
			return
		}
		activation = "ReLU"
		r.note("the file names no activation, as those of 2023 with ReLU")
	}
	r.info.Architecture = activation
	state := r.activationState()
	switch activation {
	case "ReLU":
		p.Selection, p.Activation = ksparse.SelectThreshold, ksparse.ReLU
		p.Thresholds = make([]float64, latents)
	case "Identity":
		p.Selection, p.Activation, p.K = ksparse.SelectTopK, ksparse.Identity, latents
	case "TopK":
		p.Selection, p.Activation = ksparse.SelectTopK, ksparse.ReLU
		p.Normalization, p.Undo = ksparse.LayerNorm, true
		p.K = r.activationK(state, latents)
		postact, _ := state["postact_fn"].(string)
		switch postact {
		case "ReLU":
		case "Identity":
			p.Activation = ksparse.Identity
		default:
			r.fail(unknown("%s: activation_state_dict: postact_fn is %.60q, want \"ReLU\" or \"Identity\"", w.name, postact))
		}
		delete(state, "k")
		delete(state, "postact_fn")
	default:
		r.fail(unknown("%s: activation is %.60q, want \"TopK\", \"ReLU\" or \"Identity\"", w.name, activation))
	}
	if len(state) > 0 {
		r.fail(unknown("%s: activation_state_dict holds what %s does not have: %s", w.name, activation, some(slices.Sorted(maps.Keys(state)))))
	}
	r.decoderOrTied("decoder.weight")
	r.info.IgnoredTensors = w.ignore("stats_last_nonzero", "latents_activation_frequency", "latents_mean_square",
		"activation.k", "activation.postact_fn")
}

// text returns an entry of a state dict that is a string.
func (r *reader) text(name string) (string, bool) {
	value, ok := r.weights.values[name]
	if !ok {
		return "", false
	}
	r.weights.taken[name] = true
	s, ok := value.(string)
	if !ok {
		r.fail(unknown("%s: %s is %s, want a string", r.weights.name, name, torchfile.Kind(value)))
	}
	return s, ok
}

// activationState returns a copy of the entries of activation_state_dict.
func (r *reader) activationState() map[string]any {
	const name = "activation_state_dict"
	state := make(map[string]any)
	value, ok := r.weights.values[name]
	if !ok {
		return state
	}
	r.weights.taken[name] = true
	d, ok := value.(*torchfile.Dict)
	if !ok {
		r.fail(unknown("%s: %s is %s, want a dict", r.weights.name, name, torchfile.Kind(value)))
		return state
	}
	for key, value := range d.All() {
		s, ok := key.(string)
		if !ok {
			r.fail(unknown("%s: %s has a key that is %s, want strings", r.weights.name, name, torchfile.Kind(key)))
		}
		state[s] = value
	}
	return state
}

// activationK returns k, an int or a tensor without dimensions.
func (r *reader) activationK(state map[string]any, latents int) int {
	const what = "activation_state_dict: k"
	w := r.weights
	k := 0
	switch v := state["k"].(type) {
	case int64:
		k = w.positive(what, float64(v))
	case *tensor.Tensor:
		k = w.positive(what, w.one(what, v))
	default:
		r.fail(unknown("%s: %s is %s, want an integer", w.name, what, torchfile.Kind(v)))
	}
	if r.err == nil && k > latents {
		r.fail(unknown("%s: %s is %d, and there are %d latents", w.name, what, k, latents))
	}
	return k
}

// decoderOrTied reads the decoder [inputs, latents], or finds that it is the encoder:
// decoder.linear.weight, [latents, inputs], is another name of encoder.weight then.
func (r *reader) decoderOrTied(name string) {
	const tied = "decoder.linear.weight"
	w, p := r.weights, &r.parts
	if r.err != nil {
		return
	}
	if !w.has(tied) {
		p.Decoder = w.transposed(name, p.Encoder.Rows, p.Encoder.Cols)
		return
	}
	p.Tied = true
	if w.has("encoder.weight") {
		r.sameTensor("encoder.weight", tied)
	}
}

// sameTensor checks that two names are one matrix: one storage, or equal values.
func (r *reader) sameTensor(a, b string) {
	w := r.weights
	t, u := w.take(a), w.take(b)
	if r.err != nil || t.Same(u) {
		return
	}
	equal := t.Rows() == u.Rows() && t.Cols() == u.Cols()
	const rows = 256
	x, y := make([]float64, min(rows, t.Rows())*t.Cols()), make([]float64, min(rows, t.Rows())*t.Cols())
	for lo := 0; equal && lo < t.Rows(); lo += rows {
		hi := min(lo+rows, t.Rows())
		n := (hi - lo) * t.Cols()
		if err := t.ReadRows(x[:n], lo, hi); err != nil {
			r.fail(unknown("%s: %v", w.name, err))
			return
		}
		if err := u.ReadRows(y[:n], lo, hi); err != nil {
			r.fail(unknown("%s: %v", w.name, err))
			return
		}
		for i, v := range x[:n] {
			equal = equal && v == y[i]
		}
	}
	if !equal {
		r.fail(unknown("%s: %s and %s should be one matrix, and they differ", w.name, a, b))
	}
}
