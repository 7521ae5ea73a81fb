package ksparse_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

const (
	saveMagic   = "\x89ksp\r\n\x1a\n"
	smallHeader = `{"layers":[{"kind":"sparse","name":"é<1>","in":2,"out":3,"k":7,"activation":"gelu"},` +
		`{"kind":"linear","name":"decoder","in":3,"out":1,"activation":"identity"}]}`
)

// smallParameters are those of the network in testdata/network_v1.ksp: a sparse
// layer's 3 x 2 weights and 3 biases, a linear layer's 3 x 1 weights and 1 bias.
var smallParameters = []float64{
	1, -2, 0.1, math.Copysign(0, -1), 5e-324, math.MaxFloat64,
	0, -0.5, math.Pi,
	-1e-310, 3, 1.0 / 3,
	-math.MaxFloat64,
}

// assemble makes a network file as the documentation of Save describes it,
// without any of the code that is tested, so a header may say what it likes.
func assemble(header string, parameters []byte) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	b := []byte(saveMagic + "\x01\x00\x00\x00")
	b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
	b = append(b, header...)
	sum := crc32.Checksum(b, table)
	b = binary.LittleEndian.AppendUint32(b, sum)
	b = append(b, parameters...)
	return binary.LittleEndian.AppendUint32(b, crc32.Update(sum, table, parameters))
}

func littleEndian(x ...float64) []byte {
	var b []byte
	for _, v := range x {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func smallFile() []byte { return assemble(smallHeader, littleEndian(smallParameters...)) }

func saved(t testing.TB, n *ksparse.Network) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := n.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func mustNetwork(t testing.TB, layers ...ksparse.Layer) *ksparse.Network {
	t.Helper()
	n, err := ksparse.NewNetwork(layers...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// parametersOf returns the layer's live weights and biases.
func parametersOf(l ksparse.Layer) [2][]float64 {
	return [2][]float64{l.Weights().RawMatrix().Data, l.Biases().RawVector().Data}
}

// difference says where two networks are not the same in every bit.
func difference(got, want *ksparse.Network) error {
	g, w := got.Layers(), want.Layers()
	if len(g) != len(w) {
		return fmt.Errorf("%d layers, want %d", len(g), len(w))
	}
	for i := range g {
		describe := func(l ksparse.Layer) string {
			rows, cols := l.Weights().Dims()
			s := fmt.Sprintf("%T %q %d to %d, %v, weights %d x %d", l, l.Name(), l.In(), l.Out(), l.Activation(), rows, cols)
			if l, ok := l.(*ksparse.SparseLayer); ok {
				s += fmt.Sprintf(", k = %d", l.K())
			}
			return s
		}
		if describe(g[i]) != describe(w[i]) {
			return fmt.Errorf("layer %d is %s, want %s", i, describe(g[i]), describe(w[i]))
		}
		pg, pw := parametersOf(g[i]), parametersOf(w[i])
		for p := range pg {
			for j := range pw[p] {
				if math.Float64bits(pg[p][j]) != math.Float64bits(pw[p][j]) {
					return fmt.Errorf("layer %d, parameter %d/%d is %v, want %v", i, p, j, pg[p][j], pw[p][j])
				}
			}
		}
	}
	return nil
}

func TestSaveRoundTrip(t *testing.T) {
	s, l := ksparse.NewSparseLayer, ksparse.NewLinearLayer
	stacks := map[string][]ksparse.Layer{
		"autoencoder":   {s("encoder", 7, 20, 3, ksparse.ReLU), l("decoder", 20, 7, ksparse.Sigmoid)},
		"1x1":           {l("", 1, 1, ksparse.Identity)},
		"1x1 sparse":    {s("s", 1, 1, 1, ksparse.Identity)},
		"k zero":        {s("none", 3, 4, 0, ksparse.Tanh), l("out", 4, 2, ksparse.Identity)},
		"k beyond Out":  {s("all", 3, 4, 1000, ksparse.ELU), l("out", 4, 2, ksparse.Identity)},
		"k largest":     {s("all", 3, 4, math.MaxInt, ksparse.ELU)},
		"many sparse":   {s("a", 5, 9, 4, ksparse.GELU), s("b", 9, 8, 2, ksparse.Swish), l("c", 8, 3, ksparse.Tanh), s("d", 3, 6, 2, ksparse.ReLU)},
		"equal names":   {l("x", 2, 3, ksparse.ReLU), l("x", 3, 2, ksparse.ReLU)},
		"unicode names": {l("кодер \U0001F600 \" \\ \x00 <&> \u2028", 2, 3, ksparse.ReLU), l(strings.Repeat("\x01", 1024), 3, 2, ksparse.ReLU)},
		"over a chunk":  {s("encoder", 300, 700, 9, ksparse.ReLU), l("decoder", 700, 300, ksparse.Identity)}, // 1.6 MiB each
	}
	var all []ksparse.Layer
	for a := ksparse.Identity; a <= ksparse.GELU; a++ {
		all = append(all, l(a.String(), 4, 4, a), s(a.String(), 4, 4, 3, a))
	}
	stacks["activations"] = all
	for name, layers := range stacks {
		t.Run(name, func(t *testing.T) {
			n := mustNetwork(t, layers...)
			n.Init(9)
			special := []float64{math.Copysign(0, -1), 5e-324, -2.2e-308, 1 / 3.0, 0}
			for i, l := range n.Layers() {
				for j, b := range parametersOf(l)[1] {
					parametersOf(l)[1][j] = b + special[(i+j)%len(special)]
				}
				parametersOf(l)[0][0] = special[i%len(special)]
			}
			data := saved(t, n)
			got, err := ksparse.Load(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if err := difference(got, n); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(saved(t, got), data) {
				t.Error("saving what was loaded gives other bytes")
			}
			x := mat.NewDense(6, n.In(), nil)
			x.Apply(func(i, j int, _ float64) float64 { return math.Sin(float64(3*i + 7*j)) }, x)
			want, err := n.Predict(x)
			if err != nil {
				t.Fatal(err)
			}
			y, err := got.Predict(x)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range y.RawMatrix().Data {
				if math.Float64bits(v) != math.Float64bits(want.RawMatrix().Data[i]) {
					t.Fatalf("prediction %d is %v, want %v", i, v, want.RawMatrix().Data[i])
				}
			}
			path := filepath.Join(t.TempDir(), "net.ksp")
			if err := n.SaveFile(path); err != nil {
				t.Fatal(err)
			}
			if got, err = ksparse.LoadFile(path); err != nil {
				t.Fatal(err)
			}
			if err := difference(got, n); err != nil {
				t.Fatal("file:", err)
			}
		})
	}
}

// TestNetworkV1 reads a file of version 1 as later versions must too, and checks
// that Save still writes it byte for byte. The file was made by assemble, which
// follows the documentation, from the values above, and not by Save;
// KSPARSE_UPDATE=1 makes it again.
func TestNetworkV1(t *testing.T) {
	const path = "testdata/network_v1.ksp"
	if os.Getenv("KSPARSE_UPDATE") != "" {
		if err := os.WriteFile(path, smallFile(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	n, err := ksparse.LoadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	encoder := ksparse.NewSparseLayer("é<1>", 2, 3, 7, ksparse.GELU)
	decoder := ksparse.NewLinearLayer("decoder", 3, 1, ksparse.Identity)
	want := mustNetwork(t, encoder, decoder)
	rest := smallParameters
	for _, l := range want.Layers() {
		for _, p := range parametersOf(l) {
			rest = rest[copy(p, rest):]
		}
	}
	if err := difference(n, want); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := saved(t, n); !bytes.Equal(got, data) {
		t.Errorf("Save writes\n%q\nwant\n%q", got, data)
	}
}

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
		8:  {"\x02", "version 2, this package reads version 1"},
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

func TestLoadReaders(t *testing.T) {
	data := smallFile()
	readers := map[string]func(io.Reader) io.Reader{
		"one byte": iotest.OneByteReader, "half": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
	}
	for name, reader := range readers {
		n, err := ksparse.Load(reader(bytes.NewReader(data)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !bytes.Equal(saved(t, n), data) {
			t.Errorf("%s: another network", name)
		}
	}
	broken := errors.New("broken")
	for size := range data {
		r := io.MultiReader(bytes.NewReader(data[:size]), iotest.ErrReader(broken))
		if _, err := ksparse.Load(r); !errors.Is(err, broken) || !errors.Is(err, ksparse.ErrFormat) {
			t.Errorf("reader that breaks after %d bytes: error %v", size, err)
		}
	}
	// Nothing is read beyond the network, so they can follow each other.
	stream := bytes.NewReader(append(append(bytes.Clone(data), data...), "rest"...))
	for range 2 {
		if _, err := ksparse.Load(stream); err != nil {
			t.Fatal(err)
		}
	}
	if rest, _ := io.ReadAll(stream); string(rest) != "rest" {
		t.Errorf("after two networks the stream goes on with %q", rest)
	}
}

// limitWriter fails, or only writes less, once it has no room left.
type limitWriter struct {
	room int
	err  error
}

func (w *limitWriter) Write(p []byte) (int, error) {
	if len(p) <= w.room {
		w.room -= len(p)
		return len(p), nil
	}
	return w.room, w.err
}

func TestSaveErrors(t *testing.T) {
	large := mustNetwork(t, ksparse.NewLinearLayer("large", 300, 300, ksparse.Identity))
	full := errors.New("full")
	for room := 0; room < len(saved(t, large)); room += 50000 {
		if err := large.Save(&limitWriter{room, full}); !errors.Is(err, full) {
			t.Errorf("writer with room for %d bytes: error %v, want %v", room, err, full)
		}
		if err := large.Save(&limitWriter{room, nil}); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("short writer with room for %d bytes: error %v", room, err)
		}
	}
	refuse := func(what string, n *ksparse.Network, want error) {
		t.Helper()
		var b bytes.Buffer
		if err := n.Save(&b); !errors.Is(err, want) || b.Len() > 0 {
			t.Errorf("%s: error %v after %d bytes, want %v before any", what, err, b.Len(), want)
		}
	}
	large.Layers()[0].Weights().Set(299, 299, math.NaN())
	refuse("NaN", large, ksparse.ErrNotFinite)
	large.Layers()[0].Weights().Set(299, 299, 0)
	large.Layers()[0].Biases().SetVec(7, math.Inf(-1))
	refuse("-Inf", large, ksparse.ErrNotFinite)
	refuse("no network", new(ksparse.Network), ksparse.ErrEmpty)
	for _, name := range []string{"\xff", strings.Repeat("x", 1025)} {
		refuse("name", mustNetwork(t, ksparse.NewLinearLayer(name, 1, 1, ksparse.Identity)), ksparse.ErrFormat)
	}
	var layers []ksparse.Layer
	for range 1025 { // with the longest header that there can be
		layers = append(layers, ksparse.NewSparseLayer(strings.Repeat("\x01", 1024), 1, 1, math.MaxInt, ksparse.LeakyReLU))
	}
	refuse("1025 layers", mustNetwork(t, layers...), ksparse.ErrFormat)
	if _, err := ksparse.Load(bytes.NewReader(saved(t, mustNetwork(t, layers[:1024]...)))); err != nil {
		t.Errorf("1024 layers: %v", err)
	}
}

func TestSaveFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "net.ksp")
	n := mustNetwork(t, ksparse.NewLinearLayer("x", 2, 2, ksparse.Identity))
	want := saved(t, n)
	if err := n.SaveFile(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	n.Layers()[0].Weights().Set(0, 0, math.NaN())
	if err := n.SaveFile(path); !errors.Is(err, ksparse.ErrNotFinite) {
		t.Errorf("NaN: error %v", err)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, want) {
		t.Error("a save that failed changed the old file")
	}
	n.Init(2)
	for what, bad := range map[string]string{
		"no such folder":       filepath.Join(folder, "no", "net.ksp"),
		"a file for a folder":  filepath.Join(path, "net.ksp"),
		"a folder for a file":  folder,
		"a device, no file":    os.DevNull,
		"no name":              "",
		"a name with a NUL":    filepath.Join(folder, "a\x00b"),
		"a name that is large": filepath.Join(folder, strings.Repeat("x", 5000)),
	} {
		if err := n.SaveFile(bad); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, want) {
		t.Error("a save that failed changed the old file")
	}
	if err := n.SaveFile(path); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, saved(t, n)) {
		t.Error("the file was not replaced")
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
		t.Errorf("the file that replaces one of mode 0640 is %v (error %v)", info.Mode(), err)
	}
	if files, _ := os.ReadDir(folder); len(files) != 1 {
		t.Errorf("files are left over: %v", files)
	}

	if _, err := ksparse.LoadFile(filepath.Join(folder, "no")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: error %v", err)
	}
	if _, err := ksparse.LoadFile(folder); err == nil {
		t.Error("a folder was loaded")
	}
	for what, data := range map[string][]byte{"longer": append(saved(t, n), 0), "cut short": want[:len(want)-9], "empty": nil} {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ksparse.LoadFile(path); !errors.Is(err, ksparse.ErrFormat) || !strings.Contains(err.Error(), path) {
			t.Errorf("a file that is %s: error %v, want ErrFormat and the path", what, err)
		}
	}
}

func TestSaveConcurrently(t *testing.T) {
	n := mustNetwork(t, ksparse.NewSparseLayer("s", 200, 300, 5, ksparse.ReLU), ksparse.NewLinearLayer("l", 300, 200, ksparse.Identity))
	want := saved(t, n)
	path := filepath.Join(t.TempDir(), "net.ksp")
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var b bytes.Buffer
			if err := n.Save(&b); err != nil || !bytes.Equal(b.Bytes(), want) {
				t.Errorf("other bytes, or error %v", err)
			}
			if err := n.SaveFile(path); err != nil {
				t.Error(err)
			}
			if _, err := ksparse.LoadFile(path); err != nil { // whole at any time
				t.Error(err)
			}
			if _, err := n.Predict(mat.NewDense(1, 200, nil)); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
}

// FuzzLoad loads body as it is, and as the parameters after header in a file with
// right lengths and checksums, which mutation alone would never find. What loads
// must save to the same network. Seeds in testdata/fuzz/FuzzLoad: the file of
// TestNetworkV1, the same in its two parts, and headers of TestLoadHostile.
func FuzzLoad(f *testing.F) {
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		for _, data := range [][]byte{body, assemble(header, body)} {
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

func ExampleNetwork_Save() {
	net, err := ksparse.New(ksparse.Config{Inputs: 4, Latents: 8, K: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer // SaveFile and LoadFile do the same with a path
	if err := net.Save(&file); err != nil {
		fmt.Println(err)
		return
	}
	loaded, err := ksparse.Load(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range loaded.Layers() {
		fmt.Println(l.Name(), l.In(), l.Out())
	}
	// Output:
	// encoder 4 8
	// decoder 8 4
}
