package columnar

import (
	"errors"
	"testing"
)

// TestInflateNothing: a block of no bytes is one token, by the LZ4 block format; anything else that should
// give nothing is an error, not a read through a nil pointer.
func TestInflateNothing(t *testing.T) {
	if err := inflate(lz4Block, nil, []byte{0}); err != nil {
		t.Error(err)
	}
	for _, src := range [][]byte{nil, {1}, {0x40, 1, 2, 3, 4}, {0x0f, 0, 0}, make([]byte, 40)} {
		for _, c := range []codec{stored, snappyBlock, gzipped, zstandard, lz4Block} {
			if c == stored && len(src) == 0 || c == zstandard && len(src) == 0 {
				continue // these are how they write nothing
			}
			if err := inflate(c, nil, src); err == nil {
				t.Errorf("codec %d: %x gives nothing", c, src)
			} else if c == lz4Block && !errors.Is(err, errLength) {
				t.Error(err)
			}
		}
	}
}
