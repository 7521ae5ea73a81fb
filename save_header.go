package ksparse

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// fileHeader is the header. Reading does not use the tags: see parseHeader.
// What has "omitempty" came with version 2.
type fileHeader struct {
	Layers        []layerHeader `json:"layers"`
	PreBias       bool          `json:"pre_bias,omitempty"`
	Normalization string        `json:"normalization,omitempty"`
	Scale         float64       `json:"scale,omitempty"`
	Undo          bool          `json:"undo,omitempty"`
	NoDecoder     bool          `json:"no_decoder,omitempty"`
	Skip          string        `json:"skip,omitempty"`
}

type layerHeader struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	In         int    `json:"in"`
	Out        int    `json:"out"`
	K          *int   `json:"k,omitempty"`
	Activation string `json:"activation"`
	Selection  string `json:"selection,omitempty"`
	Thresholds bool   `json:"thresholds,omitempty"`
	Gate       bool   `json:"gate,omitempty"`
	Tied       bool   `json:"tied,omitempty"`
	Dtype      string `json:"dtype,omitempty"`
}

// version returns the lowest version that can hold h.
func (h fileHeader) version() uint32 {
	old := !h.PreBias && h.Normalization == "" && !h.NoDecoder && h.Skip == ""
	for _, l := range h.Layers {
		old = old && l.Selection == "" && !l.Thresholds && !l.Gate && !l.Tied && l.Dtype == ""
	}
	if old {
		return 1
	}
	return formatVersion
}

// header checks that n can be saved and returns its header and version.
func (n *Network) header() (text []byte, version uint32, err error) {
	if len(n.layers) == 0 {
		return nil, 0, errorf(ErrEmpty, "the network to save has no layers")
	}
	if len(n.layers) > maxLayers {
		return nil, 0, errorf(ErrFormat, "a network of %d layers cannot be saved, at most %d can", len(n.layers), maxLayers)
	}
	f := &n.frame
	h := fileHeader{PreBias: f.shift != nil, NoDecoder: n.noDecoder}
	if n.hasSkip() {
		h.Skip = dtypeWide
		if n.skip.Narrow != nil {
			h.Skip = dtypeNarrow
		}
	}
	if f.normalization != NoNormalization {
		h.Normalization, h.Scale, h.Undo = f.normalization.String(), f.scale, f.undo
	}
	for i, l := range n.layers {
		a := l.base()
		if len(a.name) > maxName || !utf8.ValidString(a.name) {
			return nil, 0, errorf(ErrFormat, "the name of layer %d cannot be saved: want UTF-8 of at most %d bytes, it has %d", i, maxName, len(a.name))
		}
		if err := checkParameters(ErrNotFinite, a.name, "weight", 0, a.w.Data); err != nil {
			return nil, 0, err
		}
		if err := checkParameters(ErrNotFinite, a.name, "bias", 0, a.b); err != nil {
			return nil, 0, err
		}
		lh := layerHeader{Kind: kindLinear, Name: a.name, In: a.in, Out: a.out, Activation: a.activation.String(), Tied: n.sharesWeights(i)}
		if a.narrow != nil && !lh.Tied {
			lh.Dtype = dtypeNarrow
		}
		if s, ok := l.(*SparseLayer); ok {
			lh.Kind, lh.K, lh.Thresholds, lh.Gate = kindSparse, &s.k, s.thresholds != nil, s.gate != nil
			if s.selection != SelectTopK {
				lh.Selection = s.selection.String()
			}
		}
		h.Layers = append(h.Layers, lh)
	}
	var out bytes.Buffer
	j := json.NewEncoder(&out)
	j.SetEscapeHTML(false) // a name is not HTML
	if err := j.Encode(h); err != nil {
		return nil, 0, errorf(ErrFormat, "the network's header: %v", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), h.version(), nil
}

// parseHeader reads the header token by token. Decoding into a struct would take
// the last of two equal fields, match names in any case, and pass over what is
// missing, so that two readers could see two networks in one file.
func parseHeader(text []byte, version uint32) (fileHeader, error) {
	var h fileHeader
	if !utf8.Valid(text) {
		return h, errors.New("not UTF-8")
	}
	j := json.NewDecoder(bytes.NewReader(text))
	j.UseNumber()
	fields := map[string]func() error{"layers": func() error {
		if err := readDelim(j, '['); err != nil {
			return err
		}
		for j.More() {
			if len(h.Layers) == maxLayers {
				return fmt.Errorf("more than %d layers", maxLayers)
			}
			l, err := readLayer(j, version)
			if err != nil {
				return fmt.Errorf("layer %d: %w", len(h.Layers), err)
			}
			if n := len(h.Layers); n > 0 && h.Layers[n-1].Out != l.In {
				return fmt.Errorf("layer %d takes %d inputs, the layer before it gives %d", n, l.In, h.Layers[n-1].Out)
			}
			h.Layers = append(h.Layers, l)
		}
		return readDelim(j, ']')
	}}
	var optional []string
	if version > 1 {
		optional = []string{"pre_bias", "normalization", "scale", "undo", "no_decoder", "skip"}
		fields["no_decoder"] = func() error { return readBool(j, &h.NoDecoder) }
		fields["skip"] = func() error { return readText(j, &h.Skip) }
		fields["pre_bias"] = func() error { return readBool(j, &h.PreBias) }
		fields["normalization"] = func() error { return readText(j, &h.Normalization) }
		fields["scale"] = func() error { return readNumber(j, &h.Scale) }
		fields["undo"] = func() error { return readBool(j, &h.Undo) }
	}
	err := readObject(j, fields, optional...)
	switch {
	case err != nil:
		return h, err
	case len(h.Layers) == 0:
		return h, errors.New("no layers")
	case h.Normalization != "" && !slices.Contains(normalizationNames[:], h.Normalization):
		return h, fmt.Errorf("unknown normalization %.40q, want one of %q", h.Normalization, normalizationNames)
	case h.Skip != "" && h.Skip != dtypeWide && h.Skip != dtypeNarrow:
		return h, fmt.Errorf("unknown skip %.40q, want %q or %q", h.Skip, dtypeWide, dtypeNarrow)
	case h.Skip != "" && h.Layers[0].In > maxParameters/h.Layers[len(h.Layers)-1].Out:
		return h, errors.New("the skip connection is too large")
	case h.NoDecoder && (len(h.Layers) != 1 || h.Layers[0].Kind != kindSparse || h.Skip != ""):
		return h, errors.New("want one sparse layer and no skip connection where there is no decoder")
	}
	if _, err := j.Token(); err != io.EOF {
		return h, errors.New("more than one JSON value")
	}
	return h, nil
}

// readLayer reads and checks the description of one layer.
func readLayer(j *json.Decoder, version uint32) (layerHeader, error) {
	var h layerHeader
	fields := map[string]func() error{
		"kind":       func() error { return readText(j, &h.Kind) },
		"name":       func() error { return readText(j, &h.Name) },
		"in":         func() error { return readInt(j, &h.In) },
		"out":        func() error { return readInt(j, &h.Out) },
		"k":          func() error { h.K = new(int); return readInt(j, h.K) },
		"activation": func() error { return readText(j, &h.Activation) },
	}
	optional := []string{"k"}
	if version > 1 {
		optional = append(optional, "selection", "thresholds", "gate", "tied", "dtype")
		fields["gate"] = func() error { return readBool(j, &h.Gate) }
		fields["dtype"] = func() error { return readText(j, &h.Dtype) }
		fields["selection"] = func() error { return readText(j, &h.Selection) }
		fields["thresholds"] = func() error { return readBool(j, &h.Thresholds) }
		fields["tied"] = func() error { return readBool(j, &h.Tied) }
	}
	err := readObject(j, fields, optional...)
	sparse := h.Kind == kindSparse
	switch {
	case err != nil:
	case !sparse && h.Kind != kindLinear:
		err = fmt.Errorf("unknown kind %.40q, want %q or %q", h.Kind, kindSparse, kindLinear)
	case sparse != (h.K != nil):
		err = errors.New("want a k in a sparse layer and in no other")
	case h.K != nil && *h.K < 0:
		err = fmt.Errorf("k is %d, want 0 or more", *h.K)
	case len(h.Name) > maxName:
		err = fmt.Errorf("a name of %d bytes, want at most %d", len(h.Name), maxName)
	case h.In < 1 || h.Out < 1:
		err = fmt.Errorf("%d inputs and %d outputs, want at least 1 of each", h.In, h.Out)
	case h.In > maxParameters/h.Out:
		err = fmt.Errorf("%d x %d is too large", h.In, h.Out)
	case !slices.Contains(activationNames[:], h.Activation):
		err = fmt.Errorf("unknown activation %.40q, want one of %q", h.Activation, activationNames)
	case h.Selection != "" && !slices.Contains(selectionNames[:], h.Selection):
		err = fmt.Errorf("unknown selection %.40q, want one of %q", h.Selection, selectionNames)
	case h.Gate && !(sparse && h.Thresholds && h.Activation == ReLU.String()):
		err = fmt.Errorf("a gate goes with a sparse layer of the activation %v that has thresholds", ReLU)
	case h.Dtype != "" && (h.Dtype != dtypeNarrow || h.Tied):
		err = fmt.Errorf("dtype %.40q, want %q or none, and none with tied weights", h.Dtype, dtypeNarrow)
	case !sparse && (h.Selection != "" || h.Thresholds), sparse && h.Tied:
		err = errors.New("a selection or thresholds in a linear layer, or tied weights in a sparse one")
	}
	return h, err
}

// readObject reads a JSON object whose fields are those of read, each once, in
// any order; only the optional ones may be missing.
func readObject(j *json.Decoder, read map[string]func() error, optional ...string) error {
	if err := readDelim(j, '{'); err != nil {
		return err
	}
	for j.More() {
		var name string
		if err := readText(j, &name); err != nil {
			return err
		}
		field, ok := read[name]
		if !ok {
			return fmt.Errorf("field %.40q is unknown or there twice", name)
		}
		delete(read, name)
		if err := field(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := readDelim(j, '}'); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(read)) {
		if !slices.Contains(optional, name) {
			return fmt.Errorf("field %q is missing", name)
		}
	}
	return nil
}

func readDelim(j *json.Decoder, want json.Delim) error {
	t, err := j.Token()
	if err == nil && t != want {
		err = fmt.Errorf("%.40q where %q should be", fmt.Sprint(t), want)
	}
	return err
}

func readText(j *json.Decoder, to *string) error { return readValue(j, to, "a text") }

func readBool(j *json.Decoder, to *bool) error { return readValue(j, to, "true or false") }

func readInt(j *json.Decoder, to *int) error {
	return readNumeral(j, to, strconv.Atoi, "a whole number")
}

func readNumber(j *json.Decoder, to *float64) error {
	return readNumeral(j, to, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }, "a number")
}

// readValue reads a value that the decoder gives as what it is.
func readValue[T string | bool](j *json.Decoder, to *T, what string) error {
	t, err := j.Token()
	if err != nil {
		return err
	}
	v, ok := t.(T)
	if !ok {
		return fmt.Errorf("%.40q where %s should be", fmt.Sprint(t), what)
	}
	*to = v
	return nil
}

// readNumeral reads a number, which the decoder gives as its digits.
func readNumeral[T int | float64](j *json.Decoder, to *T, parse func(string) (T, error), what string) error {
	t, err := j.Token()
	if err != nil {
		return err
	}
	number, ok := t.(json.Number)
	if ok {
		*to, err = parse(string(number))
	}
	if !ok || err != nil {
		return fmt.Errorf("%.40q where %s should be", fmt.Sprint(t), what)
	}
	return nil
}
