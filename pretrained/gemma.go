package pretrained

import (
	"math"
	"path/filepath"
	"strings"
)

// gemmaScope reads params.npz of Gemma Scope (Lieberum et al. 2024): JumpReLU of
// x W_enc + b_enc, from which nothing is subtracted.
func (r *reader) gemmaScope() {
	file, net := r.file, &r.net
	encoder, decoder := "W_enc", "W_dec"
	if !file.has(encoder) {
		encoder = "w_enc"
	}
	if !file.has(decoder) {
		decoder = "w_dec"
	}
	net.Encoder = file.transposed(encoder, anySize, anySize)
	latents, inputs := net.Encoder.Rows, net.Encoder.Cols
	net.Decoder = file.matrix(decoder, latents, inputs)
	net.EncoderBias, net.DecoderBias = file.vector("b_enc", latents), file.vector("b_dec", inputs)
	r.selectByThreshold(file.vector("threshold", latents))
	r.info.Architecture = "jumprelu"
	if r.err == nil && (r.options.Embedding || inEmbedding(file.path)) {
		root := math.Sqrt(float64(inputs))
		net.Encoder, net.Decoder = scaled(net.Encoder, constant(latents, 1/root)), scaled(net.Decoder, constant(latents, root))
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
