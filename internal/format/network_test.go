package format

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// TestFiles reads the files of former states of this library and writes them byte for
// byte. That their bytes are as documented shows in that assemble makes the same.
func TestFiles(t *testing.T) {
	for _, f := range files() {
		path := filepath.Join("testdata", f.name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if want := assemble(f.version, f.header, f.body); !bytes.Equal(data, want) {
			t.Errorf("%s holds\n%q\nwant\n%q", f.name, data, want)
		}
		n, err := ReadFile(path, testNames)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(n, f.network) {
			t.Errorf("%s gives\n%+v\nwant\n%+v", f.name, n, f.network)
		}
		for _, n := range []*Network{n, f.network} {
			if got := written(t, n); !bytes.Equal(got, data) {
				t.Errorf("%s is written as\n%q\nwant\n%q", f.name, got, data)
			}
		}
	}
}

func TestRoundTrip(t *testing.T) {
	vector := func(rows, cols int, v ...float64) matrix.Weights {
		return matrix.Weights{Rows: rows, Cols: cols, Float64: v}
	}
	special := []float64{math.Copysign(0, -1), 5e-324, -2.2e-308, 1 / 3.0, 0, math.MaxFloat64}
	for name, n := range map[string]*Network{
		"1x1":       {Layers: []Layer{{Activation: "identity", In: 1, Out: 1, Parameters: Parameters{Weights: vector(1, 1, 5), Biases: []float64{6}}}}},
		"k largest": {Layers: []Layer{{Sparse: true, Activation: "tanh", In: 1, Out: 1, K: math.MaxInt, Parameters: Parameters{Weights: vector(1, 1, 5), Biases: []float64{6}}}}},
		"special":   {Layers: []Layer{{Sparse: true, Name: "кодер \U0001F600 \" \\ \x00 <&> \u2028", Activation: "relu", In: 3, Out: 2, Parameters: Parameters{Weights: vector(2, 3, special...), Biases: special[:2]}}}},
		"scale":     {Normalization: "dataset_scale", Scale: 0.1, Undo: true, Layers: largeNetwork(2, 2).Layers},
		"wide skip": {Skip: vector(3, 2, special...), Layers: largeNetwork(2, 3).Layers},
		"large":     largeNetwork(300, 700), // 1.6 MiB
		"largest":   longNames(maxLayers),
		"no prebias": {NoDecoder: true, Layers: []Layer{{Sparse: true, Activation: "identity", In: 1, Out: 1, Selection: "abs_topk",
			Parameters: Parameters{Weights: matrix.Weights{Rows: 1, Cols: 1, Float32: []float32{1.5}}, Biases: []float64{6}}}}},
	} {
		data := written(t, n)
		got, err := Read(bytes.NewReader(data), testNames)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(written(t, got), data) || !reflect.DeepEqual(got, n) { // DeepEqual does not tell -0 from 0, nor the bytes all names
			t.Errorf("%s: another network is read than was written", name)
		}
	}
}

// TestDefaults: what is the default is read like what is not there.
func TestDefaults(t *testing.T) {
	header := strings.Replace(smallHeader, `"gelu"`, `"gelu","selection":"topk","thresholds":false`, 1)
	header = strings.TrimSuffix(header, "}") + `,"normalization":"none","scale":3,"undo":true}`
	n, err := Read(bytes.NewReader(assemble(2, header, littleEndian(smallParameters...))), testNames)
	if err != nil {
		t.Fatal(err)
	}
	want := smallNetwork()
	want.Scale, want.Undo = 3, true // for the caller to refuse
	if !reflect.DeepEqual(n, want) {
		t.Errorf("got %+v, want %+v", n, want)
	}
	if data := written(t, n); !bytes.Equal(data, smallFile()) {
		t.Errorf("it is written as %q", data)
	}
}

func TestReaders(t *testing.T) {
	data := smallFile()
	readers := map[string]func(io.Reader) io.Reader{
		"one byte": iotest.OneByteReader, "half": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
	}
	for name, reader := range readers {
		n, err := Read(reader(bytes.NewReader(data)), testNames)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !bytes.Equal(written(t, n), data) {
			t.Errorf("%s: another network", name)
		}
	}
	broken := errors.New("broken")
	for size := range data {
		r := io.MultiReader(bytes.NewReader(data[:size]), iotest.ErrReader(broken))
		if _, err := Read(r, testNames); !errors.Is(err, broken) || !errors.Is(err, fault.ErrFormat) {
			t.Errorf("reader that breaks after %d bytes: error %v", size, err)
		}
	}
	// Nothing is read beyond the network, so they can follow each other.
	stream := bytes.NewReader(append(append(bytes.Clone(data), data...), "rest"...))
	for range 2 {
		if _, err := Read(stream, testNames); err != nil {
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

func TestWriteErrors(t *testing.T) {
	large := largeNetwork(300, 300)
	full := errors.New("full")
	for room := 0; room < len(written(t, large)); room += 50000 {
		if err := Write(&limitWriter{room, full}, large); !errors.Is(err, full) {
			t.Errorf("writer with room for %d bytes: error %v, want %v", room, err, full)
		}
		if err := Write(&limitWriter{room, nil}, large); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("short writer with room for %d bytes: error %v", room, err)
		}
	}
	refuse := func(what string, n *Network, want error, says string) {
		t.Helper()
		var b bytes.Buffer
		if err := Write(&b, n); !errors.Is(err, want) || b.Len() > 0 || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v after %d bytes, want %v with %q before any", what, err, b.Len(), want, says)
		}
	}
	refuse("no network", new(Network), fault.ErrEmpty, "no layers")
	refuse("1025 layers", longNames(maxLayers+1), fault.ErrFormat, "1025 layers")
	for _, name := range []string{"\xff", strings.Repeat("x", maxName+1)} {
		n := largeNetwork(1, 1)
		n.Layers[0].Name = name
		refuse("name", n, fault.ErrFormat, "name of layer 0")
	}
	large.Layers[0].Weights.Float64[299*300+299] = math.NaN()
	refuse("NaN", large, fault.ErrNotFinite, `layer "large" holds NaN as weight 89999`)
	large.Layers[0].Weights.Float64[299*300+299] = 0
	large.Layers[0].Biases[7] = math.Inf(-1)
	refuse("-Inf", large, fault.ErrNotFinite, `layer "large" holds -Inf as bias 7`)
}

// TestWriteEachBlock: a number that is none, or one that is missing, is found in each
// part of a network.
func TestWriteEachBlock(t *testing.T) {
	found := map[string]bool{}
	for _, f := range files() {
		for i, b := range f.network.blocks() {
			v := b.values
			if v.Float32 != nil {
				v.Float32[1] = float32(math.Inf(1))
			} else {
				old := v.Float64
				v.Float64[len(old)-1] = math.NaN()
			}
			var out bytes.Buffer
			if err := Write(&out, f.network); !errors.Is(err, fault.ErrNotFinite) || !strings.Contains(err.Error(), b.what) || out.Len() > 0 {
				t.Errorf("%s, block %d: error %v", f.name, i, err)
			}
			found[b.what] = true
			if v.Float32 != nil {
				v.Float32[1] = 0
			} else {
				v.Float64[len(v.Float64)-1] = 0
			}
		}
	}
	for _, what := range []string{"weight", "bias", "threshold", "gain", "pre-bias"} {
		if !found[what] {
			t.Errorf("no file has a %s", what)
		}
	}
	for what, spoil := range map[string]func(l *Layer){
		"weight":    func(l *Layer) { l.Weights.Rows, l.Weights.Cols = l.Weights.Cols, l.Weights.Rows },
		"for each":  func(l *Layer) { l.Weights.Float64 = l.Weights.Float64[1:] },
		"bias":      func(l *Layer) { l.Biases = nil },
		"threshold": func(l *Layer) { l.Thresholds = []float64{} },
		"gain":      func(l *Layer) { l.LogGain = make([]float64, 4) },
	} {
		n := smallNetwork()
		spoil(&n.Layers[0])
		if err := Write(io.Discard, n); !errors.Is(err, fault.ErrShape) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: error %v, want the wrong shape", what, err)
		}
	}
	n := smallNetwork()
	n.Skip = matrix.Weights{Rows: 2, Cols: 1, Float64: make([]float64, 2)}
	if err := Write(io.Discard, n); !errors.Is(err, fault.ErrShape) || !strings.Contains(err.Error(), `"skip"`) {
		t.Errorf("a skip connection: error %v", err)
	}
}

func TestReadFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "net.ksp")
	good := smallFile()
	if _, err := ReadFile(path, testNames); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "ksparse: ") {
		t.Errorf("no file: error %v", err)
	}
	if _, err := ReadFile(folder, testNames); err == nil {
		t.Error("a folder was read")
	}
	for what, data := range map[string][]byte{"longer": append(slices.Clone(good), 0), "cut short": good[:len(good)-9], "empty": nil} {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path, testNames); !errors.Is(err, fault.ErrFormat) || !strings.Contains(err.Error(), path) {
			t.Errorf("a file that is %s: error %v, want fault.ErrFormat and the path", what, err)
		}
	}
}
