package mnistdata

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"gonum.org/v1/gonum/mat"
)

// ErrFormat is wrapped by every error about a file that is not a valid IDX file of
// images or labels.
var ErrFormat = errors.New("not a valid IDX file")

// An IDX file is a magic number (two zero bytes, the type of the elements,
// the number of dimensions), the size of each dimension, and the elements, all
// big-endian. MNIST has unsigned bytes (type 8) in 3 dimensions or in 1.
const (
	magicImages = 0x00000803
	magicLabels = 0x00000801

	maxSide = 1 << 12 // of an image; keeps count*rows*cols inside an int64
)

// ReadImages reads an uncompressed IDX file of images. Image i becomes row i,
// line by line, each byte divided by 255.
func ReadImages(r io.Reader) (*mat.Dense, error) {
	dims, err := readHeader(r, magicImages, 3)
	if err != nil {
		return nil, fmt.Errorf("mnistdata: images: %w", err)
	}
	count, height, width := dims[0], dims[1], dims[2]
	if count == 0 || height == 0 || width == 0 || height > maxSide || width > maxSide {
		return nil, fmt.Errorf("mnistdata: images: %w: %d images of %d x %d pixels", ErrFormat, count, height, width)
	}
	pixels, err := readBody(r, count*height*width)
	if err != nil {
		return nil, fmt.Errorf("mnistdata: images: %w", err)
	}
	x := make([]float64, len(pixels))
	for i, p := range pixels {
		x[i] = float64(p) / 255
	}
	return mat.NewDense(int(count), int(height*width), x), nil
}

// ReadLabels reads an uncompressed IDX file of labels, which are digits.
func ReadLabels(r io.Reader) ([]int, error) {
	dims, err := readHeader(r, magicLabels, 1)
	if err != nil {
		return nil, fmt.Errorf("mnistdata: labels: %w", err)
	}
	body, err := readBody(r, dims[0])
	if err != nil {
		return nil, fmt.Errorf("mnistdata: labels: %w", err)
	}
	labels := make([]int, len(body))
	for i, b := range body {
		if b > 9 {
			return nil, fmt.Errorf("mnistdata: labels: %w: label %d is %d, want a digit", ErrFormat, i, b)
		}
		labels[i] = int(b)
	}
	return labels, nil
}

// readHeader reads the magic number, which must be magic, and the n sizes.
func readHeader(r io.Reader, magic uint32, n int) ([]int64, error) {
	header := make([]uint32, 1+n)
	if err := binary.Read(r, binary.BigEndian, header); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrFormat, err)
	}
	if header[0] != magic {
		return nil, fmt.Errorf("%w: magic number %#08x, want %#08x", ErrFormat, header[0], magic)
	}
	dims := make([]int64, n)
	for i := range dims {
		dims[i] = int64(header[1+i])
	}
	return dims, nil
}

// readBody reads exactly n bytes, which must be the rest of r. It takes no more memory
// than there is data, also where n is from a broken header and too large.
func readBody(r io.Reader, n int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, n+1))
	switch {
	case err != nil: // gzip reports damage here: its checksum is at the end
		return nil, fmt.Errorf("%w: after %d of %d bytes: %w", ErrFormat, len(body), n, err)
	case int64(len(body)) < n:
		return nil, fmt.Errorf("%w: ends after %d of %d bytes", ErrFormat, len(body), n)
	case int64(len(body)) > n:
		return nil, fmt.Errorf("%w: goes on after its %d bytes", ErrFormat, n)
	}
	return body, nil
}
