package pretrained

import (
	"fmt"
	"math"
	"strings"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// Findings is what Check measured.
type Findings struct {
	Rows    int `json:"rows"`
	Latents int `json:"latents"`

	// L0 is the mean number of latents per row that are not zero, MostL0 the largest.
	L0     float64 `json:"l0"`
	MostL0 int     `json:"most_l0"`
	// K is what the model declares, 0 where it declares none.
	K float64 `json:"k,omitempty"`
	// Dead is how many latents are zero in all rows.
	Dead int `json:"dead"`

	// FVU is the fraction of the rows' variance that reconstructions leave unexplained,
	// Σ|x̂-x|²/Σ|x-x̄|²: 1-FVU is explained. nil where that cannot be measured.
	FVU *float64 `json:"fvu,omitempty"`
	// ScaledFVU is that of rows scaled to the mean norm sqrt(d), measured where FVU is
	// bad: a model that was trained on such rows is good there.
	ScaledFVU *float64 `json:"scaled_fvu,omitempty"`

	// The norms of the decoder's atoms, zero where there is no decoder, and the number
	// of atoms that are zero.
	LeastNorm float64 `json:"least_norm"`
	MeanNorm  float64 `json:"mean_norm"`
	MostNorm  float64 `json:"most_norm"`
	ZeroAtoms int     `json:"zero_atoms"`
	// NotFinite is how many weights are NaN or infinite: none in a model that was
	// opened, until something is done to it.
	NotFinite int `json:"not_finite"`

	// Problems say in words what looks wrong. None found does not prove that the model
	// is what it says.
	Problems []string `json:"problems"`
}

// Limits beyond which Check finds fault.
const (
	checkRows  = 1024 // at a time
	farFromK   = 3.0  // times the declared k, or less than k by as much
	denseShare = 0.5  // of all latents, where none is declared
	deadShare  = 0.5  // of all latents, once the rows could have woken each ten times
	poorFVU    = 0.8
)

// Check runs the model on rows of the activations that it was made for, N x inputs,
// and measures whether it does what it declares: some hundred rows show most faults, some
// ten thousand the dead latents. It finds what opening cannot: rows of another layer
// or scale, another site than the model's, weights that do not belong to their
// configuration.
//
// Of a transcoder, whose outputs are of another place than its rows, no
// reconstruction is measured: see CheckOutputs. Errors wrap those of Encode, and
// ksparse.ErrShape.
func (m *Model) Check(rows mat.Matrix) (*Findings, error) { return m.CheckOutputs(rows, nil) }

// CheckOutputs is Check for a transcoder: targets, N x outputs, are what it should give
// for the rows. nil stands for the rows themselves, except of a transcoder.
func (m *Model) CheckOutputs(rows, targets mat.Matrix) (*Findings, error) {
	f, err := m.check(rows, targets)
	if err != nil {
		return nil, fmt.Errorf("pretrained: checking: %w", err)
	}
	return f, nil
}

func (m *Model) check(rows, targets mat.Matrix) (*Findings, error) {
	p, err := m.Parts()
	if err != nil {
		return nil, err
	}
	x, err := ksparse.NewMatrixSource(rows)
	if err != nil {
		return nil, err
	}
	y := x
	if targets != nil {
		if y, err = ksparse.NewMatrixSource(targets); err != nil {
			return nil, err
		}
	}
	f := &Findings{Latents: p.Encoder.Rows, K: m.Info.K}
	f.Rows, _ = x.Dims()
	f.weights(p)
	measured := !p.Decoder.Empty() && (targets != nil || !m.Info.Transcoder && p.Decoder.Cols == p.Encoder.Cols)
	fvu, err := m.measure(f, x, y, measured, !p.Skip.Empty(), 1)
	if err != nil {
		return nil, err
	}
	if measured && !math.IsNaN(fvu) {
		f.FVU = &fvu
		if fvu > poorFVU && targets == nil && p.Skip.Empty() {
			if err := m.tryScaled(f, x); err != nil {
				return nil, err
			}
		}
	}
	f.judge(m, measured)
	return f, nil
}

// weights looks at the weights alone.
func (f *Findings) weights(p ksparse.Parts) {
	for _, w := range []ksparse.Matrix{p.Encoder, p.Decoder, p.Skip} {
		f.NotFinite += notFinite(w.Float32) + notFinite(w.Float64)
	}
	for _, v := range [][]float64{p.EncoderBias, p.DecoderBias, p.Thresholds} {
		f.NotFinite += notFinite(v)
	}
	norms := rowNorms(p.Decoder)
	if len(norms) == 0 {
		return
	}
	f.LeastNorm, f.MostNorm = norms[0], norms[0]
	sum := 0.0
	for _, v := range norms {
		f.LeastNorm, f.MostNorm = min(f.LeastNorm, v), max(f.MostNorm, v)
		sum += v
		if v == 0 {
			f.ZeroAtoms++
		}
	}
	f.MeanNorm = sum / float64(len(norms))
}

func notFinite[T float32 | float64](values []T) (n int) {
	for _, v := range values {
		if v-v != 0 {
			n++
		}
	}
	return n
}

// measure encodes the rows of x times scale, fills in what is about codes and
// returns the FVU for y times scale, NaN where all rows of y are equal.
func (m *Model) measure(f *Findings, x, y ksparse.Source, decode, skip bool, scale float64) (float64, error) {
	rows, inputs := x.Dims()
	targets, outputs := y.Dims()
	if decode && (targets != rows || outputs != m.Out()) {
		return 0, errorf(ksparse.ErrShape, "the targets are %d x %d, want %d x %d", targets, outputs, rows, m.Out())
	}
	active := make([]bool, f.Latents)
	total, most := 0, 0
	var mean []float64
	var left, variance float64
	var err error
	if decode {
		if mean, err = meanRow(y, rows, outputs, scale); err != nil {
			return 0, err
		}
	}
	for lo := 0; lo < rows; lo += checkRows {
		hi := min(lo+checkRows, rows)
		in, err := chunk(x, lo, hi, inputs, scale)
		if err != nil {
			return 0, err
		}
		codes, err := m.Encode(in)
		if err != nil {
			return 0, err
		}
		for i := range hi - lo {
			n := 0
			idx, val := codes.Row(i)
			for e, j := range idx {
				if val[e] != 0 {
					active[j] = true
					n++
				}
			}
			total, most = total+n, max(most, n)
		}
		if !decode {
			continue
		}
		var out *mat.Dense
		if skip { // which codes know nothing of
			out, err = m.Predict(in)
		} else {
			out, err = m.Decode(codes)
		}
		if err != nil {
			return 0, err
		}
		want, err := chunk(y, lo, hi, outputs, scale)
		if err != nil {
			return 0, err
		}
		for i := range hi - lo {
			got := out.RawRowView(i)
			for j, v := range want.RawRowView(i) {
				left += (got[j] - v) * (got[j] - v)
				variance += (v - mean[j]) * (v - mean[j])
			}
		}
	}
	f.L0, f.MostL0, f.Dead = float64(total)/float64(rows), most, 0
	for _, a := range active {
		if !a {
			f.Dead++
		}
	}
	if variance == 0 {
		return math.NaN(), nil
	}
	return left / variance, nil
}

// chunk reads rows of a source, times scale.
func chunk(s ksparse.Source, lo, hi, cols int, scale float64) (*mat.Dense, error) {
	d := mat.NewDense(hi-lo, cols, nil)
	if err := s.ReadRows(d.RawMatrix().Data, lo, hi); err != nil {
		return nil, err
	}
	if scale != 1 {
		d.Scale(scale, d)
	}
	return d, nil
}

func meanRow(s ksparse.Source, rows, cols int, scale float64) ([]float64, error) {
	mean := make([]float64, cols)
	for lo := 0; lo < rows; lo += checkRows {
		d, err := chunk(s, lo, min(lo+checkRows, rows), cols, scale)
		if err != nil {
			return nil, err
		}
		for i := range d.RawMatrix().Rows {
			for j, v := range d.RawRowView(i) {
				mean[j] += v
			}
		}
	}
	return times(mean, 1/float64(rows)), nil
}

// tryScaled measures how well the model does on rows scaled to mean norm sqrt(d),
// with which many are trained.
func (m *Model) tryScaled(f *Findings, x ksparse.Source) error {
	if kind, _, _ := m.Normalization(); kind != ksparse.NoNormalization {
		return nil
	}
	rows, cols := x.Dims()
	sum := 0.0
	for lo := 0; lo < rows; lo += checkRows {
		d, err := chunk(x, lo, min(lo+checkRows, rows), cols, 1)
		if err != nil {
			return err
		}
		for i := range d.RawMatrix().Rows {
			sum += mat.Norm(d.RowView(i), 2)
		}
	}
	scale := math.Sqrt(float64(cols)) * float64(rows) / sum
	if !(scale > 0 && scale <= math.MaxFloat64) {
		return nil
	}
	other := *f
	fvu, err := m.measure(&other, x, x, true, false, scale)
	if err == nil && fvu < *f.FVU/2 && fvu < poorFVU {
		f.ScaledFVU = &fvu
		f.problem("rows scaled by %s, to the mean norm sqrt(%d), have an FVU of %s: the model was trained on rows of that scale", trim(scale), cols, trim(fvu))
	}
	return err
}

func (f *Findings) problem(format string, args ...any) {
	f.Problems = append(f.Problems, fmt.Sprintf(format, args...))
}

// judge puts what looks wrong into words.
func (f *Findings) judge(m *Model, measured bool) {
	byK := strings.HasSuffix(m.Info.Selection, "topk") // of the row, the batch, or by magnitude
	switch {
	case f.L0 == 0:
		f.problem("no latent is active in any row")
	case f.K > 0 && f.L0 > farFromK*f.K:
		f.problem("on average %s latents are active, %s times the declared k = %s", trim(f.L0), trim(f.L0/f.K), trim(f.K))
	case f.K > 0 && byK && f.L0 < f.K/farFromK:
		f.problem("on average only %s latents are active, and k = %s is declared", trim(f.L0), trim(f.K))
	case f.K == 0 && m.Info.Selection != "all" && f.L0 > denseShare*float64(f.Latents):
		f.problem("on average %s of %d latents are active, which is not sparse", trim(f.L0), f.Latents)
	}
	if wanted := 10 * float64(f.Latents); f.L0*float64(f.Rows) > wanted && float64(f.Dead) > deadShare*float64(f.Latents) {
		f.problem("%d of %d latents are zero in all %d rows", f.Dead, f.Latents, f.Rows)
	}
	switch {
	case !measured:
	case f.FVU == nil:
		f.problem("the rows are all equal, so that no share of their variance can be explained")
	case *f.FVU >= 1:
		f.problem("the reconstruction is worse than the mean of the rows: FVU %s. These are not the rows that the model was trained on (another layer, site or scale), or it was not read as it should be", trim(*f.FVU))
	case *f.FVU > poorFVU:
		f.problem("the reconstruction explains only %s %% of the variance", trim(100*(1-*f.FVU)))
	}
	if f.NotFinite > 0 {
		f.problem("%d weights are NaN or infinite", f.NotFinite)
	}
	if f.ZeroAtoms > 0 {
		f.problem("%d atoms of the decoder are zero", f.ZeroAtoms)
	}
	if f.LeastNorm > 0 && f.MostNorm > 1e4*f.LeastNorm {
		f.problem("the norms of the atoms go from %s to %s", trim(f.LeastNorm), trim(f.MostNorm))
	}
}
