package pretrained

import (
	"math"
	"path/filepath"
	"strings"

	"github.com/ksparse/ksparse"
)

// gemmaScope reads params.npz of Gemma Scope (Lieberum et al. 2024): JumpReLU of
// x W_enc + b_enc, from which nothing is subtracted.
func (r *reader) gemmaScope() {
	w, p := r.weights, &r.parts
	encoder, decoder := "W_enc", "W_dec"
	if !w.has(encoder) {
		encoder = "w_enc"
	}
	if !w.has(decoder) {
		decoder = "w_dec"
	}
	p.Encoder = w.transposed(encoder, anySize, anySize)
	latents, inputs := p.Encoder.Rows, p.Encoder.Cols
	p.Decoder = w.matrix(decoder, latents, inputs)
	p.EncoderBias, p.DecoderBias = w.vector("b_enc", latents), w.vector("b_dec", inputs)
	p.Activation, p.Selection, p.Thresholds = ksparse.ReLU, ksparse.SelectThreshold, w.vector("threshold", latents)
	r.info.Architecture = "jumprelu"
	if r.err == nil && (r.options.Embedding || inEmbedding(w.path)) {
		root := math.Sqrt(float64(inputs))
		p.Encoder, p.Decoder = scaled(p.Encoder, constant(latents, 1/root)), scaled(p.Decoder, constant(latents, root))
		r.note("a model of the token embeddings: W_enc is divided and W_dec multiplied by sqrt(%d); the weights are float64 for it", inputs)
	}
}

// inEmbedding reports whether a file lies where Gemma Scope has the models of the
// embeddings: embedding/width_4k/average_l0_6/params.npz.
func inEmbedding(path string) bool {
	whole, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	l0 := filepath.Dir(whole)
	width := filepath.Dir(l0)
	return strings.HasPrefix(filepath.Base(l0), "average_l0_") && strings.HasPrefix(filepath.Base(width), "width_") &&
		filepath.Base(filepath.Dir(width)) == "embedding"
}
