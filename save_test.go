package ksparse_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

func saved(t testing.TB, n *ksparse.Network) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := n.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// parametersOf returns the layer's live weights and biases.
func parametersOf(l ksparse.Layer) [2][]float64 {
	return [2][]float64{l.Weights().RawMatrix().Data, l.Biases().RawVector().Data}
}

// difference says where two networks, whose weights are float64, are not the same in
// every bit.
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

// TestNetworkFiles reads the files that former states of this library wrote, and checks
// that Save still writes them byte for byte.
func TestNetworkFiles(t *testing.T) {
	v1 := mustNetwork(t, ksparse.NewSparseLayer("é<1>", 2, 3, 7, ksparse.GELU), ksparse.NewLinearLayer("decoder", 3, 1, ksparse.Identity))
	rest := smallParameters
	for _, l := range v1.Layers() {
		for _, p := range parametersOf(l) {
			rest = rest[copy(p, rest):]
		}
	}
	for i, want := range append([]*ksparse.Network{v1}, smallNetworks(t)...) {
		name := []string{"v1", "v2_prebias", "v2_skip", "v2_encoder", "v2_gated", "v2_tied"}[i]
		path := "internal/format/testdata/network_" + name + ".ksp"
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n, err := ksparse.LoadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := saved(t, n); !bytes.Equal(got, data) {
			t.Errorf("%s: Save of what was loaded writes\n%q\nwant\n%q", name, got, data)
		}
		if got := saved(t, want); !bytes.Equal(got, data) {
			t.Errorf("%s: Save of a new network writes\n%q\nwant\n%q", name, got, data)
		}
		n.Widen()
		want.Widen()
		if err := difference(n, want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// smallParameters are those of the network in network_v1.ksp: a sparse layer's 3 x 2
// weights and 3 biases, a linear layer's 3 x 1 weights and 1 bias.
var smallParameters = []float64{
	1, -2, 0.1, math.Copysign(0, -1), 5e-324, math.MaxFloat64,
	0, -0.5, math.Pi,
	-1e-310, 3, 1.0 / 3,
	-math.MaxFloat64,
}

// smallNetworks are networks with everything that version 2 of the format holds: those in
// the files network_v2_*.ksp.
func smallNetworks(t testing.TB) []*ksparse.Network {
	narrow := func(rows, cols int) ksparse.Weights {
		m := ksparse.Weights{Rows: rows, Cols: cols, Float32: make([]float32, rows*cols)}
		for i := range m.Float32 {
			m.Float32[i] = float32(i) - 2
		}
		return m
	}
	wide := ksparse.Weights{Rows: 4, Cols: 2, Float64: []float64{1, -2, 3, 4, -5, 6, 0.1, 8}}
	var all []*ksparse.Network
	for _, cfg := range []ksparse.Config{
		{Encoder: narrow(4, 2), Decoder: narrow(4, 2), K: 2, Selection: ksparse.SelectGroupMax, PreBias: true},
		{Encoder: wide, Decoder: narrow(4, 3), K: 2, Skip: narrow(3, 2)},
		{Encoder: narrow(4, 2), PreBias: true, K: 1, Normalization: ksparse.LayerNorm, NoUndo: true},
		{Encoder: narrow(4, 2), Tied: true, Selection: ksparse.SelectThreshold, Activation: ksparse.ReLU,
			GateBias: make([]float64, 4), GateLogGain: make([]float64, 4), Normalization: ksparse.UnitRMS},
		{Encoder: wide, Decoder: wide, K: 3, Thresholds: []float64{1, 2, 3, 4}, Selection: ksparse.SelectThreshold},
	} {
		cfg.Classic = true
		n, err := ksparse.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

// TestLoadErrors: what the reader of the format finds, Load says, and it reads nothing
// beyond the network.
func TestLoadErrors(t *testing.T) {
	data := saved(t, smallNetworks(t)[0])
	flipped := bytes.Clone(data)
	flipped[len(data)/2] ^= 1
	broken := errors.New("broken")
	for what, c := range map[string]struct {
		r    io.Reader
		want error
	}{
		"nothing":   {bytes.NewReader(nil), io.EOF},
		"cut short": {bytes.NewReader(data[:len(data)-1]), io.ErrUnexpectedEOF},
		"flipped":   {bytes.NewReader(flipped), ksparse.ErrFormat},
		"broken":    {io.MultiReader(bytes.NewReader(data[:40]), iotest.ErrReader(broken)), broken},
	} {
		if _, err := ksparse.Load(c.r); !errors.Is(err, c.want) || !errors.Is(err, ksparse.ErrFormat) {
			t.Errorf("%s: error %v, want ErrFormat and %v", what, err, c.want)
		}
	}
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
	many := func(n int) (layers []ksparse.Layer) { // with the longest header that there can be
		for range n {
			layers = append(layers, ksparse.NewSparseLayer(strings.Repeat("\x01", 1024), 1, 1, math.MaxInt, ksparse.LeakyReLU))
		}
		return layers
	}
	refuse("1025 layers", mustNetwork(t, many(1025)...), ksparse.ErrFormat)
	if _, err := ksparse.Load(bytes.NewReader(saved(t, mustNetwork(t, many(1024)...)))); err != nil {
		t.Errorf("1024 layers: %v", err)
	}
}
