package format

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"unicode/utf8"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// Write writes a network that Read reads back with every bit as it was.
//
// Nothing is written of a network without layers (fault.ErrEmpty), with NaN or an
// infinity among its parameters (fault.ErrNotFinite), with parameters that do not have
// the sizes of its layers (fault.ErrShape), with more than 1024 layers, or with a name
// that is longer than 1024 bytes or not UTF-8 (fault.ErrFormat). An error of w is
// wrapped; part of the network may have been written then.
func Write(w io.Writer, n *Network) error {
	blocks, err := n.check()
	if err != nil {
		return err
	}
	header, version, err := headerOf(n).text()
	if err != nil {
		return err
	}
	start := append([]byte(nil), networkMagic...)
	start = binary.LittleEndian.AppendUint32(start, version)
	start = binary.LittleEndian.AppendUint32(start, uint32(len(header)))
	size := len(start) + len(header) + 2*crc32.Size
	for _, b := range blocks {
		size = min(size+matrix.Bytes(b.values), chunk)
	}
	e := encoder{w: w, buf: make([]byte, 0, size)}
	e.bytes(start)
	e.bytes(header)
	e.checksum()
	for _, b := range blocks {
		writeParameters(&e, b.values.Float64)
		writeParameters(&e, b.values.Float32)
	}
	e.checksum()
	e.flush()
	if e.err != nil {
		return fmt.Errorf("ksparse: writing the network: %w", e.err)
	}
	return nil
}

// block is a run of parameters as it stands in the file. Errors name it by its layer
// and by what one parameter of it is.
type block struct {
	layer, what string
	values      matrix.Weights
	rows, cols  int // that values should have
}

// blocks lists the parameters in the order of the file.
func (n *Network) blocks() []block {
	var all []block
	vector := func(layer, what string, v []float64, size int) {
		all = append(all, block{layer, what, matrix.Weights{Rows: 1, Cols: len(v), Float64: v}, 1, size})
	}
	for i := range n.Layers {
		l := &n.Layers[i]
		if !l.Tied {
			rows, cols := l.shape()
			all = append(all, block{l.Name, "weight", l.Weights, rows, cols})
		}
		vector(l.Name, "bias", l.Biases, l.Out)
		if l.Thresholds != nil {
			vector(l.Name, "threshold", l.Thresholds, l.Out)
		}
		if l.LogGain != nil {
			vector(l.Name, "gain", l.LogGain, l.Out)
		}
	}
	in, out := n.Layers[0].In, n.Layers[len(n.Layers)-1].Out
	if n.NoDecoder && n.PreBias {
		vector(n.Layers[0].Name, "pre-bias", n.Shift, in)
	}
	if !n.Skip.Empty() {
		all = append(all, block{"skip", "weight", n.Skip, out, in})
	}
	return all
}

// check returns the network's blocks, if it can be written.
func (n *Network) check() ([]block, error) {
	if len(n.Layers) == 0 {
		return nil, fault.Errorf(fault.ErrEmpty, "the network to save has no layers")
	}
	if len(n.Layers) > maxLayers {
		return nil, fault.Errorf(fault.ErrFormat, "a network of %d layers cannot be saved, at most %d can", len(n.Layers), maxLayers)
	}
	for i := range n.Layers {
		if name := n.Layers[i].Name; len(name) > maxName || !utf8.ValidString(name) {
			return nil, fault.Errorf(fault.ErrFormat, "the name of layer %d cannot be saved: want UTF-8 of at most %d bytes, it has %d", i, maxName, len(name))
		}
	}
	blocks := n.blocks()
	for _, b := range blocks {
		if err := b.check(); err != nil {
			return nil, err
		}
	}
	return blocks, nil
}

// check returns an error where b has another size than it should have, or holds NaN
// or an infinity.
func (b *block) check() error {
	v := &b.values
	if v.Rows != b.rows || v.Cols != b.cols || len(v.Float64)+len(v.Float32) != b.rows*b.cols {
		return fault.Errorf(fault.ErrShape, "layer %q has %d x %d numbers, %d in all, for each %s, want %d x %d",
			b.layer, v.Rows, v.Cols, len(v.Float64)+len(v.Float32), b.what, b.rows, b.cols)
	}
	if err := checkFinite(fault.ErrNotFinite, b.layer, b.what, 0, v.Float64); err != nil {
		return err
	}
	return checkFinite(fault.ErrNotFinite, b.layer, b.what, 0, v.Float32)
}

// checkFinite returns an error that wraps cause where x, parameters of a layer from
// number at on, holds NaN or an infinity.
func checkFinite[T float](cause error, layer, what string, at int, x []T) error {
	if i := matrix.FirstNotFinite(x); i >= 0 {
		return fault.Errorf(cause, "layer %q holds %v as %s %d", layer, x[i], what, at+i)
	}
	return nil
}

// encoder gathers what is to be written in buf, and keeps w's first error.
type encoder struct {
	w   io.Writer
	crc uint32
	buf []byte
	err error
}

// flush writes what was gathered.
func (e *encoder) flush() {
	if e.err == nil {
		var n int
		n, e.err = e.w.Write(e.buf)
		if e.err == nil && n < len(e.buf) {
			e.err = io.ErrShortWrite
		}
	}
	e.buf = e.buf[:0]
}

// bytes takes p into the checksum and into what is to be written.
func (e *encoder) bytes(p []byte) {
	e.crc = crc32.Update(e.crc, castagnoli, p)
	if len(p) > cap(e.buf)-len(e.buf) {
		e.flush()
	}
	e.buf = append(e.buf, p...)
}

// checksum writes the checksum of all that was written but checksums.
func (e *encoder) checksum() {
	sum := e.crc
	e.bytes(binary.LittleEndian.AppendUint32(nil, sum))
	e.crc = sum
}

// writeParameters converts x in place, in e.buf, a piece at a time.
func writeParameters[T float](e *encoder, x []T) {
	size := sizeOf[T]()
	for len(x) > 0 && e.err == nil {
		room := (cap(e.buf) - len(e.buf)) / size
		if room == 0 {
			e.flush()
			continue
		}
		m := min(room, len(x))
		at := len(e.buf)
		e.buf = e.buf[:at+size*m]
		p := e.buf[at:]
		switch part := any(x[:m]).(type) {
		case []float64:
			for i, v := range part {
				binary.LittleEndian.PutUint64(p[8*i:8*i+8], math.Float64bits(v))
			}
		case []float32:
			for i, v := range part {
				binary.LittleEndian.PutUint32(p[4*i:4*i+4], math.Float32bits(v))
			}
		}
		e.crc = crc32.Update(e.crc, castagnoli, p)
		x = x[m:]
	}
}
