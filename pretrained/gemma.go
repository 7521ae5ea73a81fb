package pretrained

import (
	"math"
	"path/filepath"
	"strings"

	"github.com/ksparse/ksparse"
)

// gemmaScope reads params.npz of Gemma Scope (Lieberum et al. 2024): JumpReLU of
// x W_enc + b_enc, from which nothing is subtracted.
func (r *reader) gemmaScope() reading {
	file := r.file
	encoderName, decoderName := "W_enc", "W_dec"
	if !file.has(encoderName) {
		encoderName = "w_enc"
	}
	if !file.has(decoderName) {
		decoderName = "w_dec"
	}
	encoder := file.transposed(encoderName, anySize, anySize)
	latents, inputs := encoder.Rows, encoder.Cols
	decoder := file.matrix(decoderName, latents, inputs)
	if r.err == nil && (r.options.Embedding || inEmbedding(file.path)) {
		root := math.Sqrt(float64(inputs))
		encoder, decoder = scaled(encoder, constant(latents, 1/root)), scaled(decoder, constant(latents, root))
		r.note("a model of the token embeddings: W_enc is divided and W_dec multiplied by sqrt(%d); the weights are float64 for it", inputs)
	}
	return reading{
		net: ksparse.Config{
			Classic: true,
			Encoder: encoder, EncoderBias: file.vector("b_enc", latents),
			Decoder: decoder, DecoderBias: file.vector("b_dec", inputs),
			Selection: ksparse.SelectThreshold, Activation: ksparse.ReLU, Thresholds: file.vector("threshold", latents),
		},
		about: about{architecture: "jumprelu"},
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
