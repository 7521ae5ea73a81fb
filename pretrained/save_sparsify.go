package pretrained

import (
	"math"

	"github.com/ksparse/ksparse"
)

// sparsifyFile is cfg.json, in the order in which sparsify writes it.
type sparsifyFile struct {
	Activation       string `json:"activation"`
	ExpansionFactor  int    `json:"expansion_factor"`
	NormalizeDecoder bool   `json:"normalize_decoder"`
	NumLatents       int    `json:"num_latents"`
	K                int    `json:"k"`
	MultiTopK        bool   `json:"multi_topk"`
	SkipConnection   bool   `json:"skip_connection"`
	Transcode        bool   `json:"transcode"`
	DIn              int    `json:"d_in"`
}

// sparsify writes the folder of a sparsify model.
func (s *saving) sparsify(path string) error {
	cfg := sparsifyFile{
		ExpansionFactor: max(1, s.Encoder.Rows/s.Encoder.Cols), NumLatents: s.Encoder.Rows, K: s.K,
		SkipConnection: !s.Skip.Empty(), Transcode: !s.PreBias, DIn: s.Encoder.Cols,
	}
	rule, err := s.rule()
	if err != nil {
		return err
	}
	switch {
	case rule == topKRule:
		cfg.Activation = "topk"
	case rule == groupMaxRule:
		cfg.Activation = "groupmax"
	default:
		return s.lossy("it has no %s, only TopK and GroupMax with ReLU", s.selects())
	}
	switch {
	case s.K < 1 || s.K > s.Encoder.Rows:
		return s.lossy("it needs k from 1 to the number of latents, the network has %d", s.K)
	case s.Normalization != ksparse.NoNormalization:
		return s.lossy("it has no normalization, and the network's is %v", s.Normalization)
	case !s.Decoder.Empty() && s.Decoder.Cols != s.Encoder.Cols:
		return s.lossy("it has as many outputs as inputs, and the network gives %d for %d", s.Decoder.Cols, s.Encoder.Cols)
	}
	bias := s.DecoderBias
	if bias == nil { // an encoder alone that subtracts nothing
		bias = make([]float64, s.Encoder.Cols)
	}
	tensors := []numbers{matrixOf("encoder.weight", s.Encoder), vectorOf("encoder.bias", s.EncoderBias), vectorOf("b_dec", bias)}
	if !s.Decoder.Empty() {
		tensors = append(tensors, matrixOf("W_dec", s.Decoder))
		cfg.NormalizeDecoder = unitRows(s.Decoder)
	}
	if cfg.SkipConnection {
		tensors = append(tensors, matrixOf("W_skip", s.Skip))
	}
	entries, _, err := s.asTensors(false, tensors...)
	if err != nil {
		return err
	}
	return writeFolder(path, []part{{"sae.safetensors", safetensorsFile(nil, entries)}, {"cfg.json", jsonFile(cfg)}})
}

// unitRows reports whether the rows have norm 1, as after a training that keeps them
// so.
func unitRows(m ksparse.Matrix) bool {
	for _, v := range rowNorms(m) {
		if math.Abs(v-1) > 1e-4 {
			return false
		}
	}
	return true
}
