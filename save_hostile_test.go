package ksparse_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
)

func TestLoadDamage(t *testing.T) {
	data := smallFile()
	if _, err := ksparse.Load(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	for size := range data {
		_, err := ksparse.Load(bytes.NewReader(data[:size]))
		wantEnd := io.ErrUnexpectedEOF
		if size == 0 {
			wantEnd = io.EOF
		}
		if !errors.Is(err, ksparse.ErrFormat) || !errors.Is(err, wantEnd) {
			t.Errorf("first %d bytes: error %v, want ErrFormat and %v", size, err, wantEnd)
		}
	}
	for bit := range 8 * len(data) {
		flipped := bytes.Clone(data)
		flipped[bit/8] ^= 1 << (bit % 8)
		if _, err := ksparse.Load(bytes.NewReader(flipped)); !errors.Is(err, ksparse.ErrFormat) {
			t.Errorf("bit %d flipped: error %v, want ErrFormat", bit, err)
		}
	}
	// A CRC that ran on over the header's own checksum would not see this: the
	// parameters of one file after the header of another.
	other := assemble(strings.Replace(smallHeader, "gelu", "relu", 1), littleEndian(smallParameters...))
	tail := len(data) - 8*len(smallParameters) - 4
	if _, err := ksparse.Load(bytes.NewReader(append(other[:tail:tail], data[tail:]...))); !errors.Is(err, ksparse.ErrFormat) {
		t.Errorf("two files spliced: error %v, want ErrFormat", err)
	}
}

func layerJSON(fields string) string { return `{"layers":[{` + fields + `}]}` }

func TestLoadHostile(t *testing.T) {
	const linear = `"kind":"linear","name":"x","activation":"relu",`
	const sparse = `"kind":"sparse","name":"x","activation":"relu",`
	headers := []struct{ header, want string }{
		{layerJSON(linear + `"in":262144,"out":262144`), "cut short"}, // 512 GiB
		{layerJSON(linear + `"in":1,"out":68719476736`), "cut short"},
		{layerJSON(linear + `"in":262144,"out":262145`), "too large"},
		{layerJSON(linear + `"in":9223372036854775807,"out":9223372036854775807`), "too large"},
		{layerJSON(linear + `"in":9223372036854775808,"out":1`), "whole number"},
		{layerJSON(linear + `"in":` + strings.Repeat("9", 1<<18) + `,"out":1`), "whole number"},
		{layerJSON(linear + `"in":-1,"out":-1`), "at least 1"},
		{layerJSON(linear + `"in":0,"out":1`), "at least 1"},
		{layerJSON(linear + `"in":1.0,"out":1`), "whole number"},
		{layerJSON(linear + `"in":1e0,"out":1`), "whole number"},
		{layerJSON(linear + `"in":"1","out":1`), "whole number"},
		{layerJSON(linear + `"in":null,"out":1`), "whole number"},
		{layerJSON(linear + `"in":[1],"out":1`), "whole number"},
		{layerJSON(linear + `"in":1`), `"out" is missing`},
		{layerJSON(linear + `"in":1,"in":1,"out":1`), "there twice"},
		{layerJSON(linear + `"In":1,"out":1`), "unknown"},
		{layerJSON(linear + `"in":1,"out":1,"threshold":0.5`), "unknown"},
		{layerJSON(linear + `"in":1,"out":1,"k":1`), "want a k"},
		{layerJSON(linear + `"in":1,"out":1,"k":null`), "whole number"},
		{layerJSON(sparse + `"in":1,"out":1`), "want a k"},
		{layerJSON(sparse + `"in":1,"out":1,"k":-1`), "k is -1"},
		{layerJSON(`"kind":"sparse","name":7,"in":1,"out":1,"k":1,"activation":"relu"`), "a text"},
		{layerJSON(`"kind":"linear","name":"x","in":1,"out":1,"activation":"softplus"`), "unknown activation"},
		{layerJSON(`"kind":"linear","name":"x","in":1,"out":1,"activation":"ReLU"`), "unknown activation"},
		{layerJSON(`"kind":"linear","name":"x","in":1,"out":1,"activation":2`), "a text"},
		{layerJSON(`"kind":"conv","name":"x","in":1,"out":1,"activation":"relu"`), "unknown kind"},
		{layerJSON(`"kind":"linear","name":"` + strings.Repeat("x", 1025) + `","in":1,"out":1,"activation":"relu"`), "a name of 1025"},
		{layerJSON(`"kind":"linear","name":"` + "\xff" + `","in":1,"out":1,"activation":"relu"`), "UTF-8"},
		{`{"layers":[{` + linear + `"in":1,"out":2},{` + linear + `"in":3,"out":1}]}`, "takes 3 inputs"},
		{`{"layers":[` + strings.Repeat(`{`+linear+`"in":1,"out":1},`, 1024) + `{` + linear + `"in":1,"out":1}]}`, "more than 1024"},
		{`{"layers":[{` + linear + `"in":1,"out":1},]}`, "header"},
		{smallHeader + `{}`, "more than one"},
		{smallHeader + `x`, "more than one"},
		{`{"layers":[],"layers":[]}`, "there twice"},
		{`{"layers":[]}`, "no layers"},
		{`{"layers":{}}`, "should be"},
		{`{}`, "missing"},
		{`[]`, "should be"},
		{`null`, "should be"},
		{``, "EOF"},
		{strings.Repeat(`[`, 1<<18), "should be"},
		{`{"layers":` + strings.Repeat(`[`, 1<<18), "should be"},
		{`{"layers":[` + strings.Repeat(`{"a":`, 1<<18), "unknown"},
		{`{"layers":[{"name":` + strings.Repeat(`[`, 1<<18), "a text"},
		{`{"` + strings.Repeat("a", 1<<18) + `":1}`, "unknown"},
	}
	for _, c := range headers {
		data := assemble(c.header, make([]byte, 4096))
		var err error
		taken := allocated(func() { _, err = ksparse.Load(bytes.NewReader(data)) })
		if !errors.Is(err, ksparse.ErrFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("header %.120s: error %v, want ErrFormat with %q", c.header, err, c.want)
		}
		if len(err.Error()) > 1000 {
			t.Errorf("header %.120s: an error of %d bytes", c.header, len(err.Error()))
		}
		if limit := uint64(4<<20 + 16*len(data)); taken > limit {
			t.Errorf("header %.120s: %d bytes allocated, want at most %d", c.header, taken, limit)
		}
	}
	small := smallFile()
	for offset, c := range map[int]struct{ bytes, want string }{
		0:  {"\x89PNG\r\n\x1a\n", "not a network file"},
		4:  {"\n\x1a\n", "not a network file"},
		8:  {"\x03", "version 3, this package reads versions 1 to 2"},
		12: {"\xff\xff\xff\xff", "at most"},
		14: {"\x7f", "cut short"}, // 8 MiB, less a little
	} {
		data := bytes.Clone(small)
		copy(data[offset:], c.bytes)
		if _, err := ksparse.Load(bytes.NewReader(data)); !errors.Is(err, ksparse.ErrFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q at byte %d: error %v, want ErrFormat with %q", c.bytes, offset, err, c.want)
		}
	}
	for i := range smallParameters {
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			p := append([]float64(nil), smallParameters...)
			p[i] = v
			_, err := ksparse.Load(bytes.NewReader(assemble(smallHeader, littleEndian(p...))))
			if !errors.Is(err, ksparse.ErrFormat) || !errors.Is(err, ksparse.ErrNotFinite) {
				t.Errorf("parameter %d is %v: error %v, want ErrFormat and ErrNotFinite", i, v, err)
			}
		}
	}
}

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

// FuzzLoad loads body as it is, and as the parameters after header in a file with
// right lengths and checksums, which mutation alone would never find. What loads
// must save to the same network. Seeds in testdata/fuzz/FuzzLoad: the file of
// TestNetworkV1, the same in its two parts, and headers of TestLoadHostile.
func FuzzLoad(f *testing.F) {
	for _, n := range assembledNetworks(f) {
		file := saved(f, n)
		header := 16 + int(binary.LittleEndian.Uint32(file[12:]))
		f.Add(string(file[16:header]), file[header+4:len(file)-4])
	}
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		for _, data := range [][]byte{body, assemble(header, body), assembleVersion(2, header, body)} {
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
			again, err := ksparse.Load(bytes.NewReader(saved(t, n)))
			if err != nil {
				t.Fatal("saved from what was loaded:", err)
			}
			if err := difference(again, n); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// assembledNetworks are small networks with everything that version 2 holds.
func assembledNetworks(t testing.TB) []*ksparse.Network {
	narrow := func(rows, cols int) ksparse.Matrix {
		m := ksparse.Matrix{Rows: rows, Cols: cols, Float32: make([]float32, rows*cols)}
		for i := range m.Float32 {
			m.Float32[i] = float32(i) - 2
		}
		return m
	}
	wide := ksparse.Matrix{Rows: 4, Cols: 2, Float64: []float64{1, -2, 3, 4, -5, 6, 0.1, 8}}
	var all []*ksparse.Network
	for _, p := range []ksparse.Parts{
		{Encoder: narrow(4, 2), Decoder: narrow(4, 2), K: 2, Selection: ksparse.SelectGroupMax, PreBias: true},
		{Encoder: wide, Decoder: narrow(4, 3), K: 2, Skip: narrow(3, 2)},
		{Encoder: narrow(4, 2), PreBias: true, K: 1, Normalization: ksparse.LayerNorm},
		{Encoder: narrow(4, 2), Tied: true, Selection: ksparse.SelectThreshold, Activation: ksparse.ReLU,
			Gate: &ksparse.Gate{Bias: make([]float64, 4), LogGain: make([]float64, 4)}, Normalization: ksparse.UnitRMS, Undo: true},
		{Encoder: wide, Decoder: wide, K: 3, Thresholds: []float64{1, 2, 3, 4}, Selection: ksparse.SelectThreshold},
	} {
		n, err := ksparse.Assemble(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
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
