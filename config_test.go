package ksparse

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/normal"
	"gonum.org/v1/gonum/mat"
)

// randomWeights has numbers that a float32 holds exactly, some of them awkward:
// zeros of either sign, subnormal numbers of float32, large and small ones.
func randomWeights(rng *rand.Rand, rows, cols int) Weights {
	m := Weights{Rows: rows, Cols: cols, Float32: make([]float32, rows*cols)}
	for i := range m.Float32 {
		switch rng.IntN(40) {
		case 0:
			m.Float32[i] = float32(math.Copysign(0, -1))
		case 1:
			m.Float32[i] = math.SmallestNonzeroFloat32 * float32(rng.IntN(1000))
		case 2:
			m.Float32[i] = float32(1e4 * rng.NormFloat64())
		default:
			m.Float32[i] = float32(0.3 * rng.NormFloat64())
		}
	}
	return m
}

// wide returns cfg with all matrices in float64, and vectors of its own.
func (cfg Config) wide() Config {
	cfg.Encoder, cfg.Decoder, cfg.Skip = matrix.Widened(cfg.Encoder), matrix.Widened(cfg.Decoder), matrix.Widened(cfg.Skip)
	return cfg.copied()
}

// copied returns cfg with vectors of its own.
func (cfg Config) copied() Config {
	for _, v := range []*[]float64{&cfg.EncoderBias, &cfg.DecoderBias, &cfg.Thresholds, &cfg.GateBias, &cfg.GateLogGain} {
		*v = slices.Clone(*v)
	}
	return cfg
}

// gated reports whether cfg has a gate.
func (cfg Config) gated() bool { return cfg.GateLogGain != nil }

// rowOf returns row j of float64 weights.
func rowOf(w Weights, j int) []float64 { return matrix.WideRows(w).Row(j) }

// reference computes cfg for one row by the formulas in the documentation of Config,
// one number after the other. decoded is the output without the skip connection.
func (cfg Config) reference(x []float64) (indices []int32, values, decoded, output []float64) {
	cfg = cfg.wide()
	n := cfg.Encoder.Rows
	rows := normal.Transform{Kind: normal.Kind(cfg.Normalization), Scale: cfg.Scale}
	mean, spread := rows.Numbers(x)
	back := spread // LayerNorm is undone by σ alone
	if cfg.Normalization == LayerNorm {
		back -= 1e-5
	}
	t := slices.Clone(x)
	if cfg.Normalization != NoNormalization {
		for i := range t {
			t[i] = (t[i] - mean) / spread
		}
	}
	if cfg.PreBias {
		for i := range t {
			t[i] -= cfg.DecoderBias[i]
		}
	}
	z, value := make([]float64, n), make([]float64, n)
	for j := range z {
		dot := kernel.Dot(t, rowOf(cfg.Encoder, j))
		if cfg.gated() {
			z[j] = dot + cfg.GateBias[j]
			value[j] = max(0, math.FMA(kernel.Exp(cfg.GateLogGain[j]), dot, cfg.EncoderBias[j]))
		} else {
			z[j] = dot + cfg.EncoderBias[j]
			value[j] = cfg.Activation.Value(z[j])
		}
	}
	switch cfg.Selection {
	case SelectThreshold, SelectBatchTopK:
		for j := range z {
			threshold := 0.0
			if !cfg.gated() {
				threshold = cfg.Thresholds[j]
			}
			if z[j] > threshold {
				indices = append(indices, int32(j))
			}
		}
	case SelectGroupMax:
		for g := range cfg.K {
			best := g * (n / cfg.K)
			for j := best; j < (g+1)*(n/cfg.K); j++ {
				if value[j] > value[best] {
					best = j
				}
			}
			indices = append(indices, int32(best))
		}
	default:
		for j := range z {
			indices = append(indices, int32(j))
		}
		slices.SortStableFunc(indices, func(a, b int32) int {
			if cfg.Selection == SelectAbsTopK {
				return cmp.Compare(math.Abs(value[b]), math.Abs(value[a]))
			}
			return cmp.Compare(value[b], value[a])
		})
		indices = indices[:min(cfg.K, n)]
		slices.Sort(indices)
	}
	for _, j := range indices {
		values = append(values, value[j])
	}
	if cfg.Decoder.Empty() {
		return indices, values, nil, nil
	}
	decoded = make([]float64, cfg.Decoder.Cols)
	for q := range decoded {
		for e, j := range indices {
			decoded[q] = math.FMA(values[e], rowOf(cfg.Decoder, int(j))[q], decoded[q])
		}
		decoded[q] = cfg.OutputActivation.Value(decoded[q] + cfg.DecoderBias[q])
		if cfg.Normalization != NoNormalization && !cfg.NoUndo {
			decoded[q] = float64(decoded[q]*back) + mean
		}
	}
	output = slices.Clone(decoded)
	for q := range output {
		if !cfg.Skip.Empty() {
			output[q] += kernel.Dot(x, rowOf(cfg.Skip, q))
		}
	}
	return indices, values, decoded, output
}

// configCases are models of every kind, with weights in float32.
func configCases(rng *rand.Rand, inputs, latents, outputs, k int) map[string]Config {
	with := func(change func(c *Config)) Config {
		c := Config{
			Classic: true,
			Encoder: randomWeights(rng, latents, inputs), EncoderBias: normals(rng, latents, 0.2),
			Decoder: randomWeights(rng, latents, inputs), DecoderBias: normals(rng, inputs, 0.2),
			K: k, Activation: ReLU,
		}
		change(&c)
		return c
	}
	thresholds := func(c *Config) {
		c.Selection, c.Thresholds = SelectThreshold, normals(rng, latents, 1)
	}
	gated := func(c *Config) {
		c.Selection = SelectThreshold
		c.GateBias, c.GateLogGain = normals(rng, latents, 1), normals(rng, latents, 0.3)
	}
	return map[string]Config{
		"topk":                with(func(c *Config) {}),
		"all":                 with(func(c *Config) { c.K = latents }),
		"most":                with(func(c *Config) { c.K = max(1, latents-1) }),
		"sigmoid":             with(func(c *Config) { c.Activation = Sigmoid }),
		"signed":              with(func(c *Config) { c.Activation, c.Selection = Identity, SelectAbsTopK }),
		"jump relu":           with(thresholds),
		"gated":               with(func(c *Config) { gated(c); c.PreBias = true }),
		"layer norm":          with(func(c *Config) { c.PreBias, c.Normalization = true, LayerNorm }),
		"gated rms":           with(func(c *Config) { gated(c); c.Normalization = UnitRMS }),
		"scaled":              with(func(c *Config) { c.Normalization, c.Scale = DatasetScale, 0.7 }),
		"batch":               with(func(c *Config) { thresholds(c); c.Selection = SelectBatchTopK }),
		"groups":              with(func(c *Config) { c.Selection, c.PreBias = SelectGroupMax, true }),
		"sigmoid output":      with(func(c *Config) { c.OutputActivation = Sigmoid }),
		"tanh output, rms":    with(func(c *Config) { c.OutputActivation, c.Normalization = Tanh, UnitRMS }),
		"layer norm, one way": with(func(c *Config) { c.PreBias, c.Normalization, c.NoUndo = true, LayerNorm, true }),
		"transcoder": with(func(c *Config) {
			c.Decoder, c.DecoderBias = randomWeights(rng, latents, outputs), normals(rng, outputs, 0.2)
			c.Skip = randomWeights(rng, outputs, inputs)
		}),
		"skip, normalised": with(func(c *Config) {
			c.Skip, c.Normalization, c.NoUndo, c.PreBias = randomWeights(rng, inputs, inputs), LayerNorm, true, true
		}),
		"encoder alone": with(func(c *Config) { c.Decoder, c.PreBias = Weights{}, true }),
	}
}

// forms returns the network of cfg in every form that it can take, all of which must
// give the same bits.
func forms(t *testing.T, cfg Config) map[string]coder {
	t.Helper()
	all := make(map[string]coder)
	for what, cfg := range map[string]Config{"float32": cfg.copied(), "float64": cfg.wide()} {
		cfg.Classic = true
		n, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		all[what] = n
		frozen, err := n.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		all[what+" frozen"] = frozen
		var file bytes.Buffer
		if err := n.Save(&file); err != nil {
			t.Fatal(err)
		}
		if all[what+" loaded"], err = Load(&file); err != nil {
			t.Fatal(err)
		}
	}
	widened, err := New(cfg.copied())
	if err != nil {
		t.Fatal(err)
	}
	widened.Widen()
	all["widened"] = widened
	return all
}

// coder is what a Network and a Frozen have in common.
type coder interface {
	Encode(x mat.Matrix) (*Codes, error)
	Decode(c *Codes) (*mat.Dense, error)
	Predict(x mat.Matrix) (*mat.Dense, error)
}

// TestConfigIsTheFormulas compares every kind of model, in every form, on every
// kernel path, with screening and without, with the reference: all numbers equal,
// and between forms all bits.
func TestConfigIsTheFormulas(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	for _, s := range []struct{ inputs, latents, outputs, k, rows int }{
		{1, 1, 1, 1, 1}, {1, 6, 2, 3, 3}, {3, 8, 1, 2, 5}, {9, 70, 5, 7, 3}, {17, 300, 13, 10, 1},
		{33, 516, 31, 12, 40}, {64, 768, 48, 16, 70},
	} {
		if testing.Short() && s.latents > 700 { // it adds size alone, and minutes with the race detector
			break
		}
		for name, cfg := range configCases(rng, s.inputs, s.latents, s.outputs, s.k) {
			x := gauss(rng, s.rows, s.inputs)
			compareForms(t, fmt.Sprint(name, " ", s), cfg, x)
			if t.Failed() {
				return
			}
		}
	}
}

func compareForms(t *testing.T, name string, cfg Config, x *mat.Dense) {
	t.Helper()
	rows, _ := x.Dims()
	var codes *Codes
	var output *mat.Dense
	for _, mode := range []string{"on", "off"} {
		for _, path := range kernel.Available() {
			restore := kernel.Use(path)
			withScreening(mode, func() {
				for form, n := range forms(t, cfg) {
					where := fmt.Sprint(name, ", ", form, ", screening ", mode, ", ", path)
					c, err := n.Encode(x)
					if err != nil {
						t.Fatal(where, err)
					}
					if codes == nil {
						codes = c
					} else if !sameCodes(c, codes) {
						t.Errorf("%s: other codes", where)
						return
					}
					out, err := n.Predict(x)
					decoded, errDecode := n.Decode(c)
					if cfg.Decoder.Empty() {
						if !errors.Is(err, ErrNoDecoder) || !errors.Is(errDecode, ErrNoDecoder) {
							t.Errorf("%s: errors %v and %v, want ErrNoDecoder", where, err, errDecode)
						}
						continue
					}
					if err != nil || errDecode != nil {
						t.Fatal(where, err, errDecode)
					}
					if output == nil {
						output = out
					} else if !sameBits(out, output) {
						t.Errorf("%s: another output", where)
						return
					}
					for i := range rows {
						_, _, want, _ := cfg.reference(x.RawRowView(i))
						if !slices.Equal(decoded.RawRowView(i), want) {
							t.Errorf("%s: row %d is decoded to\n%v, want\n%v", where, i, decoded.RawRowView(i), want)
							return
						}
						if rows > 3 {
							break // the reference is slow, and all forms are compared
						}
					}
				}
			})
			restore()
		}
	}
	for i := range rows {
		idx, val, _, out := cfg.reference(x.RawRowView(i))
		gotIdx, gotVal := codes.Row(i)
		if !slices.Equal(gotIdx, idx) || !slices.Equal(gotVal, val) {
			t.Errorf("%s: row %d has the code\n%v %v, want\n%v %v", name, i, gotIdx, gotVal, idx, val)
			return
		}
		if output != nil && !slices.Equal(output.RawRowView(i), out) {
			t.Errorf("%s: row %d has the output\n%v, want\n%v", name, i, output.RawRowView(i), out)
			return
		}
	}
}
