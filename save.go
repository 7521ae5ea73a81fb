package ksparse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/topk"
	"gonum.org/v1/gonum/mat"
)

// Save writes the network to w; Load reads it back with every bit as it was. Any
// number of goroutines may save one network at once, as long as nobody trains it.
//
// Nothing is written of a network that Load would refuse: one with NaN or an
// infinity among its parameters (ErrNotFinite), or with more than 1024 layers or
// a name that is longer than 1024 bytes or not UTF-8 (ErrFormat). An error of w
// is wrapped; part of the network may have been written then, see SaveFile.
//
// # Format
//
// All numbers are little-endian.
//
//	8 bytes   magic: 89 6b 73 70 0d 0a 1a 0a ("\x89ksp\r\n\x1a\n")
//	uint32    version: 1, or 2 where the network has something that came with it
//	uint32    length of the header in bytes, at most 8 MiB
//	header    one JSON object in UTF-8
//	uint32    CRC-32C of all bytes before it
//	per layer, the first one first:
//	    float64...  weights, row after row, as Weights gives them:
//	                Out x In for a sparse layer, In x Out for a linear one;
//	                nothing for a layer that is tied to the one before it
//	    float64...  biases, Out of them
//	    float64...  thresholds, Out of them, where the header says so
//	uint32    CRC-32C of all bytes before it, the header's checksum left out
//
// The header lists the layers. A linear layer has no k; every other field of
// version 1 must be there, once. Activations have the names that Activation.String
// gives.
//
//	{"layers":[
//	  {"kind":"sparse","name":"encoder","in":784,"out":1000,"k":25,"activation":"relu"},
//	  {"kind":"linear","name":"decoder","in":1000,"out":784,"activation":"identity"}]}
//
// Version 2 has, where they are not false, zero or SelectTopK: of a sparse layer
// "selection" (the names of Selection.String) and "thresholds" (true), of a linear
// layer "tied" (true), of the network "pre_bias" (true), "normalization" (the names
// of Normalization.String), its "scale" and "undo" (true).
//
// Why it is so: as in PNG, the magic shows when a transfer has changed line ends
// or cut the eighth bit. JSON can be read by eye (strings shows it), from any
// language, and takes new fields. A field that a reader does not know is an
// error, because a field can change the function that the network computes;
// what is added gets a new version, so that the error can say so. CRC-32C finds
// every error of up to 32 bits in a row and leaves other damage one chance in
// 2³²; with the instruction that processors have for it, it costs next to
// nothing, unlike SHA-256, and an unsigned hash would not stop a forger either. The last
// checksum leaves out the first because a CRC that runs over its own value
// always comes out the same, and would forget the header.
func (n *Network) Save(w io.Writer) error {
	header, version, err := n.header()
	if err != nil {
		return err
	}
	e := encoder{w: w, buf: make([]byte, 0, min(chunk, len(header)+64+8*n.parameters()))}
	start := append([]byte(nil), magic...)
	start = binary.LittleEndian.AppendUint32(start, version)
	start = binary.LittleEndian.AppendUint32(start, uint32(len(header)))
	e.bytes(start)
	e.bytes(header)
	e.checksum()
	for i, l := range n.layers {
		if !n.sharesWeights(i) {
			e.floats(l.base().w.Data)
		}
		e.floats(l.base().b)
		if l, ok := l.(*SparseLayer); ok {
			e.floats(l.thresholds)
		}
	}
	e.checksum()
	e.flush()
	if e.err != nil {
		return fmt.Errorf("ksparse: writing the network: %w", e.err)
	}
	return nil
}

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

// SaveFile writes the network to a file, which LoadFile reads. The file appears,
// or replaces the one that was there, at once and whole: data go to a temporary
// file in the same folder, which is synced and then renamed. Where there is an
// error the old file is as it was and nothing else is left behind. A symbolic
// link is replaced, not followed. Errors are those of Save and of package os.
func (n *Network) SaveFile(path string) error { return writeFile(path, n.Save) }

// writeFile gives path, at once and whole, the contents that write writes.
func writeFile(path string, write func(io.Writer) error) (err error) {
	// os.CreateTemp would give the file to its owner alone; a model that others
	// serve should have the permissions of any new file, or of the old one.
	temporary := filepath.Join(filepath.Dir(path), fmt.Sprintf(".ksparse-%016x.tmp", rand.Uint64()))
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fmt.Errorf("ksparse: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(temporary)
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if old, err := os.Stat(path); err == nil {
		if !old.Mode().IsRegular() {
			// Renaming would put a file in the place of a device or a pipe.
			return fmt.Errorf("ksparse: %s is no regular file, so it is not replaced", path)
		}
		if err := f.Chmod(old.Mode().Perm()); err != nil {
			return fmt.Errorf("ksparse: %w", err)
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("ksparse: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("ksparse: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("ksparse: %w", err)
	}
	return nil
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

const (
	magic         = "\x89ksp\r\n\x1a\n"
	formatVersion = 2

	// Any header within the first two limits is within the third: JSON writes a
	// byte of a name as six at most.
	maxLayers = 1 << 10
	maxName   = 1 << 10
	maxHeader = 8 << 20

	// chunk is how many bytes are converted at a time: few enough to stay in a
	// core's cache between conversion and checksum, enough that system calls cost
	// nothing.
	chunk = 256 << 10

	kindSparse = "sparse"
	kindLinear = "linear"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// parameters returns the number of weights and biases, or one that is large
// enough to stand for it.
func (n *Network) parameters() int {
	sum := 0
	for _, l := range n.layers {
		sum = min(sum+len(l.base().w.Data)+len(l.base().b), chunk)
	}
	return sum
}

// checkParameters returns an error that wraps cause where x, parameters of a
// layer from number at on, holds NaN or an infinity.
func checkParameters(cause error, layer, what string, at int, x []float64) error {
	if kernel.AllFinite(x) {
		return nil
	}
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return errorf(cause, "layer %q holds %v as %s %d", layer, v, what, at+i)
		}
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

func (e *encoder) floats(x []float64) {
	for len(x) > 0 && e.err == nil {
		room := (cap(e.buf) - len(e.buf)) / 8
		if room == 0 {
			e.flush()
			continue
		}
		m := min(room, len(x))
		at := len(e.buf)
		e.buf = e.buf[:at+8*m]
		p := e.buf[at:]
		for i, v := range x[:m] {
			binary.LittleEndian.PutUint64(p[8*i:8*i+8], math.Float64bits(v))
		}
		e.crc = crc32.Update(e.crc, castagnoli, p)
		x = x[m:]
	}
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
	if err := d.checksum("the network"); err != nil {
		return nil, err
	}
	n, err := h.build(stack)
	if err != nil {
		return nil, errorf(errors.Join(ErrFormat, err), "the network file does not hold a network: %v", err)
	}
	return n, nil
}

// layer reads the parameters of one layer. One that is tied has no weights yet.
func (d *decoder) layer(h layerHeader) (Layer, error) {
	a := affine{name: h.Name, in: h.In, out: h.Out}
	a.activation = Activation(slices.Index(activationNames[:], h.Activation))
	w := topk.Rows{Rows: h.In, Cols: h.Out, Stride: h.Out}
	if h.Kind == kindSparse {
		w = topk.Rows{Rows: h.Out, Cols: h.In, Stride: h.In}
	}
	var err error
	if !h.Tied {
		if w.Data, err = d.floats(h.Name, "weight", h.In*h.Out); err != nil {
			return nil, err
		}
	}
	b, err := d.floats(h.Name, "bias", h.Out)
	if err != nil {
		return nil, err
	}
	if h.Tied {
		a.b, a.biases = b, mat.NewVecDense(len(b), b)
	} else {
		a.set(w, b)
	}
	if h.Kind == kindLinear {
		return &LinearLayer{a}, nil
	}
	l := &SparseLayer{affine: a, k: *h.K, selection: Selection(max(0, slices.Index(selectionNames[:], h.Selection)))}
	if h.Thresholds {
		l.thresholds, err = d.floats(h.Name, "threshold", h.Out)
	}
	return l, err
}

// build makes the network of the layers that were read.
func (h fileHeader) build(stack []Layer) (*Network, error) {
	for i, lh := range h.Layers {
		if !lh.Tied {
			continue
		}
		if i == 0 || h.Layers[i-1].Kind != kindSparse || h.Layers[i-1].In != lh.Out || i-1 != lastSparseOf(stack) {
			return nil, fmt.Errorf("layer %d cannot be tied to the one before it", i)
		}
		a, below := stack[i].base(), stack[i-1].base()
		a.w, a.weights = below.w, below.weights
	}
	n, err := newNetwork(stack)
	if err != nil {
		return nil, err
	}
	if h.PreBias {
		if err := n.SetPreBias(true); err != nil {
			return nil, err
		}
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

// floats reads n parameters of a layer. It allocates them at once only where so
// much is known to come, else a piece at first and then as much again as came.
func (d *decoder) floats(layer, what string, n int) ([]float64, error) {
	const piece = chunk / 8
	if d.buf == nil || len(d.buf) < 8*min(n, piece) {
		d.buf = make([]byte, 8*min(n, piece))
	}
	size := min(n, piece)
	if int64(n) <= d.known/8 {
		size = n
	}
	x := make([]float64, size)
	place := fmt.Sprintf("a %s of layer %q", what, layer)
	for have := 0; have < n; {
		if have == len(x) {
			x = append(make([]float64, 0, min(n, 2*have)), x...)
			x = x[:cap(x)]
		}
		part := x[have:min(have+piece, len(x))]
		raw := d.buf[:8*len(part)]
		if err := d.read(raw, place); err != nil {
			return nil, err
		}
		for i := range part {
			part[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i : 8*i+8]))
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
