package pretrained_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/pretrained"
)

// random returns a network of float32 weights, of the size of a small published model.
func random(t testing.TB, latents, inputs int) *ksparse.Network {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	weights := func() ksparse.Weights {
		w := ksparse.Weights{Rows: latents, Cols: inputs, Float32: make([]float32, latents*inputs)}
		for i := range w.Float32 {
			w.Float32[i] = rng.Float32() - 0.5
		}
		return w
	}
	n, err := ksparse.New(ksparse.Config{Classic: true, Encoder: weights(), Decoder: weights(), K: 32, Activation: ksparse.ReLU, PreBias: true})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestLarge saves and opens a model that is read and written in many pieces: the bits
// are the same, and opening takes little more memory than the file has bytes.
func TestLarge(t *testing.T) {
	n := random(t, 20_011, 131)
	for _, format := range []pretrained.Format{pretrained.SAELens, pretrained.Sparsify, pretrained.Native} {
		path := filepath.Join(t.TempDir(), "model")
		if err := pretrained.Save(path, format, n, pretrained.SaveOptions{}); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := mustOpen(t, path, pretrained.Options{})
		runtime.ReadMemStats(&after)
		info, err := os.Stat(got.Info.Weights)
		if err != nil {
			t.Fatal(err)
		}
		if taken, size := after.TotalAlloc-before.TotalAlloc, uint64(info.Size()); taken > size+size/4+2<<20 {
			t.Errorf("%s: opening %d bytes allocates %d", format, size, taken)
		}
		g, err := got.Config()
		if err != nil {
			t.Fatal(err)
		}
		want, err := n.Config()
		if err != nil {
			t.Fatal(err)
		}
		sameMatrix(t, "encoder", g.Encoder, want.Encoder)
		sameMatrix(t, "decoder", g.Decoder, want.Decoder)
		if g.Encoder.Float32 == nil || g.Decoder.Float32 == nil {
			t.Errorf("%s: float32 weights have become float64", format)
		}
	}
}

// BenchmarkOpen opens models of 768 inputs as SAELens stores them, the encoder
// transposed.
func BenchmarkOpen(b *testing.B) {
	for _, size := range []struct {
		name    string
		latents int
	}{{"768x4096", 4096}, {"768x32768", 32_768}} {
		b.Run(size.name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "model")
			if err := pretrained.Save(path, pretrained.SAELens, random(b, size.latents, 768), pretrained.SaveOptions{}); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(2 * 4 * 768 * size.latents))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := pretrained.Open(path, pretrained.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
