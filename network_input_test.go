package ksparse_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

func TestBadInput(t *testing.T) {
	net := autoencoder(t, 3, 8, 2, ksparse.ReLU)
	good := mat.NewDense(2, 3, []float64{1, 2, 3, 4, 5, 6})
	pass, err := net.Forward(good)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		x    mat.Matrix
		want error
		text string
	}{
		{"nil", nil, ksparse.ErrEmpty, "nil"},
		{"typed nil", (*mat.Dense)(nil), ksparse.ErrEmpty, "nil"},
		{"nil codes", (*ksparse.Codes)(nil), ksparse.ErrEmpty, "nil"},
		{"nil vector", (*mat.VecDense)(nil), ksparse.ErrEmpty, "nil"},
		{"no rows", &mat.Dense{}, ksparse.ErrEmpty, "0 x 0"},
		{"columns", mat.NewDense(2, 4, nil), ksparse.ErrShape, "4 columns, want 3"},
		{"NaN", mat.NewDense(2, 3, []float64{0, 0, 0, 0, math.NaN(), 0}), ksparse.ErrNotFinite, "NaN at row 1, column 1"},
		{"Inf", mat.NewDense(1, 3, []float64{0, 0, math.Inf(-1)}), ksparse.ErrNotFinite, "-Inf at row 0, column 2"},
	} {
		calls := map[string]func() error{
			"Forward":  func() error { _, err := net.Forward(c.x); return err },
			"Predict":  func() error { _, err := net.Predict(c.x); return err },
			"Encode":   func() error { _, err := net.Encode(c.x); return err },
			"Backprop": func() error { _, err := net.Backprop(pass, c.x, ksparse.SquaredError); return err },
		}
		for name, call := range calls {
			if err := call(); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s of %s: error is %v, want %v that says %q", name, c.what, err, c.want, c.text)
			}
		}
	}
	huge := mat.NewDense(1, 3, []float64{1e308, 1e308, 1e308})
	for name, call := range map[string]func() error{
		"Forward": func() error { _, err := net.Forward(huge); return err },
		"Predict": func() error { _, err := net.Predict(huge); return err },
	} {
		if err := call(); err != nil && !errors.Is(err, ksparse.ErrNotFinite) {
			t.Errorf("%s of huge numbers: error is %v", name, err)
		}
	}

	other := autoencoder(t, 3, 8, 2, ksparse.ReLU)
	if _, err := other.Backprop(pass, good, ksparse.SquaredError); !errors.Is(err, ksparse.ErrShape) {
		t.Errorf("Backprop of another network's pass: error %v", err)
	}
	if _, err := net.Backprop(nil, good, ksparse.SquaredError); !errors.Is(err, ksparse.ErrShape) {
		t.Errorf("Backprop of nil: error %v", err)
	}
	if _, err := net.Backprop(pass, mat.NewDense(1, 3, nil), ksparse.SquaredError); !errors.Is(err, ksparse.ErrShape) {
		t.Errorf("Backprop of too few rows: error %v", err)
	}
	if _, err := net.Backprop(pass, good, 77); !errors.Is(err, ksparse.ErrRange) {
		t.Errorf("Backprop with an unknown loss: error %v", err)
	}
	for _, loss := range []ksparse.Loss{ksparse.BinaryCrossEntropy, ksparse.SoftmaxCrossEntropy} {
		if _, err := net.Backprop(pass, good, loss); !errors.Is(err, ksparse.ErrRange) {
			t.Errorf("%v of targets beyond 1: error %v", loss, err)
		}
	}
	half := mat.NewDense(2, 3, []float64{0.5, 0.5, 0.5, 0.5, 0.5, 0.5})
	if _, err := net.Backprop(pass, half, ksparse.SoftmaxCrossEntropy); !errors.Is(err, ksparse.ErrRange) {
		t.Errorf("rows that sum to 1.5: error %v", err)
	}
	if _, err := net.Backprop(pass, half, ksparse.BinaryCrossEntropy); !errors.Is(err, ksparse.ErrRange) || !strings.Contains(err.Error(), "Sigmoid") {
		t.Errorf("BinaryCrossEntropy of outputs beyond 0 to 1: error %v", err)
	}

	if _, err := net.Decode(nil); !errors.Is(err, ksparse.ErrEmpty) {
		t.Errorf("Decode of nil: error %v", err)
	}
	narrow, _ := ksparse.NewCodes(7, [][]int32{{1}}, [][]float64{{1}})
	if _, err := net.Decode(narrow); !errors.Is(err, ksparse.ErrShape) {
		t.Errorf("Decode of too narrow codes: error %v", err)
	}
	spoilt, _ := ksparse.NewCodes(8, [][]int32{{1}}, [][]float64{{1}})
	_, values := spoilt.Row(0)
	values[0] = math.Inf(1)
	if _, err := net.Decode(spoilt); !errors.Is(err, ksparse.ErrNotFinite) {
		t.Errorf("Decode of an infinite value: error %v", err)
	}
	if err := net.EncodeInto(nil, good); !errors.Is(err, ksparse.ErrEmpty) {
		t.Errorf("EncodeInto nil: error %v", err)
	}
	plain := mustNetwork(t, ksparse.NewLinearLayer("only", 3, 3, ksparse.Identity))
	if _, err := plain.Encode(good); !errors.Is(err, ksparse.ErrNoSparseLayer) {
		t.Errorf("Encode without a sparse layer: error %v", err)
	}
	if _, err := plain.Decode(spoilt); !errors.Is(err, ksparse.ErrNoSparseLayer) {
		t.Errorf("Decode without a sparse layer: error %v", err)
	}
}

// TestOverflowIsAnError: finite data and weights whose product is not.
func TestOverflowIsAnError(t *testing.T) {
	net := autoencoder(t, 2, 3, 2, ksparse.Identity)
	for _, l := range net.Layers() {
		w := l.Weights().RawMatrix().Data
		for i := range w {
			w[i] = 1e200
		}
	}
	x := mat.NewDense(1, 2, []float64{1e200, 1})
	if _, err := net.Forward(x); !errors.Is(err, ksparse.ErrNotFinite) {
		t.Errorf("Forward: error %v", err)
	}
	if _, err := net.Predict(x); !errors.Is(err, ksparse.ErrNotFinite) {
		t.Errorf("Predict: error %v", err)
	}
	if _, err := net.Encode(x); !errors.Is(err, ksparse.ErrNotFinite) {
		t.Errorf("Encode: error %v", err)
	}
	codes, _ := ksparse.NewCodes(3, [][]int32{{0}}, [][]float64{{1e200}})
	if _, err := net.Decode(codes); !errors.Is(err, ksparse.ErrNotFinite) {
		t.Errorf("Decode: error %v", err)
	}
}

// TestInputsAreLeftAlone: nothing writes to what a caller passed in.
func TestInputsAreLeftAlone(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	net := deepNetwork(t)
	x, y := normal(rng, 5, 9), normal(rng, 5, 9)
	oldX, oldY := mat.DenseCopyOf(x), mat.DenseCopyOf(y)
	pass, err := net.Forward(x)
	if err != nil {
		t.Fatal(err)
	}
	first, err := net.Backprop(pass, y, ksparse.SquaredError)
	if err != nil {
		t.Fatal(err)
	}
	again, err := net.Backprop(pass, y, ksparse.SquaredError)
	if err != nil {
		t.Fatal(err)
	}
	for i := range net.Layers() {
		if !mat.Equal(first.Weights(i), again.Weights(i)) || !mat.Equal(first.Biases(i), again.Biases(i)) {
			t.Errorf("layer %d: a second Backprop of the pass gives other gradients", i)
		}
	}
	out, err := net.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	out.Zero() // a result is the caller's own
	if !mat.Equal(x, oldX) || !mat.Equal(y, oldY) {
		t.Error("an input was changed")
	}
}

// TestManyGoroutines uses one network from many goroutines; the race detector
// watches, and everyone must get the same answer.
func TestManyGoroutines(t *testing.T) {
	net := deepNetwork(t)
	x := normal(rand.New(rand.NewPCG(5, 5)), 30, 9)
	want, err := net.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 5 {
				out, err := net.Predict(x)
				if err != nil || !mat.Equal(out, want) {
					t.Errorf("Predict differs, error %v", err)
				}
				codes, err := net.Encode(x)
				if err != nil {
					t.Error(err)
					return
				}
				if out, err = net.Decode(codes); err != nil || !mat.Equal(out, want) {
					t.Errorf("Decode differs, error %v", err)
				}
				pass, err := net.Forward(x)
				if err != nil || !mat.Equal(pass.Output(), want) {
					t.Errorf("Forward differs, error %v", err)
					return
				}
				if _, err := net.Backprop(pass, x, ksparse.SquaredError); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
}
