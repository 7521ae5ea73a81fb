package columnar

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/format"
)

// TestLevels: what the library has written is read again, whatever stands after it, and not where
// a byte of it is missing.
func TestLevels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 7, 8, 9, 63, 64, 65, 1000} {
		for _, most := range []int{1, 2, 3, 5, 255} {
			for _, runs := range []int{1, 3, 40} { // how long one number goes on
				want := make([]uint8, n)
				for i := range want {
					want[i] = uint8(rng.IntN(most + 1))
					if i%runs > 0 {
						want[i] = want[i-1]
					}
				}
				name := fmt.Sprintf("%d levels to %d, runs of %d", n, most, runs)
				width := map[int]int{1: 1, 2: 2, 3: 2, 5: 3, 255: 8}[most]
				src, err := (&rle.Encoding{BitWidth: width}).EncodeLevels(nil, want)
				if err != nil {
					t.Fatal(err)
				}
				got, err := levels(nil, append(bytes.Clone(src), 255, 255), n, most)
				if err != nil || !slices.Equal(got, want) {
					t.Fatalf("%s: %v, %v, want %v", name, got, err, want)
				}
				if n == 0 {
					continue
				}
				if _, err := levels(nil, src[:len(src)-1], n, most); err == nil {
					t.Fatalf("%s: no error without the last byte", name)
				}
			}
		}
	}
	if got, err := levels([]uint8{9, 9, 9}, nil, 3, 0); err != nil || !slices.Equal(got, []uint8{0, 0, 0}) {
		t.Errorf("levels that are not stored: %v, %v", got, err)
	}
}

// TestLengthsAreChecked: no length in a file takes memory that is not for numbers in it. Where one
// of these was believed, the process would end.
func TestLengthsAreChecked(t *testing.T) {
	const many = 1 << 30
	run := append(binary.AppendUvarint(nil, many<<1), 1)
	packed := append(binary.AppendUvarint(nil, many<<1|1), 1, 1, 1, 1)
	for name, src := range map[string][]byte{"a run": run, "packed numbers": packed} {
		if _, err := levels(nil, src, 4, 1); err == nil {
			t.Errorf("%s as levels: no error", name)
		}
		for _, width := range []byte{0, 1, 8, 32, 33, 255} {
			if err := places(make([]float64, 4), append([]byte{width}, src...), []float64{1, 2}); err == nil {
				t.Errorf("%s as places of %d bits: no error", name, width)
			}
		}
	}

	deltas := binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(nil, 128), 4), many)
	for _, size := range []int{4, 8} {
		if _, err := plainIntegers(append(deltas, 2), 4, size); err == nil {
			t.Errorf("deltas of %d bytes: no error", size)
		}
	}

	const list, structs = 9, 12
	for name, b := range map[string][]byte{
		"a long list":      binary.AppendUvarint([]byte{2<<4 | list, 15<<4 | structs}, many),
		"a deep structure": bytes.Repeat([]byte{1<<4 | structs}, 16<<20),
		"deep lists":       append([]byte{12<<4 | list}, bytes.Repeat([]byte{1<<4 | list}, 16<<20)...),
	} {
		if _, err := decodeThrift(b, new(format.FileMetaData)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
