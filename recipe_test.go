package ksparse

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/topk"
	"gonum.org/v1/gonum/mat"
)

// modelCases are networks with every part of the model that a file has to carry.
func modelCases(t *testing.T) map[string]*Network {
	t.Helper()
	rng := rand.New(rand.NewPCG(11, 12))
	x := gauss(rng, 50, 8)
	cases := make(map[string]*Network)
	for name, cfg := range map[string]Config{
		"pre-bias":           {PreBias: true},
		"tied":               {Tied: true},
		"tied, pre-bias":     {Tied: true, PreBias: true, Mirrored: true},
		"layer norm":         {Normalization: LayerNorm},
		"unit rms, pre-bias": {Normalization: UnitRMS, PreBias: true},
		"data set scale":     {Normalization: DatasetScale, PreBias: true},
		"signed":             {Selection: SelectAbsTopK},
		"batch":              {Selection: SelectBatchTopK, Activation: ReLU},
		"threshold":          {Selection: SelectThreshold, Activation: ReLU, Normalization: LayerNorm, PreBias: true},
	} {
		cfg.Inputs, cfg.Latents, cfg.K, cfg.Seed = 8, 40, 3, 5
		net, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range net.layers {
			for i := range l.base().b {
				l.base().b[i] = 0.1 * rng.NormFloat64()
			}
		}
		l := net.layers[0].(*SparseLayer)
		switch cfg.Selection {
		case SelectThreshold:
			thresholds := make([]float64, l.out)
			for j := range thresholds {
				thresholds[j] = rng.Float64()
			}
			err = l.SetThresholds(thresholds)
		case SelectBatchTopK:
			err = l.SetThreshold(0.7)
		}
		if err == nil && cfg.Normalization == DatasetScale {
			err = net.StartFrom(x, Start{PreBias: MedianPreBias})
		}
		if err != nil {
			t.Fatal(err)
		}
		cases[name] = net
	}
	return cases
}

// TestModelsSurvive: every network gives the same bits after saving and loading,
// frozen, row by row, and with any number of processors; and Decode of the codes
// is Predict.
func TestModelsSurvive(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(13, 14)), 70, 8)
	for name, net := range modelCases(t) {
		want, err := net.Encode(x)
		if err != nil {
			t.Fatal(name, err)
		}
		if L0(want) == 0 {
			t.Errorf("%s: empty codes show nothing", name)
		}
		output, err := net.Predict(x)
		if err != nil {
			t.Fatal(name, err)
		}
		decoded, err := net.Decode(want)
		if err != nil || !mat.Equal(decoded, output) {
			t.Errorf("%s: Decode of Encode is not Predict (%v)", name, err)
		}
		var file bytes.Buffer
		if err := net.Save(&file); err != nil {
			t.Fatal(name, err)
		}
		if v := file.Bytes()[8]; v != 2 {
			t.Errorf("%s: file version %d, want 2", name, v)
		}
		loaded, err := Load(bytes.NewReader(file.Bytes()))
		if err != nil {
			t.Fatal(name, err)
		}
		if loaded.Tied() != net.Tied() || loaded.PreBias() != net.PreBias() || loaded.frame.normalization != net.frame.normalization ||
			loaded.frame.scale != net.frame.scale || loaded.frame.undo != net.frame.undo {
			t.Errorf("%s: what the network is was not kept", name)
		}
		frozen, err := net.Freeze()
		if err != nil {
			t.Fatal(name, err)
		}
		for what, encode := range map[string]func(mat.Matrix) (*Codes, error){"loaded": loaded.Encode, "frozen": frozen.Encode} {
			if got, err := encode(x); err != nil || !sameCodes(got, want) {
				t.Errorf("%s: the %s network has other codes (%v)", name, what, err)
			}
		}
		for i := range 70 {
			one, err := net.Encode(x.Slice(i, i+1, 0, 8))
			if err != nil {
				t.Fatal(name, err)
			}
			idx, val := want.Row(i)
			if !slices.Equal(one.mask.indices, idx) || !slices.Equal(one.values, val) {
				t.Fatalf("%s: row %d alone has another code", name, i)
			}
			out, err := net.Decode(one)
			if err != nil || !slices.Equal(out.RawRowView(0), output.RawRowView(i)) {
				t.Fatalf("%s: row %d alone is decoded to something else (%v)", name, i, err)
			}
		}
		got, err := loaded.Predict(x)
		if err != nil || !mat.Equal(got, output) {
			t.Errorf("%s: the loaded network predicts something else (%v)", name, err)
		}
	}
}

// TestHostileVersion2: headers of version 2 that make no sense.
func TestHostileVersion2(t *testing.T) {
	for _, h := range []string{
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu","tied":true}]}`,
		`{"layers":[{"kind":"sparse","name":"a","in":1,"out":1,"k":1,"activation":"relu","tied":true}]}`,
		`{"layers":[{"kind":"sparse","name":"a","in":1,"out":1,"k":1,"activation":"relu","selection":"top"}]}`,
		`{"layers":[{"kind":"sparse","name":"a","in":1,"out":1,"k":1,"activation":"relu","thresholds":1}]}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu","thresholds":true}]}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu"}],"normalization":"z"}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu"}],"scale":-1,"normalization":"dataset_scale"}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu"}],"scale":2}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":2,"activation":"relu"}],"undo":true,"normalization":"layer_norm"}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":2,"activation":"relu"}],"pre_bias":true}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu"}],"pre_bias":1}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu"},{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu","tied":true}]}`,
		`{"layers":[{"kind":"sparse","name":"a","in":1,"out":1,"k":1,"activation":"relu","selection":"abs_topk"}]}`,
	} {
		e := encoder{w: new(bytes.Buffer)}
		e.bytes([]byte(magic))
		e.bytes([]byte{2, 0, 0, 0, byte(len(h)), byte(len(h) >> 8), 0, 0})
		e.bytes([]byte(h))
		e.checksum()
		e.bytes(make([]byte, 4*8)) // parameters of zero
		e.flush()
		data := e.w.(*bytes.Buffer).Bytes()
		for cut := 0; cut <= 32; cut += 8 { // any number of parameters
			part := encoder{w: new(bytes.Buffer), crc: 0}
			part.buf = make([]byte, 0, len(data))
			part.bytes([]byte(magic))
			part.bytes([]byte{2, 0, 0, 0, byte(len(h)), byte(len(h) >> 8), 0, 0})
			part.bytes([]byte(h))
			part.checksum()
			part.bytes(make([]byte, cut))
			part.checksum()
			part.flush()
			if _, err := Load(part.w.(*bytes.Buffer)); !errors.Is(err, ErrFormat) {
				t.Errorf("%s with %d bytes of parameters: error %v, want ErrFormat", h, cut, err)
			}
		}
	}
}

// TestUnset: a network whose threshold or scale was never learned says so.
func TestUnset(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(1, 1)), 20, 4)
	for name, cfg := range map[string]Config{
		"batch":     {Selection: SelectBatchTopK},
		"threshold": {Selection: SelectThreshold},
		"scale":     {Normalization: DatasetScale},
	} {
		cfg.Inputs, cfg.Latents, cfg.K = 4, 10, 2
		net, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		_, encode := net.Encode(x)
		_, predict := net.Predict(x)
		_, freeze := net.Freeze()
		for what, err := range map[string]error{"Encode": encode, "Predict": predict, "Freeze": freeze} {
			if !errors.Is(err, ErrUnset) {
				t.Errorf("%s: %s returned %v, want ErrUnset", name, what, err)
			}
		}
		_, err = net.Train(context.Background(), x, x, TrainConfig{Epochs: 1})
		if (err == nil) != (name == "batch") {
			t.Errorf("%s: Train returned %v", name, err)
		}
		if name == "batch" {
			if _, err := net.Encode(x); err != nil {
				t.Errorf("after training, Encode returned %v", err)
			}
		}
	}
}

// TestLearnedThreshold: the threshold is the average of the smallest values that
// batches kept, and codes at inference have about k entries.
func TestLearnedThreshold(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(5, 5)), 400, 12)
	net, err := New(Config{Inputs: 12, Latents: 60, K: 5, Activation: ReLU, Selection: SelectBatchTopK, Mirrored: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := net.Train(context.Background(), x, x, TrainConfig{Epochs: 60, BatchSize: 50, LearningRate: 0.002, Schedule: LinearDecay{}}); err != nil {
		t.Fatal(err)
	}
	codes, err := net.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	if l0 := L0(codes); l0 < 4 || l0 > 6.5 {
		t.Errorf("L0 at inference is %v, want about 5", l0)
	}
	l := net.layers[0].(*SparseLayer)
	average := thresholdAverage{}
	c, err := NewCodes(60, [][]int32{{1, 2}, {4}}, [][]float64{{3, 2}, {8}})
	if err != nil {
		t.Fatal(err)
	}
	average.learn(l, c)
	if l.thresholds[7] != 2 {
		t.Errorf("the first batch's smallest value is 2, the threshold %v", l.thresholds[7])
	}
	c.values[1] = 6
	average.learn(l, c) // smallest: 3
	if want := (0.99*2 + 3) / 1.99; math.Abs(l.thresholds[7]-want) > 1e-12 {
		t.Errorf("the second threshold is %v, want %v", l.thresholds[7], want)
	}
}

// TestCalibrate: the threshold gives just the wanted number of active latents.
func TestCalibrate(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(6, 6)), 200, 10)
	for _, sel := range []Selection{SelectTopK, SelectBatchTopK} {
		net, err := New(Config{Inputs: 10, Latents: 80, K: 4, Activation: ReLU, Selection: sel, PreBias: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, l0 := range []float64{0.5, 3.25, 20} {
			threshold, err := net.Calibrate(x, l0)
			if err != nil {
				t.Fatal(err)
			}
			codes, err := net.Encode(x)
			if err != nil {
				t.Fatal(err)
			}
			if got := L0(codes); got != l0 {
				t.Errorf("%v, threshold %v: L0 is %v, want %v", sel, threshold, got, l0)
			}
		}
		if got := net.layers[0].(*SparseLayer).selection; sel == SelectTopK && got != SelectThreshold || sel == SelectBatchTopK && got != sel {
			t.Errorf("%v became %v", sel, got)
		}
		for _, l0 := range []float64{0, -1, 81, 75, math.NaN(), math.Inf(1)} {
			if _, err := net.Calibrate(x, l0); !errors.Is(err, ErrRange) {
				t.Errorf("%v for an L0 of %v: error %v, want ErrRange", sel, l0, err)
			}
		}
	}
}

// TestUnitNorm: atoms have norm 1 after every step, and steps move them across, not
// along, whatever the optimizer; tied or not.
func TestUnitNorm(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(2, 9)), 64, 9)
	for _, tied := range []bool{false, true} {
		net, err := New(Config{Inputs: 9, Latents: 30, K: 4, Activation: ReLU, Tied: tied})
		if err != nil {
			t.Fatal(err)
		}
		cfg := TrainConfig{Epochs: 3, BatchSize: 16, UnitNorm: true, ClipNorm: 0.5, Callback: func(Progress) error {
			w := net.layers[1].base().w
			for j := range w.Rows {
				if norm := math.Sqrt(dot8(w.Row(j), w.Row(j))); math.Abs(norm-1) > 1e-15 {
					t.Fatalf("tied %v: atom %d has norm %v", tied, j, norm)
				}
			}
			return nil
		}}
		if _, err := net.Train(context.Background(), x, x, cfg); err != nil {
			t.Fatal(err)
		}
		// What the optimizer is given has no part along the atom.
		catcher := new(gradientCatcher)
		cfg.Optimizer = catcher
		s := newStepper(net, cfg.withDefaults(), 1, 1)
		before := slices.Clone(net.layers[1].base().w.Data)
		if _, err := s.step(denseRows(x), denseRows(x), 1, 1); err != nil {
			t.Fatal(err)
		}
		g := catcher.of(t, net.layers[1].base().w.Data)
		longest := 0.0
		for j := range 30 {
			row := g[j*9 : (j+1)*9]
			longest = max(longest, dot8(row, row))
			if along := dot8(row, before[j*9:(j+1)*9]); math.Abs(along) > 1e-15 {
				t.Errorf("tied %v: the gradient of atom %d has %v along it", tied, j, along)
			}
		}
		if longest == 0 {
			t.Error("a gradient of zeros shows nothing")
		}
	}
}

// TestAnnealing: the number of active latents falls in a line from KStart to K over
// the first KAnneal of the steps, and stays.
func TestAnnealing(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(2, 2)), 100, 6)
	net, err := New(Config{Inputs: 6, Latents: 50, K: 5})
	if err != nil {
		t.Fatal(err)
	}
	var got []float64
	cfg := TrainConfig{Epochs: 2, BatchSize: 10, KStart: 45, KAnneal: 0.4, Callback: func(p Progress) error {
		got = append(got, p.L0)
		return nil
	}}
	if _, err := net.Train(context.Background(), x, x, cfg); err != nil {
		t.Fatal(err)
	}
	want := []float64{45, 40, 35, 30, 25, 20, 15, 10, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5}
	if !slices.Equal(got, want) {
		t.Errorf("active latents by step: %v, want %v", got, want)
	}
}

// TestStartFrom: pre-bias, scale and atoms are what they should be.
func TestStartFrom(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(3, 3)), 30, 4)
	for i := range 30 {
		x.Set(i, 1, x.At(i, 1)+5)
	}
	net, err := New(Config{Inputs: 4, Latents: 40, K: 3, PreBias: true, Normalization: DatasetScale})
	if err != nil {
		t.Fatal(err)
	}
	drawn := slices.Clone(net.layers[0].base().w.Data)
	if err := net.StartFrom(x, Start{PreBias: MeanPreBias, Atoms: true}); err != nil {
		t.Fatal(err)
	}
	_, scale, _ := net.Normalization()
	norms := 0.0
	mean := make([]float64, 4)
	for i := range 30 {
		norms += mat.Norm(x.RowView(i), 2) * scale / 30
		for c := range mean {
			mean[c] += x.At(i, c) * scale / 30
		}
	}
	if math.Abs(norms-2) > 1e-12 {
		t.Errorf("scaled rows have the mean norm %v, want sqrt(4)", norms)
	}
	b := net.layers[1].Biases()
	for c, m := range mean {
		if math.Abs(b.AtVec(c)-m) > 1e-12 {
			t.Errorf("pre-bias %d is %v, the mean %v", c, b.AtVec(c), m)
		}
	}
	used := make(map[int]bool)
	for j := range 40 {
		row := net.layers[0].base().w.Row(j)
		if j >= 30 {
			if !slices.Equal(row, drawn[j*4:(j+1)*4]) {
				t.Errorf("latent %d has no sample, but other weights", j)
			}
			continue
		}
		if !slices.Equal(row, net.layers[1].base().w.Row(j)) {
			t.Errorf("latent %d detects something else than it draws", j)
		}
		for i := range 30 {
			cosine, norm := 0.0, 0.0
			for c := range row {
				v := x.At(i, c)*scale - mean[c]
				cosine += v * row[c]
				norm += v * v
			}
			if math.Abs(cosine/math.Sqrt(norm)-1) < 1e-12 {
				used[i] = true
			}
		}
	}
	if len(used) != 30 {
		t.Errorf("%d of 30 samples became atoms", len(used))
	}
	if err := net.StartFrom(x, Start{Atoms: true, Norm: 0.25}); err != nil {
		t.Fatal(err)
	}
	if row := net.layers[0].base().w.Row(3); math.Abs(dot8(row, row)-0.0625) > 1e-15 {
		t.Errorf("an atom of norm 0.25 has the squared norm %v", dot8(row, row))
	}
	for name, start := range map[string]Start{"unknown": {PreBias: preBiasStarts}, "negative norm": {Norm: -1}} {
		if err := net.StartFrom(x, start); !errors.Is(err, ErrRange) {
			t.Errorf("%s: error %v, want ErrRange", name, err)
		}
	}
	other, err := New(Config{Inputs: 4, Latents: 4, K: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.StartFrom(x, Start{PreBias: MeanPreBias}); !errors.Is(err, ErrRange) {
		t.Errorf("a mean for a network without pre-bias: error %v, want ErrRange", err)
	}
	zeros, err := New(Config{Inputs: 4, Latents: 4, K: 1, Normalization: DatasetScale})
	if err != nil {
		t.Fatal(err)
	}
	if err := zeros.StartFrom(mat.NewDense(3, 4, nil), Start{}); !errors.Is(err, ErrRange) {
		t.Errorf("the scale of zeros: error %v, want ErrRange", err)
	}
}

// TestRecipeRefusals: parts that do not fit the network or each other.
func TestRecipeRefusals(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(4, 4)), 10, 6)
	deep := func() []Layer {
		return []Layer{NewLinearLayer("a", 6, 5, Tanh), NewSparseLayer("b", 5, 9, 2, ReLU), NewLinearLayer("c", 9, 6, Identity)}
	}
	for _, c := range []struct {
		name   string
		layers []Layer
		cfg    TrainConfig
		want   error
	}{
		{"aux in a deep network", deep(), TrainConfig{AuxK: AuxK{K: 2}}, ErrRange},
		{"prefixes in a deep network", deep(), TrainConfig{Matryoshka: []int{2}}, ErrRange},
		{"multi without sparse layer", []Layer{NewLinearLayer("a", 6, 6, Identity)}, TrainConfig{MultiTopK: 1}, ErrRange},
		{"unit norm without sparse layer", []Layer{NewLinearLayer("a", 6, 6, Identity)}, TrainConfig{UnitNorm: true}, ErrNoSparseLayer},
		{"unit norm without decoder", []Layer{NewSparseLayer("a", 6, 6, 2, Identity)}, TrainConfig{UnitNorm: true}, ErrNoSparseLayer},
		{"sigmoid decoder", []Layer{NewSparseLayer("a", 6, 9, 2, ReLU), NewLinearLayer("b", 9, 6, Sigmoid)}, TrainConfig{MultiTopK: 1}, ErrRange},
		{"aux with tanh", []Layer{NewSparseLayer("a", 6, 9, 2, Tanh), NewLinearLayer("b", 9, 6, Identity)}, TrainConfig{AuxK: AuxK{K: 1}}, ErrRange},
		{"both", []Layer{NewSparseLayer("a", 6, 9, 2, ReLU), NewLinearLayer("b", 9, 6, Identity)}, TrainConfig{MultiTopK: 1, Matryoshka: []int{3}}, ErrRange},
		{"prefix too long", []Layer{NewSparseLayer("a", 6, 9, 2, ReLU), NewLinearLayer("b", 9, 6, Identity)}, TrainConfig{Matryoshka: []int{3, 10}}, ErrRange},
		{"k start of groups", func() []Layer {
			l := NewSparseLayer("a", 6, 9, 3, ReLU)
			l.selection = SelectGroupMax
			return []Layer{l, NewLinearLayer("b", 9, 6, Identity)}
		}(), TrainConfig{KStart: 9}, ErrRange},
		{"k start below k", []Layer{NewSparseLayer("a", 6, 9, 4, ReLU), NewLinearLayer("b", 9, 6, Identity)}, TrainConfig{KStart: 3}, ErrRange},
	} {
		net, err := NewNetwork(c.layers...)
		if err != nil {
			t.Fatal(err)
		}
		c.cfg.Epochs = 1
		if _, err := net.Train(context.Background(), x, x, c.cfg); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
	}
	for name, cfg := range map[string]Config{
		"batch with sigmoid":     {Selection: SelectBatchTopK, Activation: Sigmoid},
		"magnitude of relu":      {Selection: SelectAbsTopK, Activation: ReLU},
		"unknown selection":      {Selection: selections},
		"unknown normalization":  {Normalization: normalizations},
		"negative k, by batch":   {Selection: SelectBatchTopK, K: -1},
		"nothing to tie or bias": {Latents: -4, Tied: true, PreBias: true},
	} {
		cfg.Inputs, cfg.Latents = 4, 4+cfg.Latents
		if _, err := New(cfg); !errors.Is(err, ErrRange) && !errors.Is(err, ErrShape) {
			t.Errorf("%s: error %v, want ErrRange or ErrShape", name, err)
		}
	}
	tall, err := NewNetwork(NewSparseLayer("a", 6, 9, 4, ReLU), NewLinearLayer("b", 9, 5, Identity))
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"tie":       tall.Tie(),
		"pre-bias":  tall.SetPreBias(true),
		"undo":      tall.SetNormalization(LayerNorm, 0, true),
		"selection": tall.layers[0].(*SparseLayer).SetThresholds([]float64{1}),
	} {
		if !errors.Is(err, ErrShape) {
			t.Errorf("%s: error %v, want ErrShape", name, err)
		}
	}
}

// TestRecipeIsReproducible: everything on at once gives the same bits for every
// number of processors, with screening and without.
func TestRecipeIsReproducible(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(8, 8)), 300, 16)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, selection := range []Selection{SelectTopK, SelectBatchTopK} {
		var want []byte
		for _, mode := range []string{"on", "off"} {
			for _, processors := range []int{1, 2, 5} {
				runtime.GOMAXPROCS(processors)
				withScreening(mode, func() {
					net, err := New(Config{Inputs: 16, Latents: 96, K: 4, Activation: ReLU, Selection: selection, PreBias: true, Tied: true, Normalization: LayerNorm, Mirrored: true})
					if err == nil {
						err = net.StartFrom(x, Start{PreBias: MedianPreBias, Atoms: true})
					}
					if err != nil {
						t.Fatal(err)
					}
					cfg := TrainConfig{Epochs: 4, BatchSize: 32, UnitNorm: true, AuxK: AuxK{K: 8, DeadAfter: 64}, ClipNorm: 1, Matryoshka: []int{8, 32}, KStart: 12}
					if _, err := net.Train(context.Background(), x, x, cfg); err != nil {
						t.Fatal(err)
					}
					var got bytes.Buffer
					if err := net.Save(&got); err != nil {
						t.Fatal(err)
					}
					if want == nil {
						want = got.Bytes()
					}
					if !bytes.Equal(want, got.Bytes()) {
						t.Errorf("%v, screening %s, %d processors: another network", selection, mode, processors)
					}
				})
			}
		}
	}
}

// The mistakes of public implementations (see their issues), one test each.

// TestAuxiliaryLossCountsTheBiasOnce (sparsify#132: the decoder's bias was added to
// ê as well): the auxiliary loss is the same whatever the bias, given the residual.
func TestAuxiliaryLossCountsTheBiasOnce(t *testing.T) {
	c := recipeCase{cfg: Config{Inputs: 6, Latents: 24, K: 4, Activation: ReLU}, train: TrainConfig{AuxK: AuxK{K: 3, Weight: 1}}, dead: []int{2, 9, 13}}
	auxiliary := func(bias float64) float64 {
		s, net, x, _ := c.setUp(t)
		for i := range net.layers[1].base().b {
			net.layers[1].base().b[i] += bias
		}
		y := mat.DenseCopyOf(x)
		for i := range y.RawMatrix().Data {
			y.RawMatrix().Data[i] += bias // x̂ and y both move, e does not
		}
		report, err := s.step(denseRows(x), denseRows(y), 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		return report.loss - report.fvu*s.variance
	}
	if a, b := auxiliary(0), auxiliary(3); a == 0 || math.Abs(a-b) > 1e-12 {
		t.Errorf("auxiliary loss %v, with another bias %v", a, b)
	}
}

// TestAuxiliaryLossMovesOnlyDeadLatents (BatchTopK#4: the residual was not detached):
// the auxiliary loss adds nothing to the gradient of a live latent.
func TestAuxiliaryLossMovesOnlyDeadLatents(t *testing.T) {
	dead := []int{2, 9, 13}
	gradients := func(aux AuxK) [][]float64 {
		c := recipeCase{cfg: Config{Inputs: 6, Latents: 24, K: 4, Activation: ReLU}, train: TrainConfig{AuxK: aux}, dead: dead}
		s, net, x, _ := c.setUp(t)
		if _, err := s.step(denseRows(x), denseRows(x), 1, 1); err != nil {
			t.Fatal(err)
		}
		catcher := s.cfg.Optimizer.(*gradientCatcher)
		return [][]float64{catcher.of(t, net.layers[0].base().w.Data), catcher.of(t, net.layers[1].base().w.Data), catcher.of(t, net.layers[1].base().b)}
	}
	with, without := gradients(AuxK{K: 3, Weight: 1}), gradients(AuxK{})
	moved := 0
	for p := range with[:2] {
		for i := range with[p] {
			switch latent := i / 6; {
			case with[p][i] == without[p][i]:
			case !slices.Contains(dead, latent):
				if math.Abs(with[p][i]-without[p][i]) > 1e-14 {
					t.Fatalf("layer %d: the gradient of live latent %d is %v, without the auxiliary loss %v", p, latent, with[p][i], without[p][i])
				}
			default:
				moved++
			}
		}
	}
	if moved == 0 {
		t.Error("no dead latent has a gradient")
	}
	for i := range with[2] {
		if math.Abs(with[2][i]-without[2][i]) > 1e-14 {
			t.Errorf("the auxiliary loss moves the decoder's bias %d", i)
		}
	}
}

// TestDeadCountsSamplesAndValues (counters in steps; a selected zero counted as
// fired): a latent that is selected with the value zero is not active.
func TestDeadCountsSamplesAndValues(t *testing.T) {
	net, err := New(Config{Inputs: 2, Latents: 3, K: 3, Activation: ReLU})
	if err != nil {
		t.Fatal(err)
	}
	copy(net.layers[0].base().w.Data, []float64{1, 0, 0, 1, -1, -1}) // the third is 0 for positive x
	cfg := TrainConfig{AuxK: AuxK{DeadAfter: 8}, Optimizer: new(gradientCatcher)}
	s := newStepper(net, cfg.withDefaults(), 1, 3)
	x := topkRows([]float64{1, 2, 3, 4, 5, 6, 7, 8}, 4, 2)
	for step, want := range []int{0, 1, 1} {
		report, err := s.step(x, x, 1, step+1)
		if err != nil {
			t.Fatal(err)
		}
		if report.dead != want || report.l0 != 2 {
			t.Errorf("step %d: %d dead and L0 %v, want %d and 2", step+1, report.dead, report.l0, want)
		}
	}
	if !slices.Equal(s.idle, []int64{0, 0, 12}) {
		t.Errorf("samples without activity: %v", s.idle)
	}
}

// TestThresholdsSurviveLoading (BatchTopK files read as plain ReLU): see also
// TestModelsSurvive. A threshold of the file decides what the loaded network has
// active.
func TestThresholdsSurviveLoading(t *testing.T) {
	net := modelCases(t)["batch"]
	var file bytes.Buffer
	if err := net.Save(&file); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(&file)
	if err != nil {
		t.Fatal(err)
	}
	x := gauss(rand.New(rand.NewPCG(1, 2)), 100, 8)
	codes, err := loaded.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range codes.values {
		if v <= 0.7 {
			t.Fatalf("a value of %v is active, the threshold is 0.7", v)
		}
	}
	if err := loaded.layers[0].(*SparseLayer).SetThreshold(0); err != nil {
		t.Fatal(err)
	}
	all, err := loaded.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	if len(all.values) <= len(codes.values) {
		t.Error("the threshold makes no difference")
	}
}

// TestPrefix: codes of a prefix decode to what the prefix of the dictionary gives.
func TestPrefix(t *testing.T) {
	net := modelCases(t)["layer norm"]
	x := gauss(rand.New(rand.NewPCG(1, 3)), 20, 8)
	codes, err := net.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	got, err := net.Decode(codes.Prefix(15))
	if err != nil {
		t.Fatal(err)
	}
	for j := 15; j < 40; j++ {
		clear(net.layers[1].base().w.Row(j))
	}
	want, err := net.Decode(codes)
	if err != nil {
		t.Fatal(err)
	}
	if !mat.EqualApprox(got, want, 1e-14) {
		t.Error("a prefix decodes to something else than a dictionary of that width")
	}
	if codes.Prefix(0).Mask().Count() != 0 || codes.Prefix(99).Mask().Count() != codes.Mask().Count() {
		t.Error("prefixes of none and of all")
	}
}

func topkRows(data []float64, rows, cols int) topk.Rows {
	return topk.Rows{Data: data, Rows: rows, Cols: cols, Stride: cols}
}
