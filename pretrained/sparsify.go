package pretrained

import (
	"path/filepath"

	"github.com/ksparse/ksparse"
)

// sparsify reads cfg.json and sae.safetensors of EleutherAI/sparsify
// (sparse_coder.py, config.py), of all its ages:
//
//	y = x - b_dec                  not for transcoders
//	a = ReLU(y encoder.weightᵀ + encoder.bias), the k largest
//	out = a W_dec + b_dec (+ x W_skipᵀ)
func (r *reader) sparsify() {
	w, c, p := r.weights, r.config, &r.parts
	p.Encoder = w.matrix("encoder.weight", anySize, anySize)
	latents, inputs := p.Encoder.Rows, p.Encoder.Cols
	p.EncoderBias = w.vector("encoder.bias", latents)
	p.DecoderBias = w.vector("b_dec", inputs)
	if r.err != nil {
		return
	}
	c.equal("d_in", inputs, "encoder.weight")
	if n, ok := asInteger(c.get("num_latents")); !ok || n != 0 { // 0: d_in·expansion_factor
		c.same("num_latents", latents, "encoder.weight")
	}
	p.K = r.k(c.integerOr("k", 32), latents)
	p.PreBias = !c.boolOr("transcode", false)
	r.info.Transcoder = !p.PreBias

	signed := c.boolOr("signed", false)
	switch activation := c.textOr("activation", "topk"); {
	case activation == "topk" && signed:
		p.Selection, p.Activation = ksparse.SelectAbsTopK, ksparse.Identity
		r.info.Architecture = "signed topk"
	case activation == "topk":
		p.Selection, p.Activation = ksparse.SelectTopK, ksparse.ReLU
		r.info.Architecture = activation
	case activation == "groupmax" && !signed:
		p.Selection, p.Activation = ksparse.SelectGroupMax, ksparse.ReLU
		r.info.Architecture = activation
		if r.err == nil && latents%p.K != 0 {
			c.fail(unknown("%s: groupmax with k = %d needs a multiple of it in latents, and there are %d", c.name, p.K, latents))
		}
	case activation == "groupmax":
		c.wrong("signed", "false for groupmax")
	default:
		c.wrong("activation", `"topk" or "groupmax"`)
	}
	if c.boolOr("skip_connection", false) {
		p.Skip = w.matrix("W_skip", inputs, inputs)
	}
	if w.has("W_dec") {
		p.Decoder = w.matrix("W_dec", latents, inputs)
	} else if p.Skip.Rows > 0 {
		c.fail(unknown("%s: skip_connection without W_dec in %s", c.name, w.name))
	} else {
		r.note("the file has no decoder: the model can encode only")
		if !p.PreBias {
			p.DecoderBias = nil
		}
	}
	r.info.Version = sparsifyAge(c)
	r.sparsifyRun()
	for _, training := range []string{"expansion_factor", "normalize_decoder", "multi_topk"} {
		c.get(training)
	}
}

// sparsifyRun takes what the configuration of the run, one or two folders above, says of
// the model that was looked into. The hookpoint is the path from there.
func (r *reader) sparsifyRun() {
	folder, err := filepath.Abs(filepath.Dir(r.weights.path))
	if err != nil {
		return
	}
	for run := filepath.Dir(folder); run != filepath.Dir(filepath.Dir(filepath.Dir(folder))); run = filepath.Dir(run) {
		c, err := readConfig(filepath.Join(run, "config.json"), new(faults))
		if err != nil || !c.holds("sae") {
			continue
		}
		r.info.ModelName = c.remark("model")
		if hook, err := filepath.Rel(run, folder); err == nil {
			r.info.HookName = filepath.ToSlash(hook)
		}
		return
	}
}

// sparsifyAge tells by the fields when the configuration was written.
func sparsifyAge(c *config) string {
	for _, age := range []struct{ field, since string }{
		{"activation", "since February 2025"}, {"transcode", "since February 2025"},
		{"skip_connection", "since November 2024"}, {"multi_topk", "since August 2024"},
		{"num_latents", "of July 2024"},
	} {
		if _, ok := c.fields[age.field]; ok {
			return age.since
		}
	}
	return "of June 2024"
}

// k checks that k latents of so many can be active.
func (r *reader) k(k, latents int) int {
	if r.err == nil && k > latents {
		r.fail(unknown("%s: k is %d, and there are %d latents", r.config.name, k, latents))
	}
	return k
}
