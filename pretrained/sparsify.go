package pretrained

import (
	"math"
	"path/filepath"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/atomicfile"
)

// sparsify reads cfg.json and sae.safetensors of EleutherAI/sparsify
// (sparse_coder.py, config.py), of all its ages:
//
//	y = x - b_dec                  not for transcoders
//	a = ReLU(y encoder.weightᵀ + encoder.bias), the k largest
//	out = a W_dec + b_dec (+ x W_skipᵀ)
func (r *reader) sparsify() reading {
	file, s := r.file, r.settings
	encoder := file.matrix("encoder.weight", anySize, anySize)
	latents, inputs := encoder.Rows, encoder.Cols
	encoderBias, decoderBias := file.vector("encoder.bias", latents), file.vector("b_dec", inputs)
	s.equal("d_in", inputs, "encoder.weight")
	if n, ok := asInteger(s.get("num_latents")); !ok || n != 0 { // 0: d_in·expansion_factor
		s.same("num_latents", latents, "encoder.weight")
	}
	k := r.k(s, "k", latents)
	transcoder := s.boolOr("transcode", false)
	c, architecture := r.sparsifyChoice(k, latents)
	var skip, decoder ksparse.Weights
	if s.boolOr("skip_connection", false) {
		skip = file.matrix("W_skip", inputs, inputs)
	}
	switch {
	case file.has("W_dec"):
		decoder = file.matrix("W_dec", latents, inputs)
	case skip.Rows > 0:
		s.fail(unknown("%s: skip_connection without W_dec in %s", s.name, file.name))
	default:
		r.note("the file has no decoder: the model can encode only")
		if transcoder {
			decoderBias = nil
		}
	}
	s.off("embed_skip")
	s.off("gram_lookup")
	r.leave(s, "", sparsifyFields, refused)
	modelName, hookName := sparsifyRun(file.path)
	return reading{
		net: ksparse.Config{
			Classic: true,
			Encoder: encoder, EncoderBias: encoderBias, Decoder: decoder, DecoderBias: decoderBias, Skip: skip,
			Selection: c.selection, Activation: c.activation, K: c.k, PreBias: !transcoder,
		},
		about: about{
			architecture: architecture, version: sparsifyAge(s), transcoder: transcoder,
			modelName: modelName, hookName: hookName,
		},
	}
}

// sparsifyChoice reads what the latents are selected by, and names it.
func (r *reader) sparsifyChoice(k, latents int) (c choice, architecture string) {
	s := r.settings
	signed := s.flag("signed") // which is of 2024 alone
	switch activation := s.textOr("activation", "topk"); {
	case activation == "topk" && signed:
		return choice{selection: ksparse.SelectAbsTopK, activation: ksparse.Identity, k: k}, "signed topk"
	case activation == "topk":
		return choice{selection: ksparse.SelectTopK, activation: ksparse.ReLU, k: k}, activation
	case activation == "groupmax" && !signed:
		if r.err == nil && latents%k != 0 {
			s.fail(unknown("%s: groupmax with k = %d needs a multiple of it in latents, and there are %d", s.name, k, latents))
		}
		return choice{selection: ksparse.SelectGroupMax, activation: ksparse.ReLU, k: k}, activation
	case activation == "groupmax":
		s.wrong("signed", "false for groupmax")
	default:
		s.wrong("activation", `"topk" or "groupmax"`)
	}
	return choice{}, ""
}

// sparsifyRun takes what the configuration of the run, one or two folders above the file
// at path, says of the model whose activations this one was trained on. The hookpoint is
// the path from there.
func sparsifyRun(path string) (modelName, hookName string) {
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return "", ""
	}
	for run := filepath.Dir(folder); run != filepath.Dir(filepath.Dir(filepath.Dir(folder))); run = filepath.Dir(run) {
		s, err := readSettings(filepath.Join(run, "config.json"), new(faults))
		if err != nil || !s.holds("sae") {
			continue
		}
		if hook, err := filepath.Rel(run, folder); err == nil {
			hookName = filepath.ToSlash(hook)
		}
		return s.remark("model"), hookName
	}
	return "", ""
}

// sparsifyAge tells by the fields when the configuration was written.
func sparsifyAge(s *settings) string {
	for _, age := range []struct{ field, since string }{
		{"activation", "since February 2025"}, {"transcode", "since February 2025"},
		{"skip_connection", "since November 2024"}, {"multi_topk", "since August 2024"},
		{"num_latents", "of July 2024"},
	} {
		if s.holds(age.field) {
			return age.since
		}
	}
	return "of June 2024"
}

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
		ExpansionFactor: max(1, s.Latents/s.Inputs), NumLatents: s.Latents, K: s.K,
		SkipConnection: !s.Skip.Empty(), Transcode: !s.PreBias, DIn: s.Inputs,
	}
	rule, err := s.rule()
	if err != nil {
		return err
	}
	switch rule {
	case topKRule:
		cfg.Activation = "topk"
	case groupMaxRule:
		cfg.Activation = "groupmax"
	default:
		return lossy("it has no %s, only TopK and GroupMax with ReLU", s.selects())
	}
	switch {
	case !s.hasK():
		return lossy("it needs k from 1 to the number of latents, the network has %d", s.K)
	case s.Normalization != ksparse.NoNormalization:
		return lossy("it has no normalization, and the network's is %v", s.Normalization)
	case !s.Decoder.Empty() && s.Decoder.Cols != s.Inputs:
		return lossy("it has as many outputs as inputs, and the network gives %d for %d", s.Decoder.Cols, s.Inputs)
	}
	bias := s.DecoderBias
	if bias == nil { // an encoder alone that subtracts nothing
		bias = make([]float64, s.Inputs)
	}
	tensors := []outTensor{outMatrix("encoder.weight", s.Encoder), outVector("encoder.bias", s.EncoderBias), outVector("b_dec", bias)}
	if !s.Decoder.Empty() {
		tensors = append(tensors, outMatrix("W_dec", s.Decoder))
		cfg.NormalizeDecoder = unitRows(s.Decoder)
	}
	if cfg.SkipConnection {
		tensors = append(tensors, outMatrix("W_skip", s.Skip))
	}
	entries, _, err := s.entries(false, tensors...)
	if err != nil {
		return err
	}
	return atomicfile.WriteFolder(path, []atomicfile.File{
		{Name: "sae.safetensors", Write: safetensorsFile(nil, entries)},
		{Name: "cfg.json", Write: jsonFile(cfg)},
	})
}

// unitRows reports whether the rows have norm 1, as after a training that keeps them
// so.
func unitRows(w ksparse.Weights) bool {
	for _, v := range rowNorms(w) {
		if math.Abs(v-1) > 1e-4 {
			return false
		}
	}
	return true
}
