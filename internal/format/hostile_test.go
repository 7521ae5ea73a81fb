package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/fault"
)

// TestDamage cuts the files at each length and flips each bit.
func TestDamage(t *testing.T) {
	for _, f := range files() {
		data := assemble(f.version, f.header, f.body)
		for size := range data {
			_, err := Read(bytes.NewReader(data[:size]), testNames)
			wantEnd := io.ErrUnexpectedEOF
			if size == 0 {
				wantEnd = io.EOF
			}
			if !errors.Is(err, fault.ErrFormat) || !errors.Is(err, wantEnd) {
				t.Errorf("%s, first %d bytes: error %v, want fault.ErrFormat and %v", f.name, size, err, wantEnd)
			}
		}
		for bit := range 8 * len(data) {
			flipped := bytes.Clone(data)
			flipped[bit/8] ^= 1 << (bit % 8)
			if _, err := Read(bytes.NewReader(flipped), testNames); !errors.Is(err, fault.ErrFormat) {
				t.Errorf("%s, bit %d flipped: error %v, want fault.ErrFormat", f.name, bit, err)
			}
		}
	}
	// A CRC that ran on over the header's own checksum would not see this: the
	// parameters of one file after the header of another.
	data := smallFile()
	other := assemble(1, strings.Replace(smallHeader, "gelu", "relu", 1), littleEndian(smallParameters...))
	tail := len(data) - 8*len(smallParameters) - 4
	if _, err := Read(bytes.NewReader(append(other[:tail:tail], data[tail:]...)), testNames); !errors.Is(err, fault.ErrFormat) {
		t.Errorf("two files spliced: error %v, want fault.ErrFormat", err)
	}
}

func layerJSON(fields string) string { return `{"layers":[{` + fields + `}]}` }

const (
	linear = `"kind":"linear","name":"x","activation":"relu",`
	sparse = `"kind":"sparse","name":"x","activation":"relu",`
	one    = `"in":1,"out":1`
)

// hostileHeader is a header that must be refused with an error that says want.
type hostileHeader struct{ header, want string }

// hostileHeaders make no sense in any version.
var hostileHeaders = []hostileHeader{
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
	{layerJSON(linear + one + `,"threshold":0.5`), "unknown"},
	{layerJSON(linear + one + `,"k":1`), "want a k"},
	{layerJSON(linear + one + `,"k":null`), "whole number"},
	{layerJSON(sparse + one), "want a k"},
	{layerJSON(sparse + one + `,"k":-1`), "k is -1"},
	{layerJSON(`"kind":"sparse","name":7,"in":1,"out":1,"k":1,"activation":"relu"`), "a text"},
	{layerJSON(`"kind":"linear","name":"x","in":1,"out":1,"activation":"softplus"`), "unknown activation"},
	{layerJSON(`"kind":"linear","name":"x","in":1,"out":1,"activation":"ReLU"`), "unknown activation"},
	{layerJSON(`"kind":"linear","name":"x","in":1,"out":1,"activation":2`), "a text"},
	{layerJSON(`"kind":"conv","name":"x","in":1,"out":1,"activation":"relu"`), "unknown kind"},
	{layerJSON(`"kind":"linear","name":"` + strings.Repeat("x", 1025) + `","in":1,"out":1,"activation":"relu"`), "a name of 1025"},
	{layerJSON(`"kind":"linear","name":"` + "\xff" + `","in":1,"out":1,"activation":"relu"`), "UTF-8"},
	{`{"layers":[{` + linear + `"in":1,"out":2},{` + linear + `"in":3,"out":1}]}`, "takes 3 inputs"},
	{`{"layers":[` + strings.Repeat(`{`+linear+one+`},`, 1024) + `{` + linear + one + `}]}`, "more than 1024"},
	{`{"layers":[{` + linear + one + `},]}`, "header"},
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

// hostileHeaders2 make no sense in version 2, whose fields they use, and have unknown
// fields for version 1.
var hostileHeaders2 = []hostileHeader{
	{layerJSON(linear + one + `,"dtype":"float16"`), `dtype "float16"`},
	{layerJSON(linear + one + `,"dtype":"float64"`), `dtype "float64"`},
	{layerJSON(linear + one + `,"dtype":4`), "a text"},
	{layerJSON(linear + one + `,"tied":true,"dtype":"float32"`), "none with tied weights"},
	{layerJSON(linear + one + `,"tied":"yes"`), "true or false"},
	{layerJSON(linear + one + `,"selection":"topk"`), "a selection or thresholds in a linear layer"},
	{layerJSON(linear + one + `,"thresholds":true`), "a selection or thresholds in a linear layer"},
	{layerJSON(linear + one + `,"gate":true`), "a gate goes with"},
	{layerJSON(sparse + one + `,"k":1,"tied":true`), "tied weights in a sparse one"},
	{layerJSON(sparse + one + `,"k":1,"selection":"best"`), "unknown selection"},
	{layerJSON(sparse + one + `,"k":1,"gate":true`), "a gate goes with"},
	{layerJSON(`"kind":"sparse","name":"x","activation":"tanh",` + one + `,"k":1,"gate":true,"thresholds":true`), "a gate goes with"},
	{layerJSON(sparse+`"in":1,"out":2,"k":1`) + `,`, "more than one"},
	{`{"layers":[{` + linear + one + `}],"no_decoder":true}`, "where there is no decoder"},
	{`{"layers":[{` + sparse + one + `,"k":1},{` + linear + one + `}],"no_decoder":true}`, "where there is no decoder"},
	{`{"layers":[{` + sparse + one + `,"k":1}],"no_decoder":true,"skip":"float64"}`, "where there is no decoder"},
	{`{"layers":[{` + sparse + one + `,"k":1}],"no_decoder":1}`, "true or false"},
	{`{"layers":[{` + linear + one + `}],"skip":"float16"}`, "unknown skip"},
	{`{"layers":[{` + linear + one + `}],"skip":true}`, "a text"},
	{`{"layers":[{` + linear + one + `}],"scale":"1"}`, "a number"},
	{`{"layers":[{` + linear + one + `}],"scale":1e999}`, "a number"},
	{`{"layers":[{` + linear + one + `}],"normalization":"z"}`, "unknown normalization"},
	{`{"layers":[{` + linear + one + `}],"undo":true,"undo":true}`, "there twice"},
	{`{"modern":true,"layers":[{` + linear + one + `}],"modern":true}`, "there twice"},
	{`{"modern":false,"modern":true,"layers":[{` + linear + one + `}]}`, "there twice"},
	{`{"layers":[{` + linear + one + `}],"modern":1}`, "true or false"},
	{`{"layers":[{` + linear + one + `}],"modern":"true"}`, "true or false"},
	{`{"layers":[{` + linear + one + `}],"modern":null}`, "true or false"},
	{`{"layers":[{` + linear + one + `}],"modern":[true]}`, "true or false"},
	{`{"layers":[{` + linear + one + `}],"Modern":true}`, "unknown"},
	{layerJSON(linear + one + `,"modern":true`), "unknown"},
	{`{"skip":"float32","layers":[{` + linear + `"in":68719476736,"out":1},{` + linear + `"in":1,"out":2}]}`, "skip connection is too large"},
	{`{"skip":"float32","layers":[{` + linear + `"in":100000,"out":1},{` + linear + `"in":1,"out":100000}]}`, "cut short"}, // 40 GB
	{`{"pre_bias":true,"no_decoder":true,"layers":[{` + sparse + `"in":68719476736,"out":1,"k":1}]}`, "cut short"},
}

func TestHostileHeaders(t *testing.T) {
	check := func(version byte, c hostileHeader) {
		t.Helper()
		data := assemble(version, c.header, make([]byte, 4096))
		var err error
		taken := allocated(func() { _, err = Read(bytes.NewReader(data), testNames) })
		if !errors.Is(err, fault.ErrFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("version %d, header %.120s: error %v, want fault.ErrFormat with %q", version, c.header, err, c.want)
		}
		if len(err.Error()) > 1000 {
			t.Errorf("version %d, header %.120s: an error of %d bytes", version, c.header, len(err.Error()))
		}
		if limit := uint64(4<<20 + 16*len(data)); taken > limit {
			t.Errorf("version %d, header %.120s: %d bytes allocated, want at most %d", version, c.header, taken, limit)
		}
	}
	for _, c := range hostileHeaders {
		check(1, c)
		check(2, c)
	}
	for _, c := range hostileHeaders2 {
		check(2, c)
	}
	for _, field := range []string{`"modern":true`, `"modern":false`, `"undo":true`, `"skip":"float64"`} { // came with version 2
		check(1, hostileHeader{`{"layers":[{` + linear + one + `}],` + field + `}`, "unknown"})
	}
}

func TestHostileStart(t *testing.T) {
	small := smallFile()
	for offset, c := range map[int]struct{ bytes, want string }{
		0:  {"\x89PNG\r\n\x1a\n", "not a network file"},
		3:  {"c", "not a network file"}, // a checkpoint
		4:  {"\n\x1a\n", "not a network file"},
		8:  {"\x03", "version 3, this package reads versions 1 to 2"},
		11: {"\x01", "version 16777217"},
		12: {"\xff\xff\xff\xff", "at most"},
		14: {"\x7f", "cut short"}, // 8 MiB, less a little
	} {
		data := bytes.Clone(small)
		copy(data[offset:], c.bytes)
		if _, err := Read(bytes.NewReader(data), testNames); !errors.Is(err, fault.ErrFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q at byte %d: error %v, want fault.ErrFormat with %q", c.bytes, offset, err, c.want)
		}
	}
}

// TestHostileNumbers: NaN and infinities, in every section and of either type.
func TestHostileNumbers(t *testing.T) {
	for i := range smallParameters {
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			p := append([]float64(nil), smallParameters...)
			p[i] = v
			_, err := Read(bytes.NewReader(assemble(1, smallHeader, littleEndian(p...))), testNames)
			if !errors.Is(err, fault.ErrFormat) || !errors.Is(err, fault.ErrNotFinite) {
				t.Errorf("parameter %d is %v: error %v, want fault.ErrFormat and fault.ErrNotFinite", i, v, err)
			}
		}
	}
	for _, f := range files() {
		found := 0
		for at := 0; at < len(f.body); at += 4 {
			body := bytes.Clone(f.body)
			copy(body[at:], "\xff\xff\xff\xff") // NaN as float32, or in the upper half of a float64
			n, err := Read(bytes.NewReader(assemble(f.version, f.header, body)), testNames)
			switch {
			case err == nil:
				written(t, n)
			case !errors.Is(err, fault.ErrFormat) || !errors.Is(err, fault.ErrNotFinite):
				t.Errorf("%s, byte %d: error %v", f.name, at, err)
			default:
				found++
			}
		}
		if numbers := len(f.body) / 8; found < numbers {
			t.Errorf("%s: %d times NaN is found among %d numbers or more", f.name, found, numbers)
		}
	}
}

// TestReadGrows reads what is larger than the first piece, by a reader that does
// not say how much it has: no more than three times the data may be allocated. Of a
// file as much as it holds is allocated.
func TestReadGrows(t *testing.T) {
	n := largeNetwork(1000, 1100)
	data := written(t, n)
	check := func(read func() (*Network, error), limit int) {
		t.Helper()
		var got *Network
		var err error
		taken := allocated(func() { got, err = read() })
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, n) {
			t.Error("another network")
		}
		if taken > uint64(limit) {
			t.Errorf("%d bytes allocated for %d", taken, len(data))
		}
	}
	check(func() (*Network, error) { return Read(struct{ io.Reader }{bytes.NewReader(data)}, testNames) }, 3*len(data))
	for _, size := range []int{256 << 10, 300 << 10, 1 << 20, len(data) - 5, len(data) - 1} {
		if _, err := Read(bytes.NewReader(data[:size]), testNames); !errors.Is(err, fault.ErrFormat) {
			t.Errorf("first %d bytes: error %v, want fault.ErrFormat", size, err)
		}
	}
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	check(func() (*Network, error) { return ReadFile(path, testNames) }, len(data)+1<<20)
}

// FuzzRead reads body as it is, and as the parameters after header in a file with
// right lengths and checksums, which mutation alone would never find. What is read
// must be written to the same network. Seeds in testdata/fuzz/FuzzRead: the file of
// version 1, the same in its two parts, and headers of TestHostileHeaders.
func FuzzRead(f *testing.F) {
	for _, file := range files() {
		f.Add(file.header, file.body)
	}
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		for _, data := range [][]byte{body, assemble(1, header, body), assemble(2, header, body)} {
			before := totalAllocated()
			n, err := Read(bytes.NewReader(data), testNames)
			if taken, limit := totalAllocated()-before, uint64(4<<20+32*len(data)); taken > limit {
				t.Fatalf("%d bytes allocated for %d", taken, len(data))
			}
			if err != nil {
				if !errors.Is(err, fault.ErrFormat) {
					t.Fatalf("error %v, want fault.ErrFormat", err)
				}
				continue
			}
			first := written(t, n)
			again, err := Read(bytes.NewReader(first), testNames)
			if err != nil {
				t.Fatal("written from what was read:", err)
			}
			if second := written(t, again); !bytes.Equal(second, first) {
				t.Fatalf("written as %q, then as %q", first, second)
			}
		}
	})
}

// benchmarkNetwork has 100 MB of parameters.
func benchmarkNetwork(b *testing.B) (*Network, []byte) {
	n := largeNetwork(768, 16276)
	return n, written(b, n)
}

func BenchmarkWrite(b *testing.B) {
	n, data := benchmarkNetwork(b)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := Write(io.Discard, n); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	_, data := benchmarkNetwork(b)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Read(bytes.NewReader(data), testNames); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadFile(b *testing.B) {
	_, data := benchmarkNetwork(b)
	path := filepath.Join(b.TempDir(), "net.ksp")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := ReadFile(path, testNames); err != nil {
			b.Fatal(err)
		}
	}
}

// headerLength returns the length in a file's start, of either kind.
func headerLength(data []byte) int { return int(binary.LittleEndian.Uint32(data[12:])) }
