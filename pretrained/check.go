package pretrained

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
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
	farFromK   = 3.0 // times the declared k, or less than k by as much
	denseShare = 0.5 // of all latents, where none is declared
	deadShare  = 0.5 // of all latents, once each could have been active in ten rows
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
// ksparse.ErrShape. Package measure has more figures of a model that reconstructs.
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

// check is CheckOutputs without the prefix of its errors.
func (m *Model) check(rows, targets mat.Matrix) (*Findings, error) {
	cfg, err := m.Config()
	if err != nil {
		return nil, err
	}
	x, err := data.FromMatrix(rows)
	if err != nil {
		return nil, fmt.Errorf("the rows: %w", err)
	}
	y := x
	if targets != nil {
		if y, err = data.FromMatrix(targets); err != nil {
			return nil, fmt.Errorf("the targets: %w", err)
		}
	}
	f := &Findings{Latents: cfg.Latents, K: m.Info.K}
	f.Rows, _ = x.Dims()
	f.weights(cfg)
	decode := !cfg.Decoder.Empty() && (targets != nil || !m.Info.Transcoder && cfg.Decoder.Cols == cfg.Inputs)
	t := newTrial(m, x, y, decode, 1)
	if err := t.run(); err != nil && !(f.NotFinite > 0 && errors.Is(err, ksparse.ErrNotFinite)) { // which is a finding
		return nil, err
	}
	f.L0, f.MostL0, f.Dead = float64(t.active)/float64(f.Rows), t.most, t.dead()
	if fvu := t.fvu(); decode && !math.IsNaN(fvu) {
		f.FVU = &fvu
		if fvu > poorFVU && targets == nil && cfg.Skip.Empty() && cfg.Normalization == ksparse.NoNormalization {
			if err := f.tryScaled(m, x); err != nil {
				return nil, err
			}
		}
	}
	f.judge(m, decode)
	return f, nil
}

// weights looks at the weights alone.
func (f *Findings) weights(cfg ksparse.Config) {
	for _, w := range []ksparse.Weights{cfg.Encoder, cfg.Decoder, cfg.Skip} {
		f.NotFinite += countNotFinite(w.Float32) + countNotFinite(w.Float64)
	}
	for _, v := range [][]float64{cfg.EncoderBias, cfg.DecoderBias, cfg.Thresholds} {
		f.NotFinite += countNotFinite(v)
	}
	norms := rowNorms(cfg.Decoder)
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

// countNotFinite returns how many values are NaN or infinite.
func countNotFinite[T float32 | float64](values []T) (n int) {
	for _, v := range values {
		if v-v != 0 {
			n++
		}
	}
	return n
}

// tryScaled measures how well the model does on rows scaled to mean norm sqrt(d),
// with which many are trained.
func (f *Findings) tryScaled(m *Model, x data.Source) error {
	scale, err := normScale(x)
	if err != nil || !(scale > 0 && scale <= math.MaxFloat64) {
		return err
	}
	t := newTrial(m, x, x, true, scale)
	if err := t.run(); err != nil {
		return err
	}
	if fvu := t.fvu(); fvu < *f.FVU/2 && fvu < poorFVU {
		f.ScaledFVU = &fvu
		f.problem("rows scaled by %s, to the mean norm sqrt(%d), have an FVU of %s: the model was trained on rows of that scale", figure(scale), m.In(), figure(fvu))
	}
	return nil
}

// problem adds one.
func (f *Findings) problem(format string, args ...any) {
	f.Problems = append(f.Problems, fmt.Sprintf(format, args...))
}

// judge puts what looks wrong into words.
func (f *Findings) judge(m *Model, decoded bool) {
	byK := strings.HasSuffix(m.Info.Selection, "topk") // of the row, the batch, or by magnitude
	switch {
	case f.L0 == 0:
		f.problem("no latent is active in any row")
	case f.K > 0 && f.L0 > farFromK*f.K:
		f.problem("on average %s latents are active, %s times the declared k = %s", figure(f.L0), figure(f.L0/f.K), figure(f.K))
	case f.K > 0 && byK && f.L0 < f.K/farFromK:
		f.problem("on average only %s latents are active, and k = %s is declared", figure(f.L0), figure(f.K))
	case f.K == 0 && m.Info.Selection != "all" && f.L0 > denseShare*float64(f.Latents):
		f.problem("on average %s of %d latents are active, which is not sparse", figure(f.L0), f.Latents)
	}
	if wanted := 10 * float64(f.Latents); f.L0*float64(f.Rows) > wanted && float64(f.Dead) > deadShare*float64(f.Latents) {
		f.problem("%d of %d latents are zero in all %d rows", f.Dead, f.Latents, f.Rows)
	}
	switch {
	case !decoded:
	case f.FVU == nil:
		f.problem("the rows are all equal, so that no share of their variance can be explained")
	case *f.FVU >= 1:
		f.problem("the reconstruction is worse than the mean of the rows: FVU %s. These are not the rows that the model was trained on (another layer, site or scale), or it was not read as it should be", figure(*f.FVU))
	case *f.FVU > poorFVU:
		f.problem("the reconstruction explains only %s %% of the variance", figure(100*(1-*f.FVU)))
	}
	if f.NotFinite > 0 {
		f.problem("%d weights are NaN or infinite", f.NotFinite)
	}
	if f.ZeroAtoms > 0 {
		f.problem("%d atoms of the decoder are zero", f.ZeroAtoms)
	}
	if f.LeastNorm > 0 && f.MostNorm > 1e4*f.LeastNorm {
		f.problem("the norms of the atoms go from %s to %s", figure(f.LeastNorm), figure(f.MostNorm))
	}
}
