package format

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// Network reads the network as the training would have left it. It takes no more memory
// than the file has bytes. Errors wrap fault.ErrFormat. Like Read it does not check the
// network as a whole. ReadInto may follow.
func (c *Checkpoint) Network(names Names) (*Network, error) {
	h, err := parseHeader(c.network, networkVersion, names)
	if err == nil && (h.NoDecoder || h.Skip != "") {
		err = errors.New("a network that cannot be trained")
	}
	if err != nil {
		return nil, fault.Errorf(fault.ErrFormat, "the checkpoint's network: %v", err)
	}
	places, err := c.places()
	if err != nil {
		return nil, err
	}
	r := parameterReader{checkpoint: c, places: places}
	n := &Network{
		Layers: make([]Layer, len(h.Layers)), PreBias: h.PreBias, Normalization: orDefault(h.Normalization, names.Normalizations),
		Scale: h.Scale, Undo: h.Undo, Modern: h.Modern,
	}
	for i := range h.Layers {
		if n.Layers[i], err = r.layer(i, &h.Layers[i], names); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// place is where the numbers of a section begin in the file, and how many there are.
type place struct {
	offset int64
	floats int
}

// places returns where the sections of floats are. All sections together are as long as
// the file says.
func (c *Checkpoint) places() (map[string]place, error) {
	info, err := c.file.Stat()
	if err != nil {
		return nil, checkpointError(err)
	}
	end := info.Size() - 4 // the checksum
	at := end - c.body.N
	places := make(map[string]place, len(c.Sections))
	for _, s := range c.Sections {
		room := int((end - at) / 8)
		if s.Floats < 0 || s.Counts < 0 || s.Floats > room || s.Counts > room-s.Floats {
			return nil, fault.Errorf(fault.ErrFormat, "the checkpoint's section %.200q is larger than the file", s.Name)
		}
		if s.Counts == 0 {
			places[s.Name] = place{at, s.Floats}
		}
		at += 8 * int64(s.Floats+s.Counts)
	}
	return places, nil
}

// parameterReader reads the parameters of a checkpoint's network, layer by layer.
type parameterReader struct {
	checkpoint *Checkpoint
	places     map[string]place
	next       int // the number of the section to come
}

// layer reads layer i.
func (r *parameterReader) layer(i int, h *layerHeader, names Names) (l Layer, err error) {
	l = h.layer(names)
	if h.Gate || h.Dtype != "" {
		return l, fault.Errorf(fault.ErrFormat, "the checkpoint's layer %q cannot be trained", h.Name)
	}
	if !h.Tied {
		rows, cols := l.shape()
		l.Weights = matrix.Weights{Rows: rows, Cols: cols}
		if l.Weights.Float64, err = r.parameters(h.Name, "weight", rows*cols); err != nil {
			return l, err
		}
	}
	if l.Biases, err = r.parameters(h.Name, "bias", h.Out); err != nil {
		return l, err
	}
	if h.Thresholds {
		l.Thresholds, err = r.section(fmt.Sprint("thresholds ", i), h.Name, "threshold", h.Out)
	}
	return l, err
}

// parameters reads the next section of those that the network is left with.
func (r *parameterReader) parameters(layer, what string, n int) ([]float64, error) {
	r.next++
	return r.section(fmt.Sprint(r.checkpoint.left, " ", r.next-1), layer, what, n)
}

// section reads a section of n floats.
func (r *parameterReader) section(name, layer, what string, n int) ([]float64, error) {
	at, ok := r.places[name]
	if !ok || at.floats != n {
		return nil, fault.Errorf(fault.ErrFormat, "the checkpoint has no section %.200q of %d numbers, which its network needs", name, n)
	}
	x := make([]float64, n)
	err := readNumbers(io.NewSectionReader(r.checkpoint.file, at.offset, 8*int64(n)), n, func(i int, v uint64) { x[i] = math.Float64frombits(v) })
	if err != nil {
		return nil, checkpointError(err)
	}
	return x, checkFinite(errors.Join(fault.ErrFormat, fault.ErrNotFinite), layer, what, 0, x)
}
