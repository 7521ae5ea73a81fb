package ksparse

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// smallParts is a good model of 3 inputs and 4 latents.
func smallParts() Parts {
	rng := rand.New(rand.NewPCG(1, 2))
	return Parts{
		Encoder: randomMatrix(rng, 4, 3), EncoderBias: normals(rng, 4, 1),
		Decoder: randomMatrix(rng, 4, 3), DecoderBias: normals(rng, 3, 1),
		K: 2, Activation: ReLU,
	}
}

// TestAssembleRefuses: whatever is wrong with Parts is an error of the right kind
// that names the field.
func TestAssembleRefuses(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	gate := func() *Gate { return &Gate{Bias: make([]float64, 4), LogGain: make([]float64, 4)} }
	for _, c := range []struct {
		change func(p *Parts)
		cause  error
		text   string
	}{
		{func(p *Parts) { *p = Parts{} }, ErrShape, "Encoder is 0 x 0"},
		{func(p *Parts) { p.Encoder.Rows = -4 }, ErrShape, "Encoder"},
		{func(p *Parts) { p.Encoder.Cols = 2 }, ErrShape, "4 x 2 and has 12"},
		{func(p *Parts) { p.Encoder.Rows, p.Encoder.Cols = math.MaxInt, math.MaxInt }, ErrShape, "Encoder"},
		{func(p *Parts) { p.Encoder.Float32 = nil }, ErrShape, "both or neither"},
		{func(p *Parts) { p.Encoder.Float64 = make([]float64, 12) }, ErrShape, "both or neither"},
		{func(p *Parts) { p.Encoder.Float32[5] = float32(nan) }, ErrNotFinite, "Encoder holds NaN or an infinity at row 1, column 2"},
		{func(p *Parts) { p.Encoder.Float32, p.Encoder.Float64 = nil, append(make([]float64, 11), inf) }, ErrNotFinite, "row 3, column 2"},
		{func(p *Parts) { p.EncoderBias = p.EncoderBias[:3] }, ErrShape, "EncoderBias has 3"},
		{func(p *Parts) { p.EncoderBias[2] = inf }, ErrNotFinite, "EncoderBias holds +Inf at 2"},
		{func(p *Parts) { p.DecoderBias = make([]float64, 4) }, ErrShape, "DecoderBias has 4"},
		{func(p *Parts) { p.DecoderBias[0] = nan }, ErrNotFinite, "DecoderBias"},
		{func(p *Parts) { p.Decoder = randomMatrix(rand.New(rand.NewPCG(1, 1)), 3, 3) }, ErrShape, "Decoder is 3 x 3, want 4 rows"},
		{func(p *Parts) { p.Decoder.Float32[11] = float32(inf) }, ErrNotFinite, "Decoder holds"},
		{func(p *Parts) { p.Tied = true }, ErrShape, "Tied"},
		{func(p *Parts) {
			p.Decoder.Cols, p.Decoder.Float32, p.DecoderBias, p.PreBias = 2, p.Decoder.Float32[:8], nil, true
		}, ErrShape, "pre-bias"},
		{func(p *Parts) { p.Decoder = Matrix{} }, ErrShape, "DecoderBias is there without"},
		{func(p *Parts) { p.Decoder, p.PreBias, p.DecoderBias = Matrix{}, true, make([]float64, 4) }, ErrShape, "DecoderBias has 4"},
		{func(p *Parts) { p.Decoder, p.DecoderBias, p.Skip = Matrix{}, nil, p.Encoder }, ErrShape, "Skip is there without a decoder"},
		{func(p *Parts) { p.Decoder, p.DecoderBias, p.Normalization, p.Undo = Matrix{}, nil, LayerNorm, true }, ErrRange, "not undone"},
		{func(p *Parts) { p.K = -1 }, ErrRange, "k = -1"},
		{func(p *Parts) { p.Activation = activations }, ErrRange, "activation"},
		{func(p *Parts) { p.Selection = selections }, ErrRange, "selection"},
		{func(p *Parts) { p.Selection = SelectAbsTopK }, ErrRange, "magnitude"},
		{func(p *Parts) { p.Selection, p.K = SelectGroupMax, 3 }, ErrRange, "k = 3 groups"},
		{func(p *Parts) { p.Selection, p.K = SelectGroupMax, 0 }, ErrRange, "k = 0 groups"},
		{func(p *Parts) { p.Selection, p.Activation = SelectGroupMax, Tanh }, ErrRange, "group_max"},
		{func(p *Parts) { p.Thresholds = make([]float64, 3) }, ErrShape, "Thresholds has 3"},
		{func(p *Parts) { p.Thresholds = []float64{0, nan, 0, 0} }, ErrNotFinite, "Thresholds holds NaN at 1"},
		{func(p *Parts) { p.Gate = gate() }, ErrRange, "gate"},
		{func(p *Parts) { p.Gate, p.Selection, p.Activation = gate(), SelectThreshold, Identity }, ErrRange, "Gate"},
		{func(p *Parts) { p.Gate, p.Selection, p.Thresholds = gate(), SelectThreshold, make([]float64, 4) }, ErrRange, "Gate"},
		{func(p *Parts) { p.Gate, p.Selection = gate(), SelectThreshold; p.Gate.Bias = nil }, ErrShape, "Gate.Bias"},
		{func(p *Parts) { p.Gate, p.Selection = gate(), SelectThreshold; p.Gate.LogGain[3] = nan }, ErrNotFinite, "Gate.LogGain"},
		{func(p *Parts) { p.Gate, p.Selection = gate(), SelectThreshold; p.Gate.LogGain[3] = 710 }, ErrRange, "overflows"},
		{func(p *Parts) { p.Skip = randomMatrix(rand.New(rand.NewPCG(1, 1)), 3, 4) }, ErrShape, "Skip is 3 x 4, want 3 x 3"},
		{func(p *Parts) {
			p.Skip = randomMatrix(rand.New(rand.NewPCG(1, 1)), 3, 3)
			p.Normalization, p.Undo = LayerNorm, true
		}, ErrRange, "skip"},
		{func(p *Parts) { p.Normalization = normalizations }, ErrRange, "normalization"},
		{func(p *Parts) { p.Scale = 2 }, ErrRange, "scale"},
		{func(p *Parts) { p.Normalization, p.Scale = DatasetScale, -1 }, ErrRange, "scale"},
	} {
		p := smallParts()
		c.change(&p)
		if _, err := Assemble(p); !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("error %v, want %v with %q", err, c.cause, c.text)
		}
	}
	if _, err := Assemble(smallParts()); err != nil {
		t.Error("good parts:", err)
	}
}

// TestPartsAndBack: Assemble takes the memory that it is given and Parts gives it
// back, so neither doubles what a model needs; biases are live, narrow weights not.
func TestPartsAndBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for name, p := range partsCases(rng, 6, 12, 4, 3) {
		n, err := Assemble(p)
		if err != nil {
			t.Fatal(name, err)
		}
		q, err := n.Parts()
		if err != nil {
			t.Fatal(name, err)
		}
		if !sameMemory(q.Encoder.Float32, p.Encoder.Float32) || !p.Decoder.Empty() && !sameMemory(q.Decoder.Float32, p.Decoder.Float32) ||
			!p.Skip.Empty() && !sameMemory(q.Skip.Float32, p.Skip.Float32) || !sameMemory(q.EncoderBias, p.EncoderBias) ||
			!sameMemory(q.DecoderBias, p.DecoderBias) || p.Thresholds != nil && !sameMemory(q.Thresholds, p.Thresholds) {
			t.Errorf("%s: memory was copied", name)
		}
		if q.K != p.K || q.Activation != p.Activation || q.Selection != p.Selection || q.PreBias != p.PreBias || q.Tied != p.Tied ||
			q.Normalization != p.Normalization || q.Scale != p.Scale || q.Undo != p.Undo || q.Decoder.Empty() != p.Decoder.Empty() || (q.Gate == nil) != (p.Gate == nil) {
			t.Errorf("%s: parts came back as %+v", name, q)
		}
		if p.Gate != nil && !(slices.Equal(q.Gate.Bias, p.Gate.Bias) && slices.Equal(q.Gate.LogGain, p.Gate.LogGain)) {
			t.Errorf("%s: the gate came back as %+v", name, q.Gate)
		}
		if _, err := Assemble(q); err != nil {
			t.Errorf("%s: parts that came back: %v", name, err)
		}
		w := n.Layers()[0].Weights()
		if w.At(1, 2) != float64(p.Encoder.Float32[6+2]) {
			t.Errorf("%s: Weights are others", name)
		}
		w.Set(1, 2, 77)
		n.Layers()[0].Biases().SetVec(0, 0.125)
		if n.Layers()[0].Weights().At(1, 2) == 77 || p.EncoderBias[0] != 0.125 {
			t.Errorf("%s: Weights of float32 should be a copy, Biases live", name)
		}
		n.Widen()
		n.Layers()[0].Weights().Set(1, 2, 77)
		if n.Layers()[0].Weights().At(1, 2) != 77 {
			t.Errorf("%s: Weights should be live after Widen", name)
		}
	}
	for _, layers := range [][]Layer{
		{NewLinearLayer("a", 2, 2, Identity)},
		{NewSparseLayer("a", 2, 2, 1, ReLU), NewLinearLayer("b", 2, 2, Sigmoid)},
		{NewSparseLayer("a", 2, 2, 1, ReLU), NewSparseLayer("b", 2, 2, 1, ReLU)},
		{NewSparseLayer("a", 2, 2, 1, ReLU), NewLinearLayer("b", 2, 2, Identity), NewLinearLayer("c", 2, 2, Identity)},
	} {
		n, err := NewNetwork(layers...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Parts(); !errors.Is(err, ErrShape) {
			t.Errorf("Parts of another stack: error %v", err)
		}
	}
}

// TestTiedParts: a tied model has one matrix in every form, also where it is given
// as the decoder too.
func TestTiedParts(t *testing.T) {
	for _, explicit := range []bool{false, true} {
		for _, wide := range []bool{false, true} {
			p := smallParts()
			if wide {
				p = p.wide()
			}
			p.Tied, p.Decoder = !explicit, Matrix{}
			if explicit {
				p.Decoder = p.Encoder
			}
			n, err := Assemble(p)
			if err != nil {
				t.Fatal(err)
			}
			var file bytes.Buffer
			if err := n.Save(&file); err != nil {
				t.Fatal(err)
			}
			loaded, err := Load(&file)
			if err != nil {
				t.Fatal(err)
			}
			var frozen *Frozen
			withScreening("off", func() { frozen, err = n.Freeze() }) // without an int8 copy
			if err != nil {
				t.Fatal(err)
			}
			for what, m := range map[string]*Network{"assembled": n, "loaded": loaded, "frozen": frozen.network} {
				if !m.Tied() {
					t.Errorf("the %s network is not tied", what)
				}
			}
			if want := 4*12 + 8*7; frozen.Bytes() != want {
				t.Errorf("a frozen tied network takes %d bytes, want %d", frozen.Bytes(), want)
			}
			n.Widen()
			if !n.Tied() {
				t.Error("Widen tore tied weights apart")
			}
			x := gauss(rand.New(rand.NewPCG(3, 3)), 10, 3)
			if _, err := n.Train(context.Background(), x, x, TrainConfig{Epochs: 1}); err != nil || !n.Tied() {
				t.Error("training after Widen:", err)
			}
		}
	}
}

// TestNotTrained: what cannot be trained says so, and what to do about it, and is
// as it was afterwards.
func TestNotTrained(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	x := gauss(rng, 20, 6)
	y := map[int]*mat.Dense{6: x, 4: gauss(rng, 20, 4), 12: gauss(rng, 20, 12)}
	for name, p := range partsCases(rng, 6, 12, 4, 3) {
		n, err := Assemble(p)
		if err != nil {
			t.Fatal(name, err)
		}
		refuses := func(want string) {
			t.Helper()
			_, forward := n.Forward(x)
			_, train := n.Train(context.Background(), x, y[n.Out()], TrainConfig{Epochs: 1})
			_, pretrain := n.Pretrain(context.Background(), x, PretrainConfig{})
			for what, err := range map[string]error{"Forward": forward, "Train": train, "Pretrain": pretrain} {
				if !errors.Is(err, ErrFrozen) || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %s returned %v, want ErrFrozen with %q", name, what, err, want)
				}
			}
		}
		untrainable := p.Gate != nil || !p.Skip.Empty() || p.Decoder.Empty()
		switch {
		case !p.Skip.Empty():
			refuses("skip connection")
		case p.Decoder.Empty():
			refuses("without a decoder")
		default:
			refuses("call Widen first")
			if !p.Tied && !p.PreBias {
				if err := n.StartFrom(x, Start{Atoms: true}); p.Decoder.Cols == 6 && !errors.Is(err, ErrFrozen) {
					t.Errorf("%s: StartFrom returned %v", name, err)
				}
			}
		}
		n.Widen()
		switch {
		case p.Gate != nil:
			refuses("gate")
			if _, err := n.Calibrate(x, 2); !errors.Is(err, ErrRange) {
				t.Errorf("%s: Calibrate returned %v", name, err)
			}
		case untrainable:
			refuses("")
		default:
			if _, err := n.Train(context.Background(), x, x, TrainConfig{Epochs: 1}); err != nil {
				t.Errorf("%s: training after Widen: %v", name, err)
			}
		}
	}
}

// TestGroups: one latent of each group in every row, also where nothing is positive,
// and the settings that make no groups are refused.
func TestGroups(t *testing.T) {
	n, err := New(Config{Inputs: 5, Latents: 12, K: 3, Activation: ReLU, Selection: SelectGroupMax})
	if err != nil {
		t.Fatal(err)
	}
	l := n.Layers()[0].(*SparseLayer)
	codes, err := n.Encode(mat.NewDense(1, 5, nil))
	if err != nil {
		t.Fatal(err)
	}
	if idx, val := codes.Row(0); !slices.Equal(idx, []int32{0, 4, 8}) || !slices.Equal(val, []float64{0, 0, 0}) {
		t.Errorf("the code of zeros is %v %v, want the first of each group", idx, val)
	}
	for k, ok := range map[int]bool{0: false, 1: true, 5: false, 12: true, 13: false, 24: false} {
		if err := l.SetK(k); (err == nil) != ok {
			t.Errorf("SetK(%d) of 12 latents in groups returned %v", k, err)
		}
	}
	if err := l.SetSelection(SelectTopK); err != nil {
		t.Error(err)
	}
}

// TestHostileParts: headers of assembled networks that make no sense.
func TestHostileParts(t *testing.T) {
	layer := func(fields string) string {
		return `{"kind":"sparse","name":"a","in":1,"out":1,"k":1,"activation":"relu"` + fields + `}`
	}
	const decoder = `,{"kind":"linear","name":"b","in":1,"out":1,"activation":"identity"}`
	for _, h := range []string{
		`{"layers":[` + layer(`,"dtype":"float16"`) + `]}`,
		`{"layers":[` + layer(`,"dtype":"float64"`) + `]}`,
		`{"layers":[` + layer(`,"dtype":4`) + `]}`,
		`{"layers":[` + layer("") + `,{"kind":"linear","name":"b","in":1,"out":1,"activation":"identity","tied":true,"dtype":"float32"}]}`,
		`{"layers":[` + layer(`,"gate":true`) + `]}`,
		`{"layers":[` + layer(`,"gate":true,"thresholds":true`) + `]}`,
		`{"layers":[` + layer(`,"gate":true,"thresholds":true,"selection":"batch_topk"`) + `]}`,
		`{"layers":[{"kind":"sparse","name":"a","in":1,"out":1,"k":1,"activation":"tanh","gate":true,"thresholds":true,"selection":"threshold"}]}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu","gate":true}]}`,
		`{"layers":[{"kind":"sparse","name":"a","in":1,"out":3,"k":2,"activation":"relu","selection":"group_max"}]}`,
		`{"layers":[{"kind":"sparse","name":"a","in":1,"out":3,"k":0,"activation":"relu","selection":"group_max"}]}`,
		`{"layers":[` + layer("") + decoder + `],"no_decoder":true}`,
		`{"layers":[` + layer("") + `],"no_decoder":true,"skip":"float64"}`,
		`{"layers":[` + layer("") + `],"no_decoder":true,"undo":true,"normalization":"layer_norm"}`,
		`{"layers":[` + layer("") + `],"no_decoder":1}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu"}],"no_decoder":true}`,
		`{"layers":[` + layer("") + decoder + `],"skip":"float16"}`,
		`{"layers":[` + layer("") + decoder + `],"skip":true}`,
		`{"layers":[` + layer("") + `],"skip":"float32"}`,
		`{"layers":[` + layer("") + `],"skip":"float64"}`,
		`{"layers":[` + layer("") + decoder + `],"skip":"float32","undo":true,"normalization":"layer_norm"}`,
		`{"layers":[{"kind":"sparse","name":"a","in":1000000,"out":1,"k":1,"activation":"relu"},{"kind":"linear","name":"b","in":1,"out":1000000,"activation":"relu"}],"skip":"float32"}`,
		`{"layers":[{"kind":"sparse","name":"a","in":68719476736,"out":1,"k":1,"activation":"relu"},{"kind":"linear","name":"b","in":1,"out":2,"activation":"relu"}],"skip":"float32"}`,
	} {
		for size := 0; size <= 64; size += 4 {
			var file bytes.Buffer
			e := encoder{w: &file}
			e.bytes([]byte(magic))
			e.bytes([]byte{2, 0, 0, 0, byte(len(h)), byte(len(h) >> 8), 0, 0})
			e.bytes([]byte(h))
			e.checksum()
			e.bytes(make([]byte, size))
			e.checksum()
			e.flush()
			if _, err := Load(&file); !errors.Is(err, ErrFormat) {
				t.Errorf("%s with %d bytes of parameters: error %v, want ErrFormat", h, size, err)
			}
		}
	}
	// Numbers that are none, in every section.
	rng := rand.New(rand.NewPCG(8, 8))
	for name, p := range partsCases(rng, 2, 4, 3, 2) {
		n, err := Assemble(p)
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := n.Save(&file); err != nil {
			t.Fatal(err)
		}
		good := file.Bytes()
		header := 16 + int(good[12]) + int(good[13])<<8
		for at := header + 4; at < len(good)-4; at += 4 {
			bad := slices.Clone(good[:len(good)-4])
			copy(bad[at:], []byte{0xff, 0xff, 0xff, 0xff}) // NaN as either kind, in its upper half
			again := encoder{w: new(bytes.Buffer)}
			again.bytes(bad[:header])
			again.checksum()
			again.bytes(bad[header+4:])
			again.checksum()
			again.flush()
			got, err := Load(again.w.(*bytes.Buffer))
			if err != nil && !errors.Is(err, ErrFormat) {
				t.Errorf("%s: NaN at byte %d: error %v", name, at, err)
			}
			if err == nil {
				if _, _, err := got.header(); err != nil {
					t.Errorf("%s: NaN at byte %d was loaded", name, at)
				}
			}
		}
	}
}

// TestFrozenShares: float32 weights are one memory however often they are frozen,
// and a widened or trained network no longer touches it.
func TestFrozenShares(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	p := partsCases(rng, 24, 300, 10, 4)["transcoder"]
	n, err := Assemble(p)
	if err != nil {
		t.Fatal(err)
	}
	frozen, err := n.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	own := frozen.network
	if !sameMemory(own.layers[0].base().narrow, p.Encoder.Float32) || !sameMemory(own.layers[1].base().narrow, p.Decoder.Float32) ||
		!sameMemory(own.skip.Narrow, p.Skip.Float32) {
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
