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
	"gonum.org/v1/gonum/mat"
)

// randomMatrix has numbers that a float32 holds exactly, some of them awkward:
// zeros of either sign, subnormal numbers of float32, large and small ones.
func randomMatrix(rng *rand.Rand, rows, cols int) Matrix {
	m := Matrix{Rows: rows, Cols: cols, Float32: make([]float32, rows*cols)}
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

// wide returns m in float64.
func (m Matrix) wide() Matrix {
	if m.Float32 != nil {
		m.Float64 = make([]float64, len(m.Float32))
		for i, v := range m.Float32 {
			m.Float64[i] = float64(v)
		}
		m.Float32 = nil
	}
	return m
}

// wide returns p with all matrices in float64, and vectors of its own.
func (p Parts) wide() Parts {
	p.Encoder, p.Decoder, p.Skip = p.Encoder.wide(), p.Decoder.wide(), p.Skip.wide()
	return p.copied()
}

// copied returns p with vectors of its own.
func (p Parts) copied() Parts {
	p.EncoderBias, p.DecoderBias, p.Thresholds = slices.Clone(p.EncoderBias), slices.Clone(p.DecoderBias), slices.Clone(p.Thresholds)
	if p.Gate != nil {
		p.Gate = &Gate{Bias: slices.Clone(p.Gate.Bias), LogGain: slices.Clone(p.Gate.LogGain)}
	}
	return p
}

func (m Matrix) row(j int) []float64 { return m.wide().Float64[j*m.Cols : (j+1)*m.Cols] }

func normals(rng *rand.Rand, n int, scale float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = scale * rng.NormFloat64()
	}
	return v
}

// reference computes p for one row by the formulas in the documentation of Parts,
// one number after the other. decoded is the output without the skip connection.
func (p Parts) reference(x []float64) (indices []int32, values, decoded, output []float64) {
	p = p.wide()
	n := p.Encoder.Rows
	frame := frame{normalization: p.Normalization, scale: p.Scale}
	mean, spread := frame.numbers(x)
	back := spread // LayerNorm is undone by σ alone
	if p.Normalization == LayerNorm {
		back -= layerNormEpsilon
	}
	t := slices.Clone(x)
	if p.Normalization != NoNormalization {
		for i := range t {
			t[i] = (t[i] - mean) / spread
		}
	}
	if p.PreBias {
		for i := range t {
			t[i] -= p.DecoderBias[i]
		}
	}
	z, value := make([]float64, n), make([]float64, n)
	for j := range z {
		dot := kernel.Dot(t, p.Encoder.row(j))
		if p.Gate != nil {
			z[j] = dot + p.Gate.Bias[j]
			value[j] = max(0, math.FMA(kernel.Exp(p.Gate.LogGain[j]), dot, p.EncoderBias[j]))
		} else {
			z[j] = dot + p.EncoderBias[j]
			value[j] = p.Activation.Value(z[j])
		}
	}
	switch p.Selection {
	case SelectThreshold, SelectBatchTopK:
		for j := range z {
			threshold := 0.0
			if p.Gate == nil {
				threshold = p.Thresholds[j]
			}
			if z[j] > threshold {
				indices = append(indices, int32(j))
			}
		}
	case SelectGroupMax:
		for g := range p.K {
			best := g * (n / p.K)
			for j := best; j < (g+1)*(n/p.K); j++ {
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
			if p.Selection == SelectAbsTopK {
				return cmp.Compare(math.Abs(value[b]), math.Abs(value[a]))
			}
			return cmp.Compare(value[b], value[a])
		})
		indices = indices[:min(p.K, n)]
		slices.Sort(indices)
	}
	for _, j := range indices {
		values = append(values, value[j])
	}
	if p.Decoder.Empty() {
		return indices, values, nil, nil
	}
	decoded = make([]float64, p.Decoder.Cols)
	for q := range decoded {
		for e, j := range indices {
			decoded[q] = math.FMA(values[e], p.Decoder.row(int(j))[q], decoded[q])
		}
		decoded[q] += p.DecoderBias[q]
		if p.Undo {
			decoded[q] = float64(decoded[q]*back) + mean
		}
	}
	output = slices.Clone(decoded)
	for q := range output {
		if !p.Skip.Empty() {
			output[q] += kernel.Dot(x, p.Skip.row(q))
		}
	}
	return indices, values, decoded, output
}

// partsCases are models of every kind, with weights in float32.
func partsCases(rng *rand.Rand, inputs, latents, outputs, k int) map[string]Parts {
	make := func(change func(p *Parts)) Parts {
		p := Parts{
			Encoder: randomMatrix(rng, latents, inputs), EncoderBias: normals(rng, latents, 0.2),
			Decoder: randomMatrix(rng, latents, inputs), DecoderBias: normals(rng, inputs, 0.2),
			K: k, Activation: ReLU,
		}
		change(&p)
		return p
	}
	thresholds := func(p *Parts) {
		p.Selection, p.Thresholds = SelectThreshold, normals(rng, latents, 1)
	}
	gated := func(p *Parts) {
		p.Selection = SelectThreshold
		p.Gate = &Gate{Bias: normals(rng, latents, 1), LogGain: normals(rng, latents, 0.3)}
	}
	return map[string]Parts{
		"topk":       make(func(p *Parts) {}),
		"all":        make(func(p *Parts) { p.K = latents }),
		"most":       make(func(p *Parts) { p.K = max(1, latents-1) }),
		"sigmoid":    make(func(p *Parts) { p.Activation = Sigmoid }),
		"signed":     make(func(p *Parts) { p.Activation, p.Selection = Identity, SelectAbsTopK }),
		"jump relu":  make(thresholds),
		"gated":      make(func(p *Parts) { gated(p); p.PreBias = true }),
		"layer norm": make(func(p *Parts) { p.PreBias, p.Normalization, p.Undo = true, LayerNorm, true }),
		"gated rms":  make(func(p *Parts) { gated(p); p.Normalization, p.Undo = UnitRMS, true }),
		"scaled":     make(func(p *Parts) { p.Normalization, p.Scale, p.Undo = DatasetScale, 0.7, true }),
		"batch":      make(func(p *Parts) { thresholds(p); p.Selection = SelectBatchTopK }),
		"groups":     make(func(p *Parts) { p.Selection, p.PreBias = SelectGroupMax, true }),
		"transcoder": make(func(p *Parts) {
			p.Decoder, p.DecoderBias = randomMatrix(rng, latents, outputs), normals(rng, outputs, 0.2)
			p.Skip = randomMatrix(rng, outputs, inputs)
		}),
		"skip, normalised": make(func(p *Parts) {
			p.Skip, p.Normalization, p.PreBias = randomMatrix(rng, inputs, inputs), LayerNorm, true
		}),
		"encoder alone": make(func(p *Parts) { p.Decoder, p.PreBias = Matrix{}, true }),
	}
}

// forms returns the network of p in every form that it can take, all of which must
// give the same bits.
func forms(t *testing.T, p Parts) map[string]coder {
	t.Helper()
	all := make(map[string]coder)
	for what, p := range map[string]Parts{"float32": p.copied(), "float64": p.wide()} {
		n, err := Assemble(p)
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
	widened, err := Assemble(p.copied())
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

// TestPartsAreTheFormulas compares every kind of model, in every form, on every
// kernel path, with screening and without, with the reference: all numbers equal,
// and between forms all bits.
func TestPartsAreTheFormulas(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	for _, s := range []struct{ inputs, latents, outputs, k, rows int }{
		{1, 1, 1, 1, 1}, {1, 6, 2, 3, 3}, {3, 8, 1, 2, 5}, {9, 70, 5, 7, 3}, {17, 300, 13, 10, 1},
		{33, 516, 31, 12, 40}, {64, 768, 48, 16, 70},
	} {
		for name, p := range partsCases(rng, s.inputs, s.latents, s.outputs, s.k) {
			x := gauss(rng, s.rows, s.inputs)
			compareForms(t, fmt.Sprint(name, " ", s), p, x)
			if t.Failed() {
				return
			}
		}
	}
}

func compareForms(t *testing.T, name string, p Parts, x *mat.Dense) {
	t.Helper()
	rows, _ := x.Dims()
	var codes *Codes
	var output *mat.Dense
	for _, mode := range []string{"on", "off"} {
		for _, path := range kernel.Available() {
			restore := kernel.Use(path)
			withScreening(mode, func() {
				for form, n := range forms(t, p) {
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
					if p.Decoder.Empty() {
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
						_, _, want, _ := p.reference(x.RawRowView(i))
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
		idx, val, _, out := p.reference(x.RawRowView(i))
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

func sameBits(a, b *mat.Dense) bool {
	return sameNumbers(a.RawMatrix().Data, b.RawMatrix().Data)
}
