package ksparse

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"
)

// TestFrozenIsTheNetwork: with float64 weights and with float32 ones, with
// screening and without, for one row and for many, with every activation.
func TestFrozenIsTheNetwork(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	for act := Identity; act < activations; act++ {
		for _, narrow := range []bool{false, true} {
			net, err := NewNetwork(
				NewLinearLayer("below", 9, 70, Tanh),
				NewSparseLayer("first", 70, 400, 11, act),
				NewSparseLayer("second", 400, 300, 7, act),
				NewLinearLayer("decoder", 300, 9, Identity),
			)
			if err != nil {
				t.Fatal(err)
			}
			for i := range net.layers {
				for j := range biasesOf(net, i) {
					biasesOf(net, i)[j] = 0.1 * rng.NormFloat64()
				}
				if narrow {
					makeNarrow(weightsOf(net, i).Data)
				}
			}
			for _, rows := range []int{1, 3, 40} {
				x := gauss(rng, rows, 9)
				var want *Codes
				withScreening("off", func() { want, err = net.Encode(x) })
				if err != nil {
					t.Fatal(err)
				}
				for _, mode := range []string{"on", "off"} {
					withScreening(mode, func() {
						e, err := net.Freeze()
						if err != nil {
							t.Fatal(err)
						}
						got, err := e.Encode(x)
						if err != nil || !sameCodes(got, want) {
							t.Errorf("%v, narrow %v, %d rows, screening %s: the frozen network's codes differ (error %v)", act, narrow, rows, mode, err)
						}
						if live, err := net.Encode(x); err != nil || !sameCodes(live, want) {
							t.Errorf("%v, narrow %v, %d rows, screening %s: the network's codes differ (error %v)", act, narrow, rows, mode, err)
						}
						stats := e.Screening().Stats()
						if on := mode == "on"; on != (stats.Rows == int64(2*rows)) {
							t.Errorf("screening %s: the report is %+v", mode, stats)
						}
					})
				}
			}
		}
	}
}

// TestFrozenOwnsItsWeights: whatever is done to the network, the frozen one goes on
// answering as the network did when it was frozen, and the network never answers
// from a stale copy, because it keeps none between two calls.
func TestFrozenOwnsItsWeights(t *testing.T) {
	withScreening("on", func() {
		rng := rand.New(rand.NewPCG(4, 1))
		net, err := New(Config{Classic: true, Inputs: 30, Latents: 200, K: 5, Activation: ReLU})
		if err != nil {
			t.Fatal(err)
		}
		x := gauss(rng, 20, 30)
		before, err := net.Encode(x)
		if err != nil {
			t.Fatal(err)
		}
		e, err := net.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		w := net.Layers()[0].Weights()
		for round := range 3 {
			for range 50 {
				w.Set(rng.IntN(200), rng.IntN(30), 10*rng.NormFloat64())
			}
			net.Layers()[0].Biases().SetVec(rng.IntN(200), rng.NormFloat64())
			live, err := net.Encode(x)
			if err != nil {
				t.Fatal(err)
			}
			var want *Codes
			withScreening("off", func() { want, err = net.Encode(x) })
			if err != nil || !sameCodes(live, want) {
				t.Errorf("round %d: the network answers from weights that it no longer has (error %v)", round, err)
			}
			if sameCodes(live, before) {
				t.Errorf("round %d: the changed weights change nothing, so the test shows nothing", round)
			}
			if frozen, err := e.Encode(x); err != nil || !sameCodes(frozen, before) {
				t.Errorf("round %d: the frozen network follows the network (error %v)", round, err)
			}
		}
	})
}

// TestTrainingWithScreening ends in the bits of training without: the copies
// follow every step.
func TestTrainingWithScreening(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	x := gauss(rng, 150, 24)
	var results [2][]float64
	for i, mode := range []string{"on", "off"} {
		withScreening(mode, func() {
			net, err := NewNetwork(
				NewSparseLayer("a", 24, 130, 6, ReLU),
				NewSparseLayer("b", 130, 70, 9, Sigmoid),
				NewLinearLayer("c", 70, 24, Identity),
			)
			if err != nil {
				t.Fatal(err)
			}
			_, err = net.Train(t.Context(), x, x, TrainConfig{
				Epochs:       6,
				BatchSize:    32,
				LearningRate: 0.02,
				ClipNorm:     1,
				L2:           1e-4,
				Validation:   Validation{Fraction: 0.1, Patience: 3},
			})
			if err != nil {
				t.Fatal(err)
			}
			results[i] = allParameters(net)
			if rows := net.Screening().Stats().Rows; (rows > 0) != (mode == "on") {
				t.Errorf("screening %s: %d rows were screened", mode, rows)
			}
		})
	}
	if !slices.Equal(results[0], results[1]) {
		t.Error("training with screening ends in other weights than without")
	}
}

func TestScreening(t *testing.T) {
	withScreening("on", func() {
		net, err := New(Config{Classic: true, Inputs: 8, Latents: 40, K: 3})
		if err != nil {
			t.Fatal(err)
		}
		x := gauss(rand.New(rand.NewPCG(6, 1)), 5, 8)
		encode := func() ScreeningStats {
			if _, err := net.Encode(x); err != nil {
				t.Fatal(err)
			}
			return net.Screening().Stats()
		}
		if s := encode(); s.Rows != 5 || s.Candidates < 3*(s.Rows-s.Float64) || s.Candidates > 40*(s.Rows-s.Float64) {
			t.Errorf("the report is %+v", s)
		}
		net.Screening().SetOff(true)
		e, err := net.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Encode(x); err != nil || e.Screening().Stats().Rows != 0 {
			t.Errorf("a frozen network without screening screens (error %v)", err)
		}
		if s := encode(); s.Rows != 5 {
			t.Errorf("with screening off the report goes on: %+v", s)
		}
		net.Screening().SetOff(false)
		if s := encode(); s.Rows != 10 {
			t.Errorf("with screening on again the report is %+v", s)
		}
	})
}

func TestFrozenErrorsAndMemory(t *testing.T) {
	plain, err := NewNetwork(NewLinearLayer("only", 3, 3, Identity))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plain.Freeze(); !errors.Is(err, ErrNoSparseLayer) {
		t.Errorf("Freeze without a sparse layer: error %v", err)
	}
	net, err := New(Config{Classic: true, Inputs: 64, Latents: 512, K: 8})
	if err != nil {
		t.Fatal(err)
	}
	wide, err := net.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	makeNarrow(weightsOf(net, 0).Data)
	narrow, err := net.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	if saved := wide.Bytes() - narrow.Bytes(); saved != 4*64*512 {
		t.Errorf("float32 weights save %d bytes, want 4 for each of them", saved)
	}
	if e := narrow; e.In() != 64 || e.Out() != 64 {
		t.Errorf("the frozen network takes %d values and gives %d", e.In(), e.Out())
	}
	if _, err := narrow.Encode(mat.NewDense(1, 63, nil)); !errors.Is(err, ErrShape) {
		t.Errorf("Encode of too few columns: error %v", err)
	}
	weightsOf(net, 0).Data[7] = math.NaN()
	if _, err := net.Freeze(); !errors.Is(err, ErrNotFinite) {
		t.Errorf("Freeze of a NaN: error %v", err)
	}
}

func TestFrozenFromManyGoroutines(t *testing.T) {
	withScreening("on", func() {
		rng := rand.New(rand.NewPCG(7, 1))
		net, err := New(Config{Classic: true, Inputs: 40, Latents: 300, K: 6, Activation: ReLU})
		if err != nil {
			t.Fatal(err)
		}
		e, err := net.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		x := gauss(rng, 33, 40)
		want, err := e.Encode(x)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				codes := new(Codes)
				for i := g; i < 33; i += 8 {
					if err := e.EncodeInto(codes, x.Slice(i, i+1, 0, 40)); err != nil {
						t.Error(err)
						return
					}
					indices, values := codes.Row(0)
					wantIndices, wantValues := want.Row(i)
					if !slices.Equal(indices, wantIndices) || !slices.Equal(values, wantValues) {
						t.Errorf("row %d alone, beside others, has another code than in the batch", i)
					}
				}
			}()
		}
		wg.Wait()
	})
}

// TestFrozenKeepsNothingOfTheNetwork: once the network is gone its weights are
// too, whatever form the frozen network keeps them in.
func TestFrozenKeepsNothingOfTheNetwork(t *testing.T) {
	for _, narrow := range []bool{false, true} {
		net, err := NewNetwork(NewLinearLayer("below", 8, 20, Tanh), NewSparseLayer("encoder", 20, 50, 4, ReLU))
		if err != nil {
			t.Fatal(err)
		}
		freed := make(chan bool, 2)
		for i := range net.layers {
			if narrow {
				makeNarrow(weightsOf(net, i).Data)
			}
			runtime.AddCleanup(&weightsOf(net, i).Data[0], func(int) { freed <- true }, 0)
		}
		e, err := net.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		net = nil
		for range 2 {
			runtime.GC()
			select {
			case <-freed:
			case <-time.After(5 * time.Second):
				t.Errorf("narrow %v: the frozen network keeps weights of the network alive", narrow)
			}
		}
		runtime.KeepAlive(e)
	}
}

// TestFrozenShares: float32 weights are one memory however often they are frozen,
// and a widened or trained network no longer touches it.
func TestFrozenShares(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	cfg := configCases(rng, 24, 300, 10, 4)["transcoder"]
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	frozen, err := n.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	own := frozen.layers
	if !sameMemory(own[0].parameters().w.Float32, cfg.Encoder.Float32) || !sameMemory(own[1].parameters().w.Float32, cfg.Decoder.Float32) ||
		!sameMemory(frozen.skip.Float32, cfg.Skip.Float32) {
		t.Error("Freeze copied float32 weights")
	}
	x := gauss(rng, 9, 24)
	want, err := frozen.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	n.Layers()[0].Biases().SetVec(3, 100)
	n.Widen()
	for _, l := range n.Layers() {
		l.Weights().Zero()
		l.Biases().Zero()
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			codes := new(Codes)
			for range 5 {
				got, err := frozen.Predict(x)
				if err != nil || !sameBits(got, want) {
					t.Errorf("the frozen network predicts something else (%v)", err)
				}
				if err := frozen.EncodeInto(codes, x); err != nil {
					t.Error(err)
				}
				if _, err := frozen.Decode(codes); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
}
