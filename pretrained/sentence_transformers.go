package pretrained

import (
	"path/filepath"
	"strings"

	"github.com/ksparse/ksparse"
)

// sentenceTransformers reads config.json and model.safetensors or pytorch_model.bin
// of a SparseAutoEncoder module (CSR, Wen et al. 2025): tied weights, the k largest
// of (x - pre_bias) Wᵀ + latent_bias, then ReLU.
func (r *reader) sentenceTransformers() {
	const tied = "decoder.linear.weight"
	w, c, p := r.weights, r.config, &r.parts
	name := "encoder.weight"
	if !w.has(name) {
		name = tied
	} else if w.has(tied) {
		r.sameTensor(name, tied)
	}
	p.Encoder, p.Tied = w.matrix(name, anySize, anySize), true
	latents, inputs := p.Encoder.Rows, p.Encoder.Cols
	p.EncoderBias = w.vector("latent_bias", latents)
	p.DecoderBias, p.PreBias = w.vector("pre_bias", inputs), true
	p.Selection, p.Activation = ksparse.SelectTopK, ksparse.ReLU
	if r.err != nil {
		return
	}
	c.equal("input_dim", inputs, name)
	if hidden := c.integerOr("hidden_dim", 512); r.err == nil && hidden != latents {
		r.fail(unknown("%s: hidden_dim is %d, the tensor %s says %d", c.name, hidden, name, latents))
	}
	p.K = r.k(c.integerOr("k", 8), latents)
	if c.boolOr("normalize", false) {
		p.Normalization, p.Undo = ksparse.LayerNorm, true
	}
	r.info.Architecture = "SparseAutoEncoder"
	r.info.IgnoredTensors = w.ignore("stats_last_nonzero")
	for _, training := range []string{"k_aux", "dead_threshold"} {
		c.get(training)
	}
	r.sentencePipeline()
}

// sentencePipeline tells what of the model that the module belongs to the rows have
// gone through.
func (r *reader) sentencePipeline() {
	folder, err := filepath.Abs(filepath.Dir(r.weights.path))
	if err != nil {
		return
	}
	sparse, before, err := sentenceModules(filepath.Dir(folder))
	if err != nil || sparse == nil || filepath.Base(filepath.FromSlash(sparse.Path)) != filepath.Base(folder) {
		return
	}
	switch {
	case strings.Contains(sparse.Type, ".modules."):
		r.info.Version = "6"
	case strings.Contains(sparse.Type, ".sparse_encoder.models."):
		r.info.Version = "5"
	}
	for _, m := range before {
		if strings.HasSuffix(m.Type, ".Normalize") {
			r.note("rows have norm 1: a Normalize module comes before this one")
		}
	}
}
