package ksparse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"slices"
)

// Load reads a network that Save wrote. It reads exactly what belongs to the
// network and not a byte more, so networks can follow each other in a stream;
// where r is at its end before the first byte, the error wraps io.EOF.
//
// Data that are damaged, cut short or made to do harm give an error that wraps
// ErrFormat (together with the error of r where reading failed). Memory is only
// taken as data arrive, whatever sizes the header names.
func Load(r io.Reader) (*Network, error) {
	d := decoder{r: r}
	return d.network()
}

// LoadFile reads a file that SaveFile wrote. Errors are those of Load and of
// package os; a file that goes on after the network's end is an ErrFormat.
func LoadFile(path string) (*Network, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("ksparse: %w", err)
	}
	defer f.Close()
	d := decoder{r: f}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		d.known = info.Size()
	}
	n, err := d.network()
	if err == nil {
		err = d.end()
	}
	if err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	return n, nil
}

// decoder reads one network.
type decoder struct {
	r       io.Reader
	crc     uint32
	started bool   // a byte has been read
	known   int64  // how many bytes are certain to be there to read
	buf     []byte // to convert from
}

func (d *decoder) network() (*Network, error) {
	h, err := d.header()
	if err != nil {
		return nil, err
	}
	stack := make([]Layer, len(h.Layers))
	for i, lh := range h.Layers {
		if stack[i], err = d.layer(lh); err != nil {
			return nil, err
		}
	}
	var shift []float64
	if h.NoDecoder && h.PreBias {
		if shift, err = d.floats(h.Layers[0].Name, "pre-bias", h.Layers[0].In); err != nil {
			return nil, err
		}
	}
	var skip Matrix
	if h.Skip != "" {
		if skip, err = d.weights("skip", "weight", h.Layers[len(h.Layers)-1].Out, h.Layers[0].In, h.Skip); err != nil {
			return nil, err
		}
	}
	if err := d.checksum("the network"); err != nil {
		return nil, err
	}
	n, err := h.build(stack, shift, skip)
	if err != nil {
		return nil, errorf(errors.Join(ErrFormat, err), "the network file does not hold a network: %v", err)
	}
	return n, nil
}

// layer reads the parameters of one layer. One that is tied has no weights yet.
func (d *decoder) layer(h layerHeader) (Layer, error) {
	a := affine{name: h.Name, in: h.In, out: h.Out}
	a.activation = Activation(slices.Index(activationNames[:], h.Activation))
	rows, cols := h.In, h.Out
	if h.Kind == kindSparse {
		rows, cols = h.Out, h.In
	}
	var w Matrix
	var err error
	if !h.Tied {
		if w, err = d.weights(h.Name, "weight", rows, cols, h.Dtype); err != nil {
			return nil, err
		}
	}
	b, err := d.floats(h.Name, "bias", h.Out)
	if err != nil {
		return nil, err
	}
	a.hold(w, b)
	if h.Kind == kindLinear {
		return &LinearLayer{a}, nil
	}
	l := &SparseLayer{affine: a, k: *h.K, selection: Selection(max(0, slices.Index(selectionNames[:], h.Selection)))}
	if h.Thresholds {
		if l.thresholds, err = d.floats(h.Name, "threshold", h.Out); err != nil {
			return nil, err
		}
	}
	if h.Gate {
		gains, err := d.floats(h.Name, "gain", h.Out)
		if err != nil {
			return nil, err
		}
		if l.gate, err = newGate(h.Out, gains); err != nil {
			return nil, errorf(errors.Join(ErrFormat, err), "layer %q has a gate that is none: %v", h.Name, err)
		}
	}
	return l, nil
}

// build makes the network of the layers that were read.
func (h fileHeader) build(stack []Layer, shift []float64, skip Matrix) (*Network, error) {
	for i, lh := range h.Layers {
		if !lh.Tied {
			continue
		}
		if i == 0 || h.Layers[i-1].Kind != kindSparse || h.Layers[i-1].In != lh.Out || i-1 != lastSparseOf(stack) {
			return nil, fmt.Errorf("layer %d cannot be tied to the one before it", i)
		}
		stack[i].base().share(stack[i-1].base())
	}
	n, err := newNetwork(stack)
	if err != nil {
		return nil, err
	}
	n.noDecoder = h.NoDecoder
	switch {
	case h.NoDecoder:
		n.frame.shift = shift
	case h.PreBias:
		err = n.SetPreBias(true)
	}
	if err == nil && h.Skip != "" {
		err = n.setSkip(skip)
	}
	if err != nil {
		return nil, err
	}
	kind := Normalization(max(0, slices.Index(normalizationNames[:], h.Normalization)))
	return n, n.SetNormalization(kind, h.Scale, h.Undo)
}

// header reads what comes before the parameters.
func (d *decoder) header() (h fileHeader, err error) {
	var start [len(magic)]byte
	if err := d.read(start[:], "the magic bytes"); err != nil {
		return h, err
	}
	if string(start[:]) != magic {
		return h, errorf(ErrFormat, "not a network file: it begins with %q, want %q", start[:], magic)
	}
	var numbers [8]byte
	if err := d.read(numbers[:], "the version"); err != nil {
		return h, err
	}
	version := binary.LittleEndian.Uint32(numbers[:])
	if version < 1 || version > formatVersion {
		return h, errorf(ErrFormat, "the network file has version %d, this package reads versions 1 to %d", version, formatVersion)
	}
	size := binary.LittleEndian.Uint32(numbers[4:])
	if size > maxHeader {
		return h, errorf(ErrFormat, "the network file's header has %d bytes, want at most %d", size, maxHeader)
	}
	// ReadAll takes memory as data arrive, a slice of that size would not.
	text, err := io.ReadAll(io.LimitReader(d.r, int64(size)))
	if err == nil && len(text) < int(size) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return h, readError(err, "the header")
	}
	d.took(text)
	if err := d.checksum("the header"); err != nil {
		return h, err
	}
	if h, err = parseHeader(text, version); err != nil {
		return h, errorf(ErrFormat, "the network file's header: %v", err)
	}
	return h, nil
}

// read fills p; what says in an error which part of the file that is.
func (d *decoder) read(p []byte, what string) error {
	n, err := io.ReadFull(d.r, p)
	if err == io.EOF && d.started {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return readError(err, what)
	}
	d.took(p[:n])
	return nil
}

func (d *decoder) took(p []byte) {
	d.started = true
	d.known -= int64(len(p))
	d.crc = crc32.Update(d.crc, castagnoli, p)
}

func readError(err error, what string) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errorf(errors.Join(ErrFormat, err), "the network file is cut short in %s", what)
	}
	return errorf(errors.Join(ErrFormat, err), "reading %s of the network file: %v", what, err)
}

// checksum reads a checksum and compares it with that of all that was read but
// checksums.
func (d *decoder) checksum(what string) error {
	sum := d.crc
	var stored [4]byte
	if err := d.read(stored[:], "the checksum of "+what); err != nil {
		return err
	}
	d.crc = sum
	if want := binary.LittleEndian.Uint32(stored[:]); sum != want {
		return errorf(ErrFormat, "the network file is damaged: the checksum of %s is %08x, want %08x", what, sum, want)
	}
	return nil
}

// weights reads the weights of a layer, or a skip connection.
func (d *decoder) weights(layer, what string, rows, cols int, dtype string) (m Matrix, err error) {
	m.Rows, m.Cols = rows, cols
	if dtype == dtypeNarrow {
		m.Float32, err = readParameters[float32](d, layer, what, rows*cols)
	} else {
		m.Float64, err = d.floats(layer, what, rows*cols)
	}
	return m, err
}

func (d *decoder) floats(layer, what string, n int) ([]float64, error) {
	return readParameters[float64](d, layer, what, n)
}

// readParameters reads n parameters of a layer. It allocates them at once only where so
// much is known to come, else a piece at first and then as much again as came.
func readParameters[T float](d *decoder, layer, what string, n int) ([]T, error) {
	bytes := sizeOf[T]()
	piece := chunk / bytes
	if d.buf == nil || len(d.buf) < bytes*min(n, piece) {
		d.buf = make([]byte, bytes*min(n, piece))
	}
	size := min(n, piece)
	if int64(n) <= d.known/int64(bytes) {
		size = n
	}
	x := make([]T, size)
	place := fmt.Sprintf("a %s of layer %q", what, layer)
	for have := 0; have < n; {
		if have == len(x) {
			x = append(make([]T, 0, min(n, 2*have)), x...)
			x = x[:cap(x)]
		}
		part := x[have:min(have+piece, len(x))]
		raw := d.buf[:bytes*len(part)]
		if err := d.read(raw, place); err != nil {
			return nil, err
		}
		switch part := any(part).(type) {
		case []float64:
			for i := range part {
				part[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i : 8*i+8]))
			}
		case []float32:
			for i := range part {
				part[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i : 4*i+4]))
			}
		}
		if err := checkParameters(errors.Join(ErrFormat, ErrNotFinite), layer, what, have, part); err != nil {
			return nil, err
		}
		have += len(part)
	}
	return x, nil
}

// end returns an error unless all has been read.
func (d *decoder) end() error {
	var one [1]byte
	switch _, err := io.ReadFull(d.r, one[:]); err {
	case io.EOF:
		return nil
	case nil:
		return errorf(ErrFormat, "the network file goes on after the network's end")
	default:
		return readError(err, "the end")
	}
}
