package ksparse

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/screen"
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
//	                float32 where the header says so;
//	                nothing for a layer that is tied to the one before it
//	    float64...  biases, Out of them
//	    float64...  thresholds, Out of them, where the header says so
//	    float64...  the logarithms of a gate's gains, Out of them, likewise
//	float64...  of a network without a decoder the pre-bias, In of them, likewise
//	float64...  the skip connection, Out x In, likewise, or float32
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
// Version 2 has, where they are not false, zero or SelectTopK: of a layer "dtype"
// ("float32"; else its weights are float64), of a sparse layer "selection" (the names
// of Selection.String), "thresholds" (true) and "gate" (true; the thresholds are its
// biases with the sign turned, see Gate), of a linear layer "tied" (true), of the
// network "pre_bias" (true), "normalization" (the names of Normalization.String), its
// "scale" and "undo" (true), "no_decoder" (true; see ErrNoDecoder) and "skip"
// ("float64" or "float32"; see Parts).
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
			e.weights(l.base().exact())
		}
		e.floats(l.base().b)
		if l, ok := l.(*SparseLayer); ok {
			e.floats(l.thresholds)
			if l.gate != nil {
				e.floats(l.gate.logGain)
			}
		}
	}
	if n.noDecoder {
		e.floats(n.frame.shift)
	}
	e.weights(n.skip)
	e.checksum()
	e.flush()
	if e.err != nil {
		return fmt.Errorf("ksparse: writing the network: %w", e.err)
	}
	return nil
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

	dtypeWide   = "float64"
	dtypeNarrow = "float32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// parameters returns the number of weights and biases, or one that is large
// enough to stand for it.
func (n *Network) parameters() int {
	sum := 0
	for _, l := range n.layers {
		a := l.base()
		sum = min(sum+len(a.w.Data)+len(a.narrow)+len(a.b), chunk)
	}
	return sum
}

// checkParameters returns an error that wraps cause where x, parameters of a
// layer from number at on, holds NaN or an infinity.
func checkParameters[T float](cause error, layer, what string, at int, x []T) error {
	if x, ok := any(x).([]float64); ok && kernel.AllFinite(x) { // it is faster
		return nil
	}
	if i := firstNotFinite(x); i >= 0 {
		return errorf(cause, "layer %q holds %v as %s %d", layer, x[i], what, at+i)
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

func (e *encoder) weights(w screen.Weights) {
	writeParameters(e, w.Wide.Data)
	writeParameters(e, w.Narrow)
}

func (e *encoder) floats(x []float64) { writeParameters(e, x) }

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
