package mnistdata

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

func TestSets(t *testing.T) {
	tests := []struct {
		name   string
		load   func() (Set, error)
		count  int
		first  []int
		digits [10]int // how often each digit occurs, as in LeCun's files
		mean   float64 // of all pixels
	}{
		{"train", Train, 60000, []int{5, 0, 4, 1, 9},
			[10]int{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}, 0.1307},
		{"test", Test, 10000, []int{7, 2, 1, 0, 4},
			[10]int{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}, 0.1325},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := tt.load()
			if err != nil {
				t.Fatal(err)
			}
			if r, c := s.Images.Dims(); r != tt.count || c != Pixels {
				t.Fatalf("images are %d x %d, want %d x %d", r, c, tt.count, Pixels)
			}
			if got := s.Labels[:len(tt.first)]; !slices.Equal(got, tt.first) {
				t.Errorf("first labels are %v, want %v", got, tt.first)
			}
			var digits [10]int
			for _, d := range s.Labels {
				digits[d]++
			}
			if digits != tt.digits {
				t.Errorf("digits occur %v times, want %v", digits, tt.digits)
			}
			x := s.Images.RawMatrix().Data
			if lo, hi := floats.Min(x), floats.Max(x); lo != 0 || hi != 1 {
				t.Errorf("pixels go from %g to %g, want 0 to 1", lo, hi)
			}
			if mean := floats.Sum(x) / float64(len(x)); mean < tt.mean-0.00005 || mean > tt.mean+0.00005 {
				t.Errorf("mean pixel is %.5f, want %.4f to four places", mean, tt.mean)
			}
		})
	}
}

func TestHeadAndOneHot(t *testing.T) {
	s := Set{Images: mat.NewDense(3, 2, []float64{1, 2, 3, 4, 5, 6}), Labels: []int{4, 0, 9}}
	h := s.Head(2)
	if want := mat.NewDense(2, 2, []float64{1, 2, 3, 4}); !mat.Equal(h.Images, want) || !slices.Equal(h.Labels, []int{4, 0}) {
		t.Errorf("Head(2) = %v", h)
	}
	if got := s.Head(3); got.Images != s.Images {
		t.Error("Head(3) of 3 is not the set itself")
	}
	y := s.OneHot()
	if r, c := y.Dims(); r != 3 || c != 10 {
		t.Fatalf("OneHot is %d x %d, want 3 x 10", r, c)
	}
	for i := range s.Labels {
		for j := range 10 {
			want := 0.0
			if j == s.Labels[i] {
				want = 1
			}
			if got := y.At(i, j); got != want {
				t.Errorf("OneHot(%d, %d) = %g, want %g", i, j, got, want)
			}
		}
	}
}

// idx returns an IDX file.
func idx(magic uint32, dims []uint32, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, magic)
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, d)
	}
	return append(b, body...)
}

func TestReadImages(t *testing.T) {
	got, err := ReadImages(bytes.NewReader(idx(magicImages, []uint32{2, 1, 2}, 0, 255, 51, 102)))
	if err != nil {
		t.Fatal(err)
	}
	if want := mat.NewDense(2, 2, []float64{0, 1, 0.2, 0.4}); !mat.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestBadImages(t *testing.T) {
	good := idx(magicImages, []uint32{2, 1, 2}, 1, 2, 3, 4)
	tests := map[string][]byte{
		"labels' magic":       idx(magicLabels, []uint32{2, 1, 2}, 1, 2, 3, 4),
		"little-endian magic": idx(0x03080000, []uint32{2, 1, 2}, 1, 2, 3, 4),
		"no images":           idx(magicImages, []uint32{0, 1, 2}),
		"no pixels":           idx(magicImages, []uint32{2, 0, 2}),
		"huge":                idx(magicImages, []uint32{1<<32 - 1, 1 << 12, 1 << 12}, 1),
		"product over 64 bit": idx(magicImages, []uint32{1<<32 - 1, 1<<32 - 1, 1<<32 - 1}, 1),
		"one byte too many":   append(slices.Clone(good), 5),
	}
	for n := range good {
		tests[fmt.Sprintf("cut to %d bytes", n)] = good[:n]
	}
	for name, data := range tests {
		if _, err := ReadImages(bytes.NewReader(data)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: error %v, want ErrFormat", name, err)
		}
	}
}

func TestReadLabels(t *testing.T) {
	good := idx(magicLabels, []uint32{3}, 7, 0, 9)
	got, err := ReadLabels(bytes.NewReader(good))
	if err != nil || !slices.Equal(got, []int{7, 0, 9}) {
		t.Errorf("got %v, %v", got, err)
	}
	for name, data := range map[string][]byte{
		"images' magic": idx(magicImages, []uint32{3}, 7, 0, 9),
		"not a digit":   idx(magicLabels, []uint32{3}, 7, 0, 10),
		"too short":     good[:len(good)-1],
		"too long":      append(slices.Clone(good), 1),
		"empty":         nil,
	} {
		if _, err := ReadLabels(bytes.NewReader(data)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: error %v, want ErrFormat", name, err)
		}
	}
}

func TestDamagedArchive(t *testing.T) {
	if _, err := load(testImages[:len(testImages)/2], testLabels); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("images cut in half: error %v, want io.ErrUnexpectedEOF", err)
	}
	if _, err := load(nil, testLabels); err == nil {
		t.Error("no images: no error")
	}
	if _, err := load(testImages, nil); err == nil {
		t.Error("no labels: no error")
	}
	if _, err := load(testImages, trainLabels); err == nil {
		t.Error("labels of the other set: no error")
	}
	flipped := slices.Clone(testImages)
	flipped[len(flipped)-6] ^= 1 // in the checksum
	if _, err := load(flipped, testLabels); !errors.Is(err, gzip.ErrChecksum) {
		t.Errorf("damaged checksum: error %v, want gzip.ErrChecksum", err)
	}
}

// FuzzReadImages: for all bytes, ReadImages returns an error or a matrix that has all of
// them.
func FuzzReadImages(f *testing.F) {
	f.Add(idx(magicImages, []uint32{2, 1, 2}, 0, 255, 51, 102))
	f.Add(idx(magicImages, []uint32{1 << 31, 1, 2}, 0, 255))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := ReadImages(bytes.NewReader(data))
		if err != nil {
			return
		}
		if r, c := x.Dims(); r*c != len(data)-16 {
			t.Errorf("%d bytes of pixels became %d x %d", len(data)-16, r, c)
		}
	})
}
