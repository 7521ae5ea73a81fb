package pretrained

import (
	"iter"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/safetensors"
	"github.com/ksparse/ksparse/internal/tensor"
)

// sentenceFile is config.json. The class takes its fields as keyword arguments, so
// there may be no other.
type sentenceFile struct {
	InputDim      int  `json:"input_dim"`
	HiddenDim     int  `json:"hidden_dim"`
	K             int  `json:"k"`
	KAux          int  `json:"k_aux"`
	Normalize     bool `json:"normalize"`
	DeadThreshold int  `json:"dead_threshold"`
}

// sentenceTransformers writes the folder of a SparseAutoEncoder module.
func (s *saving) sentenceTransformers(path string) error {
	rule, err := s.rule()
	if err != nil {
		return err
	}
	switch {
	case rule != topKRule:
		return s.lossy("it has no %s, only TopK with ReLU", s.selects())
	case s.K < 1 || s.K > s.Encoder.Rows:
		return s.lossy("it needs k from 1 to the number of latents, the network has %d", s.K)
	case s.Decoder.Empty(), !s.Tied && !sameMatrix(s.Encoder, s.Decoder):
		return s.lossy("its decoder is its encoder, and the network's weights are not tied")
	case !s.PreBias:
		return s.lossy("it subtracts the decoder's bias from its input, and the network has no pre-bias")
	case !s.Skip.Empty():
		return s.lossy("it has no skip connection")
	case s.Normalization != ksparse.NoNormalization && (s.Normalization != ksparse.LayerNorm || !s.Undo):
		return s.lossy("it normalizes by %v, undone at the end, or not at all, and the network's is %v", ksparse.LayerNorm, s.Normalization)
	}
	entries, _, err := s.asTensors(false, matrixOf("decoder.linear.weight", s.Encoder), vectorOf("latent_bias", s.EncoderBias), vectorOf("pre_bias", s.DecoderBias))
	if err != nil {
		return err
	}
	latents := s.Encoder.Rows
	entries = append(entries, safetensors.Entry{Name: "stats_last_nonzero", DType: tensor.I64, Shape: []int{latents}, Int64s: zeros(latents)})
	cfg := sentenceFile{
		InputDim: s.Encoder.Cols, HiddenDim: latents, K: s.K, KAux: min(512, latents),
		Normalize: s.Normalization == ksparse.LayerNorm, DeadThreshold: 30,
	}
	names := map[string]string{"encoder.weight": "decoder.linear.weight"} // one matrix, as its library marks it
	return writeFolder(path, []part{{"model.safetensors", safetensorsFile(names, entries)}, {"config.json", jsonFile(cfg)}})
}

func zeros(n int) iter.Seq[[]int64] { return one(make([]int64, n)) }

// sameMatrix reports whether a and b hold the same numbers.
func sameMatrix(a, b ksparse.Matrix) bool {
	if a.Rows != b.Rows || a.Cols != b.Cols {
		return false
	}
	for i := range a.Rows * a.Cols {
		if at(a, i) != at(b, i) {
			return false
		}
	}
	return true
}
