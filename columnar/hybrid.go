package columnar

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// errHybrid is the error for bytes that hold too few numbers.
var errHybrid = errors.New("its levels or numbers of entries end too early, or are damaged")

// runs goes through numbers of so many bits in Parquet's hybrid encoding, of which there are
// n: runs of one number, and numbers packed one after the other, those of eight at a time
// (Encodings.md, "Run Length Encoding / Bit-Packing Hybrid").
func runs(src []byte, width, n int, repeat func(v uint32, count int), packed func(src []byte, count int)) error {
	if width > 32 {
		return errHybrid
	}
	for n > 0 {
		head, used := binary.Uvarint(src)
		if used <= 0 {
			return errHybrid
		}
		src = src[used:]
		if head&1 == 0 {
			size := (width + 7) / 8
			if len(src) < size {
				return errHybrid
			}
			var v [4]byte
			copy(v[:], src[:size])
			count := int(min(head>>1, uint64(n)))
			repeat(binary.LittleEndian.Uint32(v[:]), count)
			src, n = src[size:], n-count
			continue
		}
		if width > 0 && head>>1 > uint64(len(src)/width) {
			return errHybrid
		}
		count := int(min(head>>1, uint64(n/8+1)) * 8)
		bytes := int(head>>1) * width
		if width == 0 {
			bytes = 0
		}
		packed(src[:bytes], min(count, n))
		src, n = src[bytes:], n-min(count, n)
	}
	return nil
}

// expand sets dst to numbers of so many bits in the hybrid encoding.
func expand[T uint8 | uint32](dst []T, src []byte, width int) error {
	return runs(src, width, len(dst), func(v uint32, count int) {
		for i := range dst[:count] {
			dst[i] = T(v)
		}
		dst = dst[count:]
	}, func(packed []byte, count int) {
		unpack(dst[:count], packed, width)
		dst = dst[count:]
	})
}

// unpack sets dst to numbers of so many bits, the lowest bits of each byte first.
func unpack[T uint8 | uint32](dst []T, src []byte, width int) {
	var have uint64 // bits that were taken from src and not used
	count := 0      // how many
	mask := uint64(1)<<width - 1
	for i := range dst {
		for count < width {
			have |= uint64(src[0]) << count
			src, count = src[1:], count+8
		}
		dst[i] = T(have & mask)
		have, count = have>>width, count-width
	}
}

// firstOther returns the place of the first of n numbers that is not v, n where all are.
func firstOther(src []byte, width, n int, v uint32) (int, error) {
	at, place := 0, n
	err := runs(src, width, n, func(w uint32, count int) {
		if w != v {
			place = min(place, at)
		}
		at += count
	}, func(packed []byte, count int) {
		var eight [8]uint8
		for ; count > 0; count -= 8 {
			m := min(count, len(eight))
			unpack(eight[:m], packed, width)
			for i, w := range eight[:m] {
				if uint32(w) != v {
					place = min(place, at+i)
				}
			}
			packed = packed[min(width, len(packed)):]
			at += m
		}
	})
	return place, err
}

// widthOf returns how many bits the levels from 0 to most take.
func widthOf(most int) int { return bits.Len(uint(most)) }
