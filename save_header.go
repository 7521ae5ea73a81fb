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
type fileHeader struct {
	Layers []layerHeader `json:"layers"`
}

type layerHeader struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	In         int    `json:"in"`
	Out        int    `json:"out"`
	K          *int   `json:"k,omitempty"`
	Activation string `json:"activation"`
}

// header checks that n can be saved and returns its header.
func (n *Network) header() ([]byte, error) {
	if len(n.layers) == 0 {
		return nil, errorf(ErrEmpty, "the network to save has no layers")
	}
	if len(n.layers) > maxLayers {
		return nil, errorf(ErrFormat, "a network of %d layers cannot be saved, at most %d can", len(n.layers), maxLayers)
	}
	var h fileHeader
	for i, l := range n.layers {
		a := l.base()
		if len(a.name) > maxName || !utf8.ValidString(a.name) {
			return nil, errorf(ErrFormat, "the name of layer %d cannot be saved: want UTF-8 of at most %d bytes, it has %d", i, maxName, len(a.name))
		}
		if err := checkParameters(ErrNotFinite, a.name, "weight", 0, a.w.Data); err != nil {
			return nil, err
		}
		if err := checkParameters(ErrNotFinite, a.name, "bias", 0, a.b); err != nil {
			return nil, err
		}
		lh := layerHeader{Kind: kindLinear, Name: a.name, In: a.in, Out: a.out, Activation: a.activation.String()}
		if s, ok := l.(*SparseLayer); ok {
			lh.Kind, lh.K = kindSparse, &s.k
		}
		h.Layers = append(h.Layers, lh)
	}
	var out bytes.Buffer
	j := json.NewEncoder(&out)
	j.SetEscapeHTML(false) // a name is not HTML
	if err := j.Encode(h); err != nil {
		return nil, errorf(ErrFormat, "the network's header: %v", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// parseHeader reads the header token by token. Decoding into a struct would take
// the last of two equal fields, match names in any case, and pass over what is
// missing, so that two readers could see two networks in one file.
func parseHeader(text []byte) ([]layerHeader, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("not UTF-8")
	}
	j := json.NewDecoder(bytes.NewReader(text))
	j.UseNumber()
	var layers []layerHeader
	err := readObject(j, map[string]func() error{"layers": func() error {
		if err := readDelim(j, '['); err != nil {
			return err
		}
		for j.More() {
			if len(layers) == maxLayers {
				return fmt.Errorf("more than %d layers", maxLayers)
			}
			h, err := readLayer(j)
			if err != nil {
				return fmt.Errorf("layer %d: %w", len(layers), err)
			}
			if len(layers) > 0 && layers[len(layers)-1].Out != h.In {
				return fmt.Errorf("layer %d takes %d inputs, the layer before it gives %d", len(layers), h.In, layers[len(layers)-1].Out)
			}
			layers = append(layers, h)
		}
		return readDelim(j, ']')
	}})
	if err != nil {
		return nil, err
	}
	if len(layers) == 0 {
		return nil, errors.New("no layers")
	}
	if _, err := j.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	return layers, nil
}

// readLayer reads and checks the description of one layer.
func readLayer(j *json.Decoder) (layerHeader, error) {
	var h layerHeader
	err := readObject(j, map[string]func() error{
		"kind":       func() error { return readText(j, &h.Kind) },
		"name":       func() error { return readText(j, &h.Name) },
		"in":         func() error { return readInt(j, &h.In) },
		"out":        func() error { return readInt(j, &h.Out) },
		"k":          func() error { h.K = new(int); return readInt(j, h.K) },
		"activation": func() error { return readText(j, &h.Activation) },
	}, "k")
	switch {
	case err != nil:
	case h.Kind != kindSparse && h.Kind != kindLinear:
		err = fmt.Errorf("unknown kind %.40q, want %q or %q", h.Kind, kindSparse, kindLinear)
	case (h.Kind == kindSparse) != (h.K != nil):
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

func readText(j *json.Decoder, to *string) error {
	t, err := j.Token()
	if err != nil {
		return err
	}
	s, ok := t.(string)
	if !ok {
		return fmt.Errorf("%.40q where a text should be", fmt.Sprint(t))
	}
	*to = s
	return nil
}

func readInt(j *json.Decoder, to *int) error {
	t, err := j.Token()
	if err != nil {
		return err
	}
	number, ok := t.(json.Number)
	if ok {
		*to, err = strconv.Atoi(string(number))
	}
	if !ok || err != nil {
		return fmt.Errorf("%.40q where a whole number should be", fmt.Sprint(t))
	}
	return nil
}
