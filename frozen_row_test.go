package ksparse_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// rowCases are networks of every kind for calls of one row.
func rowCases(t *testing.T) map[string]*ksparse.Network {
	t.Helper()
	all := map[string]*ksparse.Network{"deep": deepNetwork(t)}
	for name, cfg := range map[string]ksparse.Config{
		"plain":      {Inputs: 24, Latents: 300, K: 7, Activation: ksparse.ReLU},
		"wide":       {Inputs: 64, Latents: 3000, K: 16, Activation: ksparse.ReLU, PreBias: true},
		"normalised": {Inputs: 24, Latents: 60, K: 5, PreBias: true, Tied: true, Normalization: ksparse.LayerNorm},
		"rms":        {Inputs: 24, Latents: 60, K: 5, Normalization: ksparse.UnitRMS, OutputActivation: ksparse.Sigmoid},
		"all":        {Inputs: 24, Latents: 30, K: 30, Activation: ksparse.Tanh, OutputActivation: ksparse.Tanh},
		"none":       {Inputs: 24, Latents: 30, K: -1},
		"transcoder": {Inputs: 24, Outputs: 9, Latents: 40, K: 4, Activation: ksparse.GELU},
	} {
		cfg.Classic = true
		n, err := ksparse.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = n
	}
	batch, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 24, Latents: 600, K: 4, Selection: ksparse.SelectBatchTopK, Activation: ksparse.ReLU})
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Layers()[0].(*ksparse.SparseLayer).SetThresholds(0.5); err != nil {
		t.Fatal(err)
	}
	all["thresholds"] = batch
	return all
}

// TestFrozenRows: calls of one row have the bits of the matrix of that row, in float64 and in
// float32, from many goroutines at once.
func TestFrozenRows(t *testing.T) {
	for name, net := range rowCases(t) {
		f, err := net.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		for g := range 4 {
			wait.Add(1)
			go func() {
				defer wait.Done()
				rng := rand.New(rand.NewPCG(7, uint64(g)))
				var codes ksparse.Codes
				out, narrowOut := make([]float64, f.Out()), make([]float32, f.Out())
				row, narrow := make([]float64, f.In()), make([]float32, f.In())
				for range 20 {
					for j := range row {
						narrow[j] = float32(rng.NormFloat64())
						row[j] = float64(narrow[j])
					}
					x := mat.NewDense(1, len(row), slices.Clone(row))
					wantCodes, err1 := net.Encode(x)
					want, err2 := net.Predict(x)
					err3 := f.EncodeRow(&codes, row)
					same := mat.Equal(&codes, wantCodes)
					err4 := f.EncodeRow32(&codes, narrow)
					same = same && mat.Equal(&codes, wantCodes)
					decoded, err5 := net.Decode(&codes) // codes remember how the row was normalised
					err6 := f.PredictRow(out, row)
					err7 := f.PredictRow32(narrowOut, narrow)
					if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil || !same || !mat.Equal(decoded, want) || !slices.Equal(out, want.RawMatrix().Data) {
						t.Errorf("%s: another result, or error %v", name, err)
						return
					}
					for j, v := range out {
						if narrowOut[j] != float32(v) {
							t.Errorf("%s: output %d in float32 is %v, want %v", name, j, narrowOut[j], float32(v))
						}
					}
				}
			}()
		}
		wait.Wait()
	}
}

// TestFrozenRowInPlace: the output may take the place of the row, or of a part of it.
func TestFrozenRowInPlace(t *testing.T) {
	f, err := autoencoder(t, 6, 12, 3, ksparse.ReLU).Freeze()
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 1, 6} {
		memory := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
		want := make([]float64, 6)
		if err := f.PredictRow(want, slices.Clone(memory[:6])); err != nil {
			t.Fatal(err)
		}
		if err := f.PredictRow(memory[at:at+6], memory[:6]); err != nil || !slices.Equal(memory[at:at+6], want) {
			t.Errorf("output at %d: %v, error %v, want %v", at, memory, err, want)
		}
	}
}

// TestFrozenRowErrors: bad rows give the errors of bad matrices.
func TestFrozenRowErrors(t *testing.T) {
	net := autoencoder(t, 3, 8, 2, ksparse.ReLU)
	net.Layers()[1].Biases().SetVec(1, 1e300)
	f, err := net.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := ksparse.New(ksparse.Config{Classic: true, K: 1, Encoder: ksparse.Weights{Rows: 2, Cols: 3, Float64: make([]float64, 6)}})
	if err != nil {
		t.Fatal(err)
	}
	only, err := encoder.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	codes := new(ksparse.Codes)
	for what, c := range map[string]struct{ got, want error }{
		"no row":               {f.EncodeRow(codes, nil), ksparse.ErrEmpty},
		"no row, float32":      {f.EncodeRow32(codes, nil), ksparse.ErrEmpty},
		"short":                {f.EncodeRow(codes, make([]float64, 2)), ksparse.ErrShape},
		"long":                 {f.EncodeRow32(codes, make([]float32, 4)), ksparse.ErrShape},
		"NaN":                  {f.EncodeRow(codes, []float64{0, math.NaN(), 0}), ksparse.ErrNotFinite},
		"NaN, float32":         {f.EncodeRow32(codes, []float32{0, nan, 0}), ksparse.ErrNotFinite},
		"nil codes":            {f.EncodeRow(nil, make([]float64, 3)), ksparse.ErrEmpty},
		"overflow":             {f.EncodeRow(codes, []float64{math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64}), ksparse.ErrNotFinite},
		"no row, output":       {f.PredictRow(make([]float64, 3), nil), ksparse.ErrEmpty},
		"short output":         {f.PredictRow(make([]float64, 2), make([]float64, 3)), ksparse.ErrShape},
		"no output":            {f.PredictRow(nil, make([]float64, 3)), ksparse.ErrShape},
		"long output, float32": {f.PredictRow32(make([]float32, 4), make([]float32, 3)), ksparse.ErrShape},
		"NaN, output":          {f.PredictRow32(make([]float32, 3), []float32{0, nan, 0}), ksparse.ErrNotFinite},
		"beyond float32":       {f.PredictRow32(make([]float32, 3), make([]float32, 3)), ksparse.ErrNotFinite},
		"no decoder":           {only.PredictRow(make([]float64, 2), make([]float64, 3)), ksparse.ErrNoDecoder},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: error %v, want %v", what, c.got, c.want)
		}
	}
}

// ExampleFrozen_EncodeRow serves one row at a time: no matrix is made, and nothing is left
// for the garbage collector.
func ExampleFrozen_EncodeRow() {
	net, err := ksparse.New(ksparse.Config{
		Classic: true,
		Encoder: ksparse.Weights{Rows: 3, Cols: 2, Float32: []float32{1, 0, 0, 1, -1, -1}}, Tied: true,
		K: 1, Activation: ksparse.ReLU,
	})
	if err != nil {
		panic(err)
	}
	frozen, err := net.Freeze()
	if err != nil {
		panic(err)
	}
	var codes ksparse.Codes // of one goroutine, for all its calls
	output := make([]float64, 2)
	for _, row := range [][]float64{{3, 1}, {1, 2}, {-1, -2}} {
		if err := frozen.EncodeRow(&codes, row); err != nil {
			panic(err)
		}
		if err := frozen.PredictRow(output, row); err != nil {
			panic(err)
		}
		latents, values := codes.Row(0)
		fmt.Println(row, "latents", latents, "values", values, "output", output)
	}
	// Output:
	// [3 1] latents [0] values [3] output [3 0]
	// [1 2] latents [1] values [2] output [0 2]
	// [-1 -2] latents [2] values [3] output [-3 -3]
}
