package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sniff"
)

// Read reads a network that Write wrote. It reads exactly what belongs to the
// network and not a byte more, so networks can follow each other in a stream;
// where r is at its end before the first byte, the error wraps io.EOF.
//
// Data that are damaged, cut short or made to do harm give an error that wraps
// fault.ErrFormat (together with the error of r where reading failed). Memory is only
// taken as data arrive, whatever sizes the header names.
//
// Of the network as a whole the file is not checked: whether a tied layer can be
// tied to the one before it, a pre-bias has its size, or a gain is finite.
func Read(r io.Reader, names Names) (*Network, error) {
	d := decoder{r: r, names: names}
	return d.network()
}

// ReadFile reads a file that holds a network and nothing else. Errors are those of
// Read and of package os, and name the file; of one of another kind they say which function
// opens it.
func ReadFile(path string, names Names) (*Network, error) {
	f, err := sniff.Open(path, sniff.Network)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := decoder{r: f, names: names}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		d.known = info.Size()
	}
	n, err := d.network()
	if err == nil {
		err = d.end()
	}
	if err != nil {
		return nil, fault.In(path, err)
	}
	return n, nil
}

// decoder reads one network.
type decoder struct {
	r       io.Reader
	names   Names
	crc     uint32
	started bool   // a byte has been read
	known   int64  // how many bytes are certain to be there to read
	buf     []byte // to convert from
}

// network reads a network, from the magic bytes to the last checksum.
func (d *decoder) network() (*Network, error) {
	h, err := d.header()
	if err != nil {
		return nil, err
	}
	n := &Network{
		Layers: make([]Layer, len(h.Layers)), PreBias: h.PreBias, Normalization: orDefault(h.Normalization, d.names.Normalizations),
		Scale: h.Scale, Undo: h.Undo, NoDecoder: h.NoDecoder, Modern: h.Modern,
	}
	for i := range h.Layers {
		if n.Layers[i], err = d.layer(&h.Layers[i]); err != nil {
			return nil, err
		}
	}
	first, last := &h.Layers[0], &h.Layers[len(h.Layers)-1]
	if h.NoDecoder && h.PreBias {
		if n.Shift, err = d.floats(first.Name, "pre-bias", first.In); err != nil {
			return nil, err
		}
	}
	if h.Skip != "" {
		if n.Skip, err = d.weights("skip", last.Out, first.In, h.Skip); err != nil {
			return nil, err
		}
	}
	if err := d.checksum("the network"); err != nil {
		return nil, err
	}
	return n, nil
}

// orDefault returns "" for the first of the known names, else name.
func orDefault(name string, known []string) string {
	if slices.Index(known, name) == 0 {
		return ""
	}
	return name
}

// layer reads the parameters of one layer.
func (d *decoder) layer(h *layerHeader) (Layer, error) {
	l := h.layer(d.names)
	var err error
	if !h.Tied {
		rows, cols := l.shape()
		if l.Weights, err = d.weights(h.Name, rows, cols, h.Dtype); err != nil {
			return l, err
		}
	}
	if l.Biases, err = d.floats(h.Name, "bias", h.Out); err != nil {
		return l, err
	}
	if h.Thresholds {
		if l.Thresholds, err = d.floats(h.Name, "threshold", h.Out); err != nil {
			return l, err
		}
	}
	if h.Gate {
		l.LogGain, err = d.floats(h.Name, "gain", h.Out)
	}
	return l, err
}

// header reads what comes before the parameters.
func (d *decoder) header() (h fileHeader, err error) {
	var start [len(networkMagic)]byte
	if err := d.read(start[:], "the magic bytes"); err != nil {
		return h, err
	}
	if string(start[:]) == checkpointMagic {
		return h, fault.Advise(fault.ErrFormat, "LoadCheckpoint opens it", "this is the checkpoint of a training, not a network file")
	}
	if string(start[:]) != networkMagic {
		return h, fault.Errorf(fault.ErrFormat, "not a network file: it begins with %q, want %q", start[:], networkMagic)
	}
	var numbers [8]byte
	if err := d.read(numbers[:], "the version"); err != nil {
		return h, err
	}
	version := binary.LittleEndian.Uint32(numbers[:])
	if version < 1 || version > networkVersion {
		return h, fault.Errorf(fault.ErrFormat, "the network file has version %d, this package reads versions 1 to %d", version, networkVersion)
	}
	size := binary.LittleEndian.Uint32(numbers[4:])
	if size > maxHeader {
		return h, fault.Errorf(fault.ErrFormat, "the network file's header has %d bytes, want at most %d", size, maxHeader)
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
	if h, err = parseHeader(text, version, d.names); err != nil {
		return h, fault.Errorf(fault.ErrFormat, "the network file's header: %v", err)
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

// took counts bytes that have been read.
func (d *decoder) took(p []byte) {
	d.started = true
	d.known -= int64(len(p))
	d.crc = crc32.Update(d.crc, castagnoli, p)
}

// readError makes the error of a file that could not be read, or that ends too early.
func readError(err error, what string) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fault.Errorf(errors.Join(fault.ErrFormat, err), "the network file is cut short in %s", what)
	}
	return fault.Errorf(errors.Join(fault.ErrFormat, err), "reading %s of the network file: %v", what, err)
}

// checksum reads a checksum and compares it with that of all that was read but
// checksums.
func (d *decoder) checksum(what string) error {
	sum := d.crc
	var stored [crc32.Size]byte
	if err := d.read(stored[:], "the checksum of "+what); err != nil {
		return err
	}
	d.crc = sum
	if want := binary.LittleEndian.Uint32(stored[:]); sum != want {
		return fault.Errorf(fault.ErrFormat, "the network file is damaged: the checksum of %s is %08x, want %08x", what, sum, want)
	}
	return nil
}

// weights reads the weights of a layer, or a skip connection.
func (d *decoder) weights(layer string, rows, cols int, dtype string) (w matrix.Weights, err error) {
	w.Rows, w.Cols = rows, cols
	if dtype == dtypeNarrow {
		w.Float32, err = readParameters[float32](d, layer, "weight", rows*cols)
	} else {
		w.Float64, err = d.floats(layer, "weight", rows*cols)
	}
	return w, err
}

func (d *decoder) floats(layer, what string, n int) ([]float64, error) {
	return readParameters[float64](d, layer, what, n)
}

// readParameters reads n parameters of a layer. It allocates them at once only where
// that many are known to come, else a piece at first and then as much again as came.
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
		if err := checkFinite(errors.Join(fault.ErrFormat, fault.ErrNotFinite), layer, what, have, part); err != nil {
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
		return fault.Errorf(fault.ErrFormat, "the network file goes on after the network's end")
	default:
		return readError(err, "the end")
	}
}
