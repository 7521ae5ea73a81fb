package mapped

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
)

// TestInPlace: a few bytes at any place, from the first time on.
func TestInPlace(t *testing.T) {
	const size = 1<<20 + 77
	f, _, contents := newFile(t, size)
	needMapping(t, f)
	f.asked = 0
	rng := rand.New(rand.NewPCG(1, 0))
	for range 200 {
		at := rng.IntN(size - 8)
		calls := 0
		done, err := f.InPlace(func(b []byte) (int, error) {
			calls++
			if len(b) != size || string(b[at:at+8]) != string(contents[at:at+8]) {
				t.Errorf("other bytes at %d", at)
			}
			return at + 8, nil
		})
		if !done || err != nil || calls != 1 {
			t.Fatalf("done %v, %d calls, %v", done, calls, err)
		}
	}
	failed := errors.New("failed")
	if done, err := f.InPlace(func([]byte) (int, error) { return 0, failed }); !done || err != failed {
		t.Errorf("an error of use: %v, %v", done, err)
	}
	unmap(f.bytes)
	f.bytes = nil
	if done, err := f.InPlace(nil); done || err != nil {
		t.Errorf("without a mapping: %v, %v", done, err)
	}
	f.set.Close()
	if _, err := f.InPlace(nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestInPlaceCut: of a file that was cut, bytes that it still has are given, and others are an error: those in its last
// page too, which read as zeros there.
func TestInPlaceCut(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a mapped file cannot be cut here")
	}
	const size = 1 << 20
	for _, left := range []int{0, 1, 4096, 100_000, size - 1} {
		f, path, contents := newFile(t, size)
		needMapping(t, f)
		if err := os.Truncate(path, int64(left)); err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{0, left - 4, left - 3, left - 1, left, left + 1, left + 50, left + 10_000, size - 4} {
			if at < 0 || at > size-4 {
				continue
			}
			var got [4]byte
			done, err := f.InPlace(func(b []byte) (int, error) {
				copy(got[:], b[at:])
				return at + 4, nil
			})
			if whole := at+4 <= left; !done || whole != (err == nil) || whole && string(got[:]) != string(contents[at:at+4]) || !whole && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("cut to %d: the 4 bytes at %d: done %v, %v, %v", left, at, done, err, got)
			}
		}
	}
}

// TestInPlaceMakesNoGarbage: a closure that stays with the caller costs nothing.
func TestInPlaceMakesNoGarbage(t *testing.T) {
	f, _, _ := newFile(t, 1<<20)
	needMapping(t, f)
	sum := 0
	if n := testing.AllocsPerRun(100, func() {
		f.InPlace(func(b []byte) (int, error) { sum += int(b[777]); return 778, nil })
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
