package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// fileHeader is the header of a network file. Reading does not use the tags: see
// parseHeader. What has "omitempty" came with version 2.
type fileHeader struct {
	Layers        []layerHeader `json:"layers"`
	PreBias       bool          `json:"pre_bias,omitempty"`
	Normalization string        `json:"normalization,omitempty"`
	Scale         float64       `json:"scale,omitempty"`
	Undo          bool          `json:"undo,omitempty"`
	NoDecoder     bool          `json:"no_decoder,omitempty"`
	Skip          string        `json:"skip,omitempty"`
	Modern        bool          `json:"modern,omitempty"`
}

// layerHeader describes one layer.
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

// headerOf returns the header of a network.
func headerOf(n *Network) fileHeader {
	h := fileHeader{PreBias: n.PreBias, NoDecoder: n.NoDecoder, Modern: n.Modern}
	if !n.Skip.Empty() {
		h.Skip = dtypeOf(n.Skip)
	}
	if n.Normalization != "" {
		h.Normalization, h.Scale, h.Undo = n.Normalization, n.Scale, n.Undo
	}
	for i := range n.Layers {
		l := &n.Layers[i]
		lh := layerHeader{Kind: kindLinear, Name: l.Name, In: l.In, Out: l.Out, Activation: l.Activation, Tied: l.Tied}
		if !l.Tied && dtypeOf(l.Weights) == dtypeNarrow {
			lh.Dtype = dtypeNarrow
		}
		if l.Sparse {
			lh.Kind, lh.K, lh.Selection, lh.Thresholds, lh.Gate = kindSparse, &l.K, l.Selection, l.Thresholds != nil, l.LogGain != nil
		}
		h.Layers = append(h.Layers, lh)
	}
	return h
}

// dtypeOf returns the name of the type of the weights.
func dtypeOf(w matrix.Weights) string {
	if w.Float32 != nil {
		return dtypeNarrow
	}
	return dtypeWide
}

// version returns the lowest version that can hold h.
func (h *fileHeader) version() uint32 {
	old := !h.PreBias && h.Normalization == "" && !h.NoDecoder && h.Skip == "" && !h.Modern
	for _, l := range h.Layers {
		old = old && l.Selection == "" && !l.Thresholds && !l.Gate && !l.Tied && l.Dtype == ""
	}
	if old {
		return 1
	}
	return networkVersion
}

// text returns the header as it is written, and its version.
func (h fileHeader) text() ([]byte, uint32, error) {
	var out bytes.Buffer
	j := json.NewEncoder(&out)
	j.SetEscapeHTML(false) // a name is not HTML
	if err := j.Encode(h); err != nil {
		return nil, 0, fault.Errorf(fault.ErrFormat, "the network's header: %v", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), h.version(), nil
}

// headerParser reads the header token by token. Decoding into a struct would take
// the last of two equal fields, match names in any case, and pass over what is
// missing, so that two readers could see two networks in one file.
type headerParser struct {
	json    *json.Decoder
	version uint32
	names   Names
}

// parseHeader reads and checks the header of a network file.
func parseHeader(text []byte, version uint32, names Names) (fileHeader, error) {
	var h fileHeader
	if !utf8.Valid(text) {
		return h, errors.New("not UTF-8")
	}
	j := json.NewDecoder(bytes.NewReader(text))
	j.UseNumber()
	p := headerParser{j, version, names}
	fields := map[string]func() error{"layers": func() error { return p.layers(&h) }}
	var optional []string
	if version > 1 {
		optional = []string{"pre_bias", "normalization", "scale", "undo", "no_decoder", "skip", "modern"}
		fields["modern"] = func() error { return readBool(j, &h.Modern) }
		fields["no_decoder"] = func() error { return readBool(j, &h.NoDecoder) }
		fields["skip"] = func() error { return readText(j, &h.Skip) }
		fields["pre_bias"] = func() error { return readBool(j, &h.PreBias) }
		fields["normalization"] = func() error { return readText(j, &h.Normalization) }
		fields["scale"] = func() error { return readNumber(j, &h.Scale) }
		fields["undo"] = func() error { return readBool(j, &h.Undo) }
	}
	if err := readObject(j, fields, optional...); err != nil {
		return h, err
	}
	if err := h.check(names); err != nil {
		return h, err
	}
	if _, err := j.Token(); err != io.EOF {
		return h, errors.New("more than one JSON value")
	}
	return h, nil
}

// check checks all of a header but its layers one by one.
func (h *fileHeader) check(names Names) error {
	switch {
	case len(h.Layers) == 0:
		return errors.New("no layers")
	case h.Normalization != "" && !slices.Contains(names.Normalizations, h.Normalization):
		return fmt.Errorf("unknown normalization %.40q, want one of %q", h.Normalization, names.Normalizations)
	case h.Skip != "" && h.Skip != dtypeWide && h.Skip != dtypeNarrow:
		return fmt.Errorf("unknown skip %.40q, want %q or %q", h.Skip, dtypeWide, dtypeNarrow)
	case h.Skip != "" && h.Layers[0].In > matrix.MaxNumbers/h.Layers[len(h.Layers)-1].Out:
		return errors.New("the skip connection is too large")
	case h.NoDecoder && (len(h.Layers) != 1 || h.Layers[0].Kind != kindSparse || h.Skip != ""):
		return errors.New("want one sparse layer and no skip connection where there is no decoder")
	}
	return nil
}

// layers reads the list of the layers, each of which must fit the one before it.
func (p *headerParser) layers(h *fileHeader) error {
	if err := readDelim(p.json, '['); err != nil {
		return err
	}
	for p.json.More() {
		if len(h.Layers) == maxLayers {
			return fmt.Errorf("more than %d layers", maxLayers)
		}
		l, err := p.layer()
		if err != nil {
			return fmt.Errorf("layer %d: %w", len(h.Layers), err)
		}
		if n := len(h.Layers); n > 0 && h.Layers[n-1].Out != l.In {
			return fmt.Errorf("layer %d takes %d inputs, the layer before it gives %d", n, l.In, h.Layers[n-1].Out)
		}
		h.Layers = append(h.Layers, l)
	}
	return readDelim(p.json, ']')
}

// layer reads and checks the description of one layer.
func (p *headerParser) layer() (layerHeader, error) {
	var h layerHeader
	j := p.json
	fields := map[string]func() error{
		"kind":       func() error { return readText(j, &h.Kind) },
		"name":       func() error { return readText(j, &h.Name) },
		"in":         func() error { return readInt(j, &h.In) },
		"out":        func() error { return readInt(j, &h.Out) },
		"k":          func() error { h.K = new(int); return readInt(j, h.K) },
		"activation": func() error { return readText(j, &h.Activation) },
	}
	optional := []string{"k"}
	if p.version > 1 {
		optional = append(optional, "selection", "thresholds", "gate", "tied", "dtype")
		fields["gate"] = func() error { return readBool(j, &h.Gate) }
		fields["dtype"] = func() error { return readText(j, &h.Dtype) }
		fields["selection"] = func() error { return readText(j, &h.Selection) }
		fields["thresholds"] = func() error { return readBool(j, &h.Thresholds) }
		fields["tied"] = func() error { return readBool(j, &h.Tied) }
	}
	if err := readObject(j, fields, optional...); err != nil {
		return h, err
	}
	return h, h.check(p.names)
}

// check returns what is wrong with the description of a layer.
func (h *layerHeader) check(names Names) error {
	sparse := h.Kind == kindSparse
	switch {
	case !sparse && h.Kind != kindLinear:
		return fmt.Errorf("unknown kind %.40q, want %q or %q", h.Kind, kindSparse, kindLinear)
	case sparse != (h.K != nil):
		return errors.New("want a k in a sparse layer and in no other")
	case h.K != nil && *h.K < 0:
		return fmt.Errorf("k is %d, want 0 or more", *h.K)
	case len(h.Name) > maxName:
		return fmt.Errorf("a name of %d bytes, want at most %d", len(h.Name), maxName)
	case h.In < 1 || h.Out < 1:
		return fmt.Errorf("%d inputs and %d outputs, want at least 1 of each", h.In, h.Out)
	case h.In > matrix.MaxNumbers/h.Out:
		return fmt.Errorf("%d x %d is too large", h.In, h.Out)
	case !slices.Contains(names.Activations, h.Activation):
		return fmt.Errorf("unknown activation %.40q, want one of %q", h.Activation, names.Activations)
	case h.Selection != "" && !slices.Contains(names.Selections, h.Selection):
		return fmt.Errorf("unknown selection %.40q, want one of %q", h.Selection, names.Selections)
	case h.Gate && !(sparse && h.Thresholds && h.Activation == gateActivation):
		return fmt.Errorf("a gate goes with a sparse layer of the activation %v that has thresholds", gateActivation)
	case h.Dtype != "" && (h.Dtype != dtypeNarrow || h.Tied):
		return fmt.Errorf("dtype %.40q, want %q or none, and none with tied weights", h.Dtype, dtypeNarrow)
	case !sparse && (h.Selection != "" || h.Thresholds), sparse && h.Tied:
		return errors.New("a selection or thresholds in a linear layer, or tied weights in a sparse one")
	}
	return nil
}

// layer returns the layer that h describes, without its numbers.
func (h *layerHeader) layer(names Names) Layer {
	l := Layer{
		Sparse: h.Kind == kindSparse, Name: h.Name, In: h.In, Out: h.Out, Activation: h.Activation,
		Selection: orDefault(h.Selection, names.Selections), Tied: h.Tied,
	}
	if h.K != nil {
		l.K = *h.K
	}
	return l
}
