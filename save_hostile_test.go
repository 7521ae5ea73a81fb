package ksparse_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"testing"

	"github.com/ksparse/ksparse"
)

// allocated returns how many bytes f allocates (or a little more).
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestLoadGrows loads what is larger than the first piece, by a reader that does
// not say how much it has: no more than three times the data may be allocated.
func TestLoadGrows(t *testing.T) {
	n := mustNetwork(t, ksparse.NewLinearLayer("large", 1000, 1100, ksparse.Identity))
	data := saved(t, n)
	taken := allocated(func() {
		got, err := ksparse.Load(struct{ io.Reader }{bytes.NewReader(data)})
		if err != nil {
			t.Fatal(err)
		}
		if err := difference(got, n); err != nil {
			t.Error(err)
		}
	})
	if taken > uint64(3*len(data)) {
		t.Errorf("%d bytes allocated for %d", taken, len(data))
	}
	for _, size := range []int{256 << 10, 300 << 10, 1 << 20, len(data) - 5, len(data) - 1} {
		if _, err := ksparse.Load(bytes.NewReader(data[:size])); !errors.Is(err, ksparse.ErrFormat) {
			t.Errorf("first %d bytes: error %v, want ErrFormat", size, err)
		}
	}
}

// assemble makes a network file without any of the code that is tested, so that a header
// may say what it likes.
func assemble(version byte, header string, parameters []byte) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	b := append([]byte("\x89ksp\r\n\x1a\n"), version, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
	b = append(b, header...)
	sum := crc32.Checksum(b, table)
	b = binary.LittleEndian.AppendUint32(b, sum)
	b = append(b, parameters...)
	return binary.LittleEndian.AppendUint32(b, crc32.Update(sum, table, parameters))
}

// FuzzLoad loads body as it is, and as the parameters after header in a file with
// right lengths and checksums, which mutation alone would never find. What loads
// must save to the same network. Seeds in testdata/fuzz/FuzzLoad: the file of version 1,
// the same in its two parts, and headers that make no sense.
func FuzzLoad(f *testing.F) {
	for _, n := range smallNetworks(f) {
		file := saved(f, n)
		header := 16 + int(binary.LittleEndian.Uint32(file[12:]))
		f.Add(string(file[16:header]), file[header+4:len(file)-4])
	}
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		for _, data := range [][]byte{body, assemble(1, header, body), assemble(2, header, body)} {
			before := totalAllocated()
			n, err := ksparse.Load(bytes.NewReader(data))
			if taken, limit := totalAllocated()-before, uint64(4<<20+32*len(data)); taken > limit {
				t.Fatalf("%d bytes allocated for %d", taken, len(data))
			}
			if err != nil {
				if !errors.Is(err, ksparse.ErrFormat) {
					t.Fatalf("error %v, want ErrFormat", err)
				}
				continue
			}
			first := saved(t, n)
			again, err := ksparse.Load(bytes.NewReader(first))
			if err != nil {
				t.Fatal("saved from what was loaded:", err)
			}
			if second := saved(t, again); !bytes.Equal(second, first) {
				t.Fatalf("saved as %q, then as %q", first, second)
			}
			again.Widen()
			n.Widen()
			if err := difference(again, n); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// totalAllocated is what runtime.ReadMemStats would give but does not stop the
// world; small objects are counted late, large ones at once.
func totalAllocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// benchmarkNetwork has 100 MB of parameters.
func benchmarkNetwork(b *testing.B) (*ksparse.Network, int64) {
	n := mustNetwork(b, ksparse.NewSparseLayer("encoder", 768, 8138, 32, ksparse.ReLU), ksparse.NewLinearLayer("decoder", 8138, 768, ksparse.Identity))
	return n, int64(len(saved(b, n)))
}

func BenchmarkSave(b *testing.B) {
	n, size := benchmarkNetwork(b)
	b.SetBytes(size)
	for b.Loop() {
		if err := n.Save(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	n, size := benchmarkNetwork(b)
	data := saved(b, n)
	b.SetBytes(size)
	for b.Loop() {
		if _, err := ksparse.Load(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSaveFile(b *testing.B) {
	n, size := benchmarkNetwork(b)
	path := filepath.Join(b.TempDir(), "net.ksp")
	b.SetBytes(size)
	for b.Loop() {
		if err := n.SaveFile(path); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoadFile(b *testing.B) {
	n, size := benchmarkNetwork(b)
	path := filepath.Join(b.TempDir(), "net.ksp")
	if err := n.SaveFile(path); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	for b.Loop() {
		if _, err := ksparse.LoadFile(path); err != nil {
			b.Fatal(err)
		}
	}
}
