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
func (r *reader) sparsify() {
	file, s, net := r.file, r.settings, &r.net
	net.Encoder = file.matrix("encoder.weight", anySize, anySize)
	latents, inputs := net.Encoder.Rows, net.Encoder.Cols
	net.EncoderBias = file.vector("encoder.bias", latents)
	net.DecoderBias = file.vector("b_dec", inputs)
	if r.err != nil {
		return
	}
	s.equal("d_in", inputs, "encoder.weight")
	if n, ok := asInteger(s.get("num_latents")); !ok || n != 0 { // 0: d_in·expansion_factor
		s.same("num_latents", latents, "encoder.weight")
	}
	net.K = r.k(s.integerOr("k", 32), latents)
	net.PreBias = !s.boolOr("transcode", false)
	r.info.Transcoder = !net.PreBias
	r.sparsifySelection(latents)
	if s.boolOr("skip_connection", false) {
		net.Skip = file.matrix("W_skip", inputs, inputs)
	}
	if file.has("W_dec") {
		net.Decoder = file.matrix("W_dec", latents, inputs)
	} else if net.Skip.Rows > 0 {
		s.fail(unknown("%s: skip_connection without W_dec in %s", s.name, file.name))
	} else {
		r.note("the file has no decoder: the model can encode only")
		if !net.PreBias {
			net.DecoderBias = nil
		}
	}
	r.info.Version = sparsifyAge(s)
	r.sparsifyRun()
	for _, training := range []string{"expansion_factor", "normalize_decoder", "multi_topk"} {
		s.get(training)
	}
}

// sparsifySelection reads what the latents are selected by.
func (r *reader) sparsifySelection(latents int) {
	s, net := r.settings, &r.net
	signed := s.boolOr("signed", false)
	switch activation := s.textOr("activation", "topk"); {
	case activation == "topk" && signed:
		net.Selection, net.Activation = ksparse.SelectAbsTopK, ksparse.Identity
		r.info.Architecture = "signed topk"
	case activation == "topk":
		net.Selection, net.Activation = ksparse.SelectTopK, ksparse.ReLU
		r.info.Architecture = activation
	case activation == "groupmax" && !signed:
		net.Selection, net.Activation = ksparse.SelectGroupMax, ksparse.ReLU
		r.info.Architecture = activation
		if r.err == nil && latents%net.K != 0 {
			s.fail(unknown("%s: groupmax with k = %d needs a multiple of it in latents, and there are %d", s.name, net.K, latents))
		}
	case activation == "groupmax":
		s.wrong("signed", "false for groupmax")
	default:
		s.wrong("activation", `"topk" or "groupmax"`)
	}
}

// sparsifyRun takes what the configuration of the run, one or two folders above, says of
// the model whose activations this one was trained on. The hookpoint is the path from
// there.
func (r *reader) sparsifyRun() {
	folder, err := filepath.Abs(filepath.Dir(r.file.path))
	if err != nil {
		return
	}
	for run := filepath.Dir(folder); run != filepath.Dir(filepath.Dir(filepath.Dir(folder))); run = filepath.Dir(run) {
		s, err := readSettings(filepath.Join(run, "config.json"), new(faults))
		if err != nil || !s.holds("sae") {
			continue
		}
		r.info.ModelName = s.remark("model")
		if hook, err := filepath.Rel(run, folder); err == nil {
			r.info.HookName = filepath.ToSlash(hook)
		}
		return
	}
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
