package pretrained

import (
	"path/filepath"
	"strings"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/atomicfile"
	"github.com/ksparse/ksparse/internal/safetensors"
	"github.com/ksparse/ksparse/internal/tensor"
)

// sentenceTransformers reads config.json and model.safetensors or pytorch_model.bin
// of a SparseAutoEncoder module (CSR, Wen et al. 2025): tied weights, the k largest
// of (x - pre_bias) Wᵀ + latent_bias, then ReLU.
func (r *reader) sentenceTransformers() reading {
	const tied = "decoder.linear.weight"
	file, s := r.file, r.settings
	name := "encoder.weight"
	if !file.has(name) {
		name = tied
	} else if file.has(tied) {
		r.sameTensor(name, tied)
	}
	encoder := file.matrix(name, anySize, anySize)
	latents, inputs := encoder.Rows, encoder.Cols
	latentBias, preBias := file.vector("latent_bias", latents), file.vector("pre_bias", inputs)
	s.equal("input_dim", inputs, name)
	s.same("hidden_dim", latents, name)
	r.leave(s, "", sentenceFields, refused)
	return reading{
		net: ksparse.Config{
			Classic: true,
			Encoder: encoder, EncoderBias: latentBias, DecoderBias: preBias, Tied: true, PreBias: true,
			Selection: ksparse.SelectTopK, Activation: ksparse.ReLU, K: r.k(s, "k", latents),
			Normalization: layerNormIf(s.boolOr("normalize", false)),
		},
		about: about{
			architecture: "SparseAutoEncoder", version: r.sentencePipeline(),
			ignoredTensors: file.ignore("stats_last_nonzero"),
		},
	}
}

// sentencePipeline notes what the rows have gone through in the model that the module
// belongs to, and returns the version that wrote it, "" where that is not known.
func (r *reader) sentencePipeline() (version string) {
	folder, err := filepath.Abs(filepath.Dir(r.file.path))
	if err != nil {
		return ""
	}
	sparse, before := sentenceModules(filepath.Dir(folder))
	if sparse == nil || filepath.Base(filepath.FromSlash(sparse.Path)) != filepath.Base(folder) {
		return ""
	}
	for _, m := range before {
		if strings.HasSuffix(m.Type, ".Normalize") {
			r.note("rows have norm 1: a Normalize module comes before this one")
		}
	}
	switch {
	case strings.Contains(sparse.Type, ".modules."):
		return "6"
	case strings.Contains(sparse.Type, ".sparse_encoder.models."):
		return "5"
	}
	return ""
}

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
		return lossy("it has no %s, only TopK with ReLU", s.selects())
	case !s.hasK():
		return lossy("it needs k from 1 to the number of latents, the network has %d", s.K)
	case s.Decoder.Empty(), !s.Tied && !sameNumbers(s.Encoder, s.Decoder):
		return lossy("its decoder is its encoder, and the network's weights are not tied")
	case !s.PreBias:
		return lossy("it subtracts the decoder's bias from its input, and the network has no pre-bias")
	case !s.Skip.Empty():
		return lossy("it has no skip connection")
	case s.Normalization != ksparse.NoNormalization && (s.Normalization != ksparse.LayerNorm || s.NoUndo):
		return lossy("it normalizes by %v, undone at the end, or not at all, and the network's is %v", ksparse.LayerNorm, s.Normalization)
	}
	entries, _, err := s.entries(false, outMatrix("decoder.linear.weight", s.Encoder), outVector("latent_bias", s.EncoderBias), outVector("pre_bias", s.DecoderBias))
	if err != nil {
		return err
	}
	entries = append(entries, safetensors.Entry{Name: "stats_last_nonzero", DType: tensor.I64, Shape: []int{s.Latents}, Int64s: oneRun(make([]int64, s.Latents))})
	cfg := sentenceFile{
		InputDim: s.Inputs, HiddenDim: s.Latents, K: s.K, KAux: min(512, s.Latents),
		Normalize: s.Normalization == ksparse.LayerNorm, DeadThreshold: 30,
	}
	names := map[string]string{"encoder.weight": "decoder.linear.weight"} // one matrix, as its library marks it
	return atomicfile.WriteFolder(path, []atomicfile.File{
		{Name: "model.safetensors", Write: safetensorsFile(names, entries)},
		{Name: "config.json", Write: jsonFile(cfg)},
	})
}
