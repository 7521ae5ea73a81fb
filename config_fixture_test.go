package ksparse

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/safetensors"
	"gonum.org/v1/gonum/mat"
)

// TestConfigOfPublicModels makes four networks of files of public projects by hand and
// compares with what the projects' own formulas gave, to 1e-12: a gated encoder,
// groups, a transcoder with a skip connection, an encoder alone.
func TestConfigOfPublicModels(t *testing.T) {
	for folder, c := range map[string]struct {
		file string
		cfg  func(m func(name string) Weights, v func(name string) []float64) Config
	}{
		"saelens_gated_v6": {"sae_weights.safetensors", func(m func(string) Weights, v func(string) []float64) Config {
			encoder := m("W_enc") // inputs x latents
			turned := Weights{Rows: encoder.Cols, Cols: encoder.Rows, Float32: make([]float32, len(encoder.Float32))}
			for i, w := range encoder.Float32 {
				turned.Float32[i%encoder.Cols*encoder.Rows+i/encoder.Cols] = w
			}
			return Config{Classic: true, Encoder: turned, EncoderBias: v("b_mag"), Decoder: m("W_dec"), DecoderBias: v("b_dec"), PreBias: true,
				Activation: ReLU, Selection: SelectThreshold, GateBias: v("b_gate"), GateLogGain: v("r_mag")}
		}},
		"sparsify_groupmax": {"sae.safetensors", func(m func(string) Weights, v func(string) []float64) Config {
			return Config{Classic: true, Encoder: m("encoder.weight"), EncoderBias: v("encoder.bias"), Decoder: m("W_dec"), DecoderBias: v("b_dec"), PreBias: true,
				K: 5, Activation: ReLU, Selection: SelectGroupMax}
		}},
		"sparsify_transcoder_skip": {"sae.safetensors", func(m func(string) Weights, v func(string) []float64) Config {
			return Config{Classic: true, Encoder: m("encoder.weight"), EncoderBias: v("encoder.bias"), Decoder: m("W_dec"), DecoderBias: v("b_dec"),
				K: 3, Activation: ReLU, Skip: m("W_skip")}
		}},
		"sparsify_encoder_only": {"sae.safetensors", func(m func(string) Weights, v func(string) []float64) Config {
			return Config{Classic: true, Encoder: m("encoder.weight"), EncoderBias: v("encoder.bias"), DecoderBias: v("b_dec"), PreBias: true,
				K: 3, Activation: ReLU}
		}},
	} {
		t.Run(folder, func(t *testing.T) {
			folder := filepath.Join("pretrained", "testdata", folder)
			var want struct {
				Input, Code, Reconstruction [][]float64
				Indices                     [][]int32
			}
			text, err := os.ReadFile(filepath.Join(folder, "expected.json"))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			f, err := safetensors.Open(filepath.Join(folder, c.file))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			read := func(name string) Weights {
				x, err := f.Tensor(name)
				if err != nil {
					t.Fatal(err)
				}
				values, err := x.Float32s()
				if err != nil {
					t.Fatal(err)
				}
				shape := x.Shape()
				return Weights{Rows: shape[0], Cols: len(values) / shape[0], Float32: values}
			}
			n, err := New(c.cfg(read, func(name string) []float64 { return matrix.Widened(read(name)).Float64 }))
			if err != nil {
				t.Fatal(err)
			}
			x := mat.NewDense(len(want.Input), n.In(), slices.Concat(want.Input...))
			codes, err := n.Encode(x)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want.Input {
				var active []int32
				idx, val := codes.Row(i)
				for e, j := range idx {
					if val[e] != 0 {
						active = append(active, j)
					}
				}
				if !slices.Equal(active, want.Indices[i]) {
					t.Errorf("row %d has the latents %v, want %v", i, active, want.Indices[i])
				}
			}
			near(t, "code", codes, want.Code)
			out, err := n.Predict(x)
			if len(want.Reconstruction) == 0 {
				if !errors.Is(err, ErrNoDecoder) {
					t.Errorf("Predict returned %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			near(t, "reconstruction", out, want.Reconstruction)
		})
	}
}

func near(t *testing.T, what string, got mat.Matrix, want [][]float64) {
	t.Helper()
	for i, row := range want {
		for j, w := range row {
			if g := got.At(i, j); math.Abs(g-w) > 1e-12*max(1, math.Abs(w)) {
				t.Errorf("%s: row %d, column %d is %v, want %v", what, i, j, g, w)
			}
		}
	}
}
