package pretrained

import (
	"encoding/json"
	"fmt"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/safetensors"
)

// The native format is one safetensors file with everything that ksparse.Parts
// holds:
//
//	encoder       [latents, inputs]    encoder_bias  [latents]
//	decoder       [latents, outputs]   decoder_bias  [outputs]
//	thresholds, gate_bias, gate_log_gain  [latents]
//	skip          [outputs, inputs]
//
// each in F32 where that holds all its numbers, else in F64; those that the network
// does not have are absent. All settings are one JSON object, nativeFile, under the
// key "ksparse" of the metadata.
const (
	ownKey        = "ksparse"
	nativeVersion = 1
)

type nativeFile struct {
	Version       int     `json:"version"`
	K             int     `json:"k"`
	Activation    string  `json:"activation"`
	Selection     string  `json:"selection"`
	Tied          bool    `json:"tied"`
	PreBias       bool    `json:"pre_bias"`
	Normalization string  `json:"normalization"`
	Scale         float64 `json:"scale"`
	Undo          bool    `json:"undo"`

	Architecture string `json:"architecture,omitempty"`
	Transcoder   bool   `json:"transcoder,omitempty"`
	Reshape      string `json:"reshape,omitempty"`
	Groups       []int  `json:"group_sizes,omitempty"`
	ModelName    string `json:"model_name,omitempty"`
	HookName     string `json:"hook_name,omitempty"`
}

// native writes a file of our own.
func (s *saving) native(path string) error {
	settings, err := json.Marshal(nativeFile{
		Version: nativeVersion, K: s.K, Activation: s.Activation.String(), Selection: s.Selection.String(), Tied: s.Tied, PreBias: s.PreBias,
		Normalization: s.Normalization.String(), Scale: s.Scale, Undo: s.Undo,
		Architecture: s.info.Architecture, Transcoder: s.info.Transcoder, Reshape: s.info.Reshape, Groups: s.info.Groups,
		ModelName: s.options.ModelName, HookName: s.options.HookName,
	})
	if err != nil {
		return err
	}
	tensors := []numbers{matrixOf("encoder", s.Encoder), vectorOf("encoder_bias", s.EncoderBias)}
	if !s.Decoder.Empty() && !s.Tied {
		tensors = append(tensors, matrixOf("decoder", s.Decoder))
	}
	if !s.Skip.Empty() {
		tensors = append(tensors, matrixOf("skip", s.Skip))
	}
	vectors := []numbers{vectorOf("decoder_bias", s.DecoderBias), vectorOf("thresholds", s.Thresholds)}
	if s.Gate != nil {
		vectors = append(vectors, vectorOf("gate_bias", s.Gate.Bias), vectorOf("gate_log_gain", s.Gate.LogGain))
	}
	for _, v := range vectors {
		if v.vector != nil {
			tensors = append(tensors, v)
		}
	}
	var entries []safetensors.Entry
	for _, t := range tensors {
		entries = append(entries, t.entry(!s.options.Round && !t.exact32()))
	}
	return writeFile(path, safetensorsFile(map[string]string{ownKey: string(settings)}, entries))
}

// own reads a file of our own.
func (r *reader) own() {
	w, p := r.weights, &r.parts
	fields, err := parseObject([]byte(w.metadata[ownKey]))
	if err != nil {
		r.fail(unknown("%s: the metadata ksparse is not a JSON object: %v", w.name, err))
		return
	}
	c := &config{faults: r.faults, name: w.name + ": metadata", fields: fields, asked: make(map[string]bool)}
	if version := c.integer("version"); r.err == nil && version != nativeVersion {
		c.wrong("version", fmt.Sprint(nativeVersion))
	}
	p.Tied, p.PreBias, p.Undo = c.boolOr("tied", false), c.boolOr("pre_bias", false), c.boolOr("undo", false)
	p.Scale = c.number("scale")
	if k, ok := asInteger(c.get("k")); ok {
		p.K = k
	} else {
		c.wrong("k", "an integer")
	}
	p.Activation = constantNamed[ksparse.Activation](c, "activation")
	p.Selection = constantNamed[ksparse.Selection](c, "selection")
	p.Normalization = constantNamed[ksparse.Normalization](c, "normalization")
	p.Encoder = w.matrix("encoder", anySize, anySize)
	latents, inputs := p.Encoder.Rows, p.Encoder.Cols
	outputs := inputs
	if w.has("decoder") {
		p.Decoder = w.matrix("decoder", latents, anySize)
		outputs = p.Decoder.Cols
	}
	if w.has("skip") {
		p.Skip = w.matrix("skip", outputs, inputs)
	}
	p.EncoderBias = w.vector("encoder_bias", latents)
	for _, v := range []struct {
		name string
		size int
		to   *[]float64
	}{{"decoder_bias", outputs, &p.DecoderBias}, {"thresholds", latents, &p.Thresholds}} {
		if w.has(v.name) {
			*v.to = w.vector(v.name, v.size)
		}
	}
	if w.has("gate_bias") || w.has("gate_log_gain") {
		p.Gate = &ksparse.Gate{Bias: w.vector("gate_bias", latents), LogGain: w.vector("gate_log_gain", latents)}
	}
	r.info.Version = fmt.Sprint(nativeVersion)
	r.info.Architecture = first(c.textOr("architecture", ""), c.textOr("selection", ""))
	r.info.Transcoder = c.boolOr("transcoder", false)
	r.info.Reshape, r.info.ModelName, r.info.HookName = c.textOr("reshape", ""), c.textOr("model_name", ""), c.textOr("hook_name", "")
	r.groups(c.integers("group_sizes"))
	r.info.Ignored = c.ignored("ksparse.")
}

// constantNamed returns the constant of a kind whose name a field holds.
func constantNamed[T interface {
	~uint8
	String() string
}](c *config, key string) T {
	name := c.textOr(key, "")
	for v := range 64 {
		if T(v).String() == name {
			return T(v)
		}
	}
	c.wrong(key, "a name that this version knows")
	return 0
}
