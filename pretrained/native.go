package pretrained

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/atomicfile"
	"github.com/ksparse/ksparse/internal/safetensors"
)

// The native format is one safetensors file with everything that the ksparse.Config of
// an autoencoder holds whose decoder has the activation Identity:
//
//	encoder       [latents, inputs]    encoder_bias  [latents]
//	decoder       [latents, outputs]   decoder_bias  [outputs]
//	thresholds, gate_bias, gate_log_gain  [latents]
//	skip          [outputs, inputs]
//
// each in F32 where that holds all its numbers, else in F64; those that the network
// does not have are absent. All settings are one JSON object, nativeSettings, under the
// key "ksparse" of the metadata.
const nativeVersion = 1

// nativeSettings are all of a network but its numbers, and what Info says of it.
type nativeSettings struct {
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
	settings, err := json.Marshal(nativeSettings{
		Version: nativeVersion, K: s.K, Activation: s.Activation.String(), Selection: s.Selection.String(), Tied: s.Tied, PreBias: s.PreBias,
		Normalization: s.Normalization.String(), Scale: s.Scale, Undo: s.Normalization != ksparse.NoNormalization && !s.NoUndo,
		Architecture: s.info.Architecture, Transcoder: s.info.Transcoder, Reshape: s.info.Reshape, Groups: s.info.Groups,
		ModelName: s.options.ModelName, HookName: s.options.HookName,
	})
	if err != nil {
		return err
	}
	tensors := []outTensor{outMatrix("encoder", s.Encoder), outVector("encoder_bias", s.EncoderBias)}
	if !s.Decoder.Empty() && !s.Tied {
		tensors = append(tensors, outMatrix("decoder", s.Decoder))
	}
	if !s.Skip.Empty() {
		tensors = append(tensors, outMatrix("skip", s.Skip))
	}
	for _, v := range []outTensor{
		outVector("decoder_bias", s.DecoderBias), outVector("thresholds", s.Thresholds),
		outVector("gate_bias", s.GateBias), outVector("gate_log_gain", s.GateLogGain),
	} {
		if v.vector != nil {
			tensors = append(tensors, v)
		}
	}
	var entries []safetensors.Entry
	for _, t := range tensors {
		entries = append(entries, t.entry(!s.options.Round && !t.exact32()))
	}
	return atomicfile.Write(path, safetensorsFile(map[string]string{nativeKey: string(settings)}, entries))
}

// native reads a file of our own.
func (r *reader) native() reading {
	file := r.file
	s, err := parseSettings(file.name+": metadata", []byte(file.metadata[nativeKey]), r.faults)
	if err != nil {
		r.fail(unknown("%s: the metadata ksparse is not a JSON object: %v", file.name, err))
		return reading{}
	}
	if version := s.integer("version"); r.err == nil && version != nativeVersion {
		s.wrong("version", fmt.Sprint(nativeVersion))
	}
	r.leave(s, "ksparse.", nil, refused)
	tied, preBias, undo := s.bool("tied"), s.bool("pre_bias"), s.bool("undo")
	scale, k := s.number("scale"), nativeK(s)
	activation := constantNamed[ksparse.Activation](s, "activation")
	selection := constantNamed[ksparse.Selection](s, "selection")
	normalization := constantNamed[ksparse.Normalization](s, "normalization")
	encoder := file.matrix("encoder", anySize, anySize)
	latents, inputs := encoder.Rows, encoder.Cols
	outputs := inputs
	var decoder, skip ksparse.Weights
	if file.has("decoder") {
		decoder = file.matrix("decoder", latents, anySize)
		outputs = decoder.Cols
	}
	if file.has("skip") {
		skip = file.matrix("skip", outputs, inputs)
	}
	groups := s.integers("group_sizes")
	if groups != nil {
		groups = r.checkGroups(s.name, "group_sizes", groups, latents)
	}
	gated := file.has("gate_bias") || file.has("gate_log_gain")
	return reading{
		net: ksparse.Config{
			Classic: true,
			Encoder: encoder, EncoderBias: file.vector("encoder_bias", latents),
			Decoder: decoder, DecoderBias: file.vectorIf(file.has("decoder_bias"), "decoder_bias", outputs), Skip: skip,
			Selection: selection, Activation: activation, K: k,
			Thresholds: file.vectorIf(file.has("thresholds"), "thresholds", latents),
			GateBias:   file.vectorIf(gated, "gate_bias", latents), GateLogGain: file.vectorIf(gated, "gate_log_gain", latents),
			Normalization: normalization, Scale: scale, NoUndo: !undo, Tied: tied, PreBias: preBias,
		},
		about: about{
			version:      fmt.Sprint(nativeVersion),
			architecture: cmp.Or(s.textOr("architecture", ""), s.textOr("selection", "")),
			transcoder:   s.flag("transcoder"), reshape: s.textOr("reshape", ""),
			modelName: s.textOr("model_name", ""), hookName: s.textOr("hook_name", ""),
			groups: groups,
		},
	}
}

// nativeK reads k, which may be larger than any number of latents, and 0: then it is -1, as
// in a Config.
func nativeK(s *settings) int {
	number, _ := s.get("k").(json.Number)
	k, err := strconv.Atoi(string(number))
	if err != nil {
		s.wrong("k", "an integer")
	}
	if k == 0 {
		return -1
	}
	return k
}

// constantNamed returns the constant of a kind whose name a field holds.
func constantNamed[T interface {
	~uint8
	String() string
}](s *settings, key string) T {
	name := s.textOr(key, "")
	for v := range 64 {
		if T(v).String() == name {
			return T(v)
		}
	}
	s.wrong(key, "a name that this version knows")
	return 0
}
