package ksparse_test

import (
	"errors"
	"math"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// huge are sizes at the limit of 32 bits and, where an int holds more, beyond: some of those
// wrap to small numbers.
var huge = func() (all []int) {
	for _, n := range []int64{math.MaxInt32, math.MaxInt32 + 3, 1<<32 + 3, 1 << 40, 1<<62 + 1, math.MaxInt64} {
		if int64(int(n)) == n {
			all = append(all, int(n))
		}
	}
	return all
}()

// TestHugePositions: positions far outside are not wrapped to positions inside.
func TestHugePositions(t *testing.T) {
	codes, err := ksparse.NewCodes(8, [][]int32{{1, 3}}, [][]float64{{5, 6}})
	if err != nil {
		t.Fatal(err)
	}
	mask := ksparse.TopK(mat.NewDense(1, 8, []float64{0, 9, 0, 9, 0, 0, 0, 0}), 2)
	for _, n := range huge {
		if mask.At(0, n) || mask.At(n, 1) || codes.Mask().At(0, n) || codes.Mask().At(n, 1) {
			t.Errorf("a mask of 1 x 8 has %d", n)
		}
		for _, at := range [][2]int{{0, n}, {n, 1}} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("codes of 1 x 8 have a value at %v", at)
					}
				}()
				codes.At(at[0], at[1])
			}()
		}
		if p := codes.Prefix(n); !mat.Equal(p, codes) {
			t.Errorf("the prefix of %d latents is %v", n, mat.Formatted(p))
		}
		if m := ksparse.TopK(mat.NewDense(2, 3, nil), n); m.Count() != 6 {
			t.Errorf("TopK of %d selects %d of 6", n, m.Count())
		}
		if n > math.MaxInt32 {
			if _, err := ksparse.NewCodes(n, nil, nil); !errors.Is(err, ksparse.ErrRange) {
				t.Errorf("codes of %d latents: %v", n, err)
			}
		}
	}
}

// TestHugeLayers: sizes that cannot be are an error of NewNetwork and New, and take no
// memory.
func TestHugeLayers(t *testing.T) {
	for _, n := range huge {
		if uint(n) <= math.MaxInt32+3 { // which a large machine has memory for
			continue
		}
		for _, size := range [][2]int{{1, n}, {n, 1}, {n, n}, {3, n}, {n, -1}} {
			_, err1 := ksparse.NewNetwork(ksparse.NewSparseLayer("a", size[0], size[1], 1, ksparse.ReLU))
			_, err2 := ksparse.NewNetwork(ksparse.NewLinearLayer("a", size[0], size[1], ksparse.ReLU))
			_, err3 := ksparse.New(ksparse.Config{Classic: true, Inputs: size[0], Latents: size[1], K: 1})
			_, err4 := ksparse.New(ksparse.Config{Classic: true, K: 1, Encoder: ksparse.Weights{Rows: size[0], Cols: size[1], Float32: []float32{1}}})
			for i, err := range []error{err1, err2, err3, err4} {
				if !errors.Is(err, ksparse.ErrShape) {
					t.Errorf("%v, way %d: error %v, want ErrShape", size, i, err)
				}
			}
		}
	}
}

// TestHugeK: a k of more than all latents is all of them, for every selection by k and in
// every call.
func TestHugeK(t *testing.T) {
	x := mat.NewDense(30, 4, nil)
	x.Apply(func(i, j int, _ float64) float64 { return math.Sin(float64(7*i + j)) }, x)
	for _, s := range []ksparse.Selection{ksparse.SelectTopK, ksparse.SelectAbsTopK, ksparse.SelectBatchTopK} {
		for _, multi := range []float64{0, 0.125} {
			if multi > 0 && s == ksparse.SelectBatchTopK {
				continue
			}
			result := func(k int) []float64 {
				net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 4, Latents: 9, K: k, Selection: s})
				if err != nil {
					t.Fatal(err)
				}
				h, err := net.Train(t.Context(), x, x, ksparse.TrainConfig{Steps: 3, BatchSize: 7, Recipe: ksparse.Recipe{MultiTopK: multi}})
				if err != nil {
					t.Fatalf("k = %d: %v", k, err)
				}
				p, err := net.Forward(x)
				if err != nil {
					t.Fatal(err)
				}
				out, err := net.Predict(x)
				if err != nil {
					t.Fatal(err)
				}
				return append(append(p.Output().RawMatrix().Data, out.RawMatrix().Data...), h.Epochs[0].TrainLoss, h.Epochs[0].L0)
			}
			want := result(9)
			for _, k := range huge {
				got := result(k)
				for i := range want {
					if got[i] != want[i] {
						t.Fatalf("%v, MultiTopK %v, k = %d: number %d is %v, with all latents %v", s, multi, k, i, got[i], want[i])
					}
				}
			}
		}
	}
}

// TestHugeTrainingNumbers: every count of a training may be as large as an int is.
func TestHugeTrainingNumbers(t *testing.T) {
	x := mat.NewDense(9, 4, nil)
	x.Apply(func(i, j int, _ float64) float64 { return math.Sin(float64(7*i + j)) }, x)
	stop := func(p train.Progress) error {
		if p.Step == 3 {
			return ksparse.ErrStop
		}
		return nil
	}
	for _, n := range huge {
		for what, cfg := range map[string]ksparse.TrainConfig{
			"Epochs":     {Epochs: n},
			"Steps":      {Steps: n},
			"both":       {Epochs: n, Steps: n, BatchSize: 1},
			"BatchSize":  {BatchSize: n},
			"Buffer":     {Buffer: n},
			"AuxK":       {Recipe: ksparse.Recipe{AuxK: n, DeadAfter: 1}},
			"DeadAfter":  {Recipe: ksparse.Recipe{AuxK: 2, DeadAfter: n}},
			"Patience":   {Validation: ksparse.Validation{Patience: n}},
			"KStart":     {Steps: n, Recipe: ksparse.Recipe{KStart: 8, KAnneal: 1}},
			"Checkpoint": {Checkpoint: ksparse.Checkpoint{File: t.TempDir() + "/c", Every: n}},
		} {
			cfg.Callback = stop
			net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 4, Latents: 9, K: 2, Activation: ksparse.ReLU})
			if err != nil {
				t.Fatal(err)
			}
			h, err := net.Train(t.Context(), x, x, cfg)
			if err != nil || h.Steps < 3 {
				t.Errorf("%s of %d: %v, error %v", what, n, h, err)
			}
			if what == "KStart" && h != nil && h.Epochs[0].L0 < 3 {
				t.Errorf("KStart with %d steps: %v latents active at first", n, h.Epochs[0].L0)
			}
		}
		net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 4, Latents: 9, K: 2})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := net.Train(t.Context(), x, x, ksparse.TrainConfig{Recipe: ksparse.Recipe{KStart: n}}); !errors.Is(err, ksparse.ErrRange) {
			t.Errorf("KStart of %d: error %v, want ErrRange", n, err)
		}
	}
}
