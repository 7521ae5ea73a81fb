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
	// K is how many latents should be active: the network's k, or what the file says where
	// the network does not go by one; 0 where nothing is declared.
	K float64 `json:"k,omitempty"`

	Figures // of all rows

	// ScaledFVU is that of rows scaled to the mean norm sqrt(d), measured where FVU is
	// bad: a model that was trained on such rows is good there.
	ScaledFVU *float64 `json:"scaled_fvu,omitempty"`

	// Outliers are the rows that are much larger, or much further from the mean, than the
	// others: nil where there are none. A few of them can make a good model look bad and a bad
	// one good, so Problems go by the figures without them.
	Outliers *Outliers `json:"outliers,omitempty"`

	// The norms of the decoder's atoms, zero where there is no decoder, and the number
	// of atoms that are zero.
	LeastNorm float64 `json:"least_norm"`
	MeanNorm  float64 `json:"mean_norm"`
	MostNorm  float64 `json:"most_norm"`
	ZeroAtoms int     `json:"zero_atoms"`
	// NegativeThresholds is how many latents have a threshold below 0 by which the network
	// selects.
	NegativeThresholds int `json:"negative_thresholds,omitempty"`
	// NotFinite is how many weights are NaN or infinite: none in a model that was
	// opened, until something is done to it.
	NotFinite int `json:"not_finite"`

	// Problems say in words what looks wrong. None found does not prove that the model
	// is what it says.
	Problems []string `json:"problems"`
}

// Figures are those of a model on some rows.
type Figures struct {
	// L0 is the mean number of latents per row that are not zero, MostL0 the largest.
	L0     float64 `json:"l0"`
	MostL0 int     `json:"most_l0"`
	// Dead is how many latents are zero in all rows.
	Dead int `json:"dead"`

	// FVU is the fraction of the rows' variance that reconstructions leave unexplained,
	// Σ|x̂-x|²/Σ|x-x̄|²: 1-FVU is explained. MedianFVU is the median of the rows'
	// |x̂-x|²/|x-x̄|²: no few rows can make it good. Both are nil where that cannot be
	// measured, and at most math.MaxFloat64.
	FVU       *float64 `json:"fvu,omitempty"`
	MedianFVU *float64 `json:"median_fvu,omitempty"`
}

// Outliers are rows whose norm, or distance from the mean of the others, is more than five
// times the median of that. Rows of zeros do not count in the medians.
type Outliers struct {
	Rows int `json:"rows"` // how many there are
	// The least and the largest norm of an outlying row, and the median of all rows.
	LeastNorm  float64 `json:"least_norm"`
	MostNorm   float64 `json:"most_norm"`
	MedianNorm float64 `json:"median_norm"`
	// The largest distance of an outlying row from the mean, and the median of all rows.
	MostAway   float64 `json:"most_away"`
	MedianAway float64 `json:"median_away"`

	Others Figures `json:"others"` // of the rows that are not outlying
}

// Limits beyond which Check finds fault.
const (
	farFromK   = 3.0 // times the declared k, or less than k by as much
	denseShare = 0.5 // of all latents, where none is declared
	deadShare  = 0.5 // of all latents, once each could have been active in ten rows
	poorFVU    = 0.8
	poorMedian = 0.6 // of a row, where that of all is much better
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
		return nil, fmt.Errorf("pretrained: checking: %w", withoutPrefix(err))
	}
	return f, nil
}

// check is CheckOutputs without the prefix of its errors.
func (m *Model) check(rows, targets mat.Matrix) (*Findings, error) {
	if m == nil || m.Network == nil {
		return nil, errorf(ksparse.ErrEmpty, "the model has no network")
	}
	cfg, err := m.Config()
	if err != nil {
		return nil, err
	}
	x, err := data.FromMatrix(rows)
	if err != nil {
		return nil, fmt.Errorf("the rows: %w", err)
	}
	if count, cols := x.Dims(); cols != m.In() {
		return nil, errorf(ksparse.ErrShape, "the rows are %d x %d, the model takes %d values per row", count, cols, m.In())
	}
	y := x
	if targets != nil {
		if y, err = data.FromMatrix(targets); err != nil {
			return nil, fmt.Errorf("the targets: %w", err)
		}
	}
	f := &Findings{Latents: cfg.Latents, K: presentK(m.Info, cfg)}
	f.Rows, _ = x.Dims()
	f.weights(cfg)
	decode := !cfg.Decoder.Empty() && (targets != nil || !m.Info.Transcoder && cfg.Decoder.Cols == cfg.Inputs)
	about, err := look(x)
	if err != nil {
		return nil, err
	}
	if decode && targets != nil {
		if about, err = about.with(y); err != nil {
			return nil, err
		}
	}
	t := newTrial(m, x, y, decode, 1, about.outlying)
	if err := t.run(); err != nil && !(f.NotFinite > 0 && errors.Is(err, ksparse.ErrNotFinite)) { // which is a finding
		return nil, err
	}
	f.Figures = t.all.figures()
	if about.count > 0 {
		f.Outliers = &Outliers{
			Rows: about.count, LeastNorm: about.full(about.least), MostNorm: about.full(about.most), MedianNorm: about.full(about.median),
			MostAway: about.full(about.farthest), MedianAway: about.full(about.medianAway), Others: t.rest.figures(),
		}
	}
	fvu := f.usual().FVU
	if fvu != nil && *fvu > poorFVU && targets == nil && cfg.Skip.Empty() && cfg.Normalization == ksparse.NoNormalization {
		if err := f.tryScaled(m, x, about); err != nil {
			return nil, err
		}
	}
	f.judge(selectionName(cfg), decode)
	return f, nil
}

// usual are the figures without outlying rows.
func (f *Findings) usual() Figures {
	if f.Outliers != nil {
		return f.Outliers.Others
	}
	return f.Figures
}

// presentK returns how many latents should be active now: the network's k may be another
// than the file's by SetK.
func presentK(info Info, cfg ksparse.Config) float64 {
	switch {
	case selectionName(cfg) == "all", cfg.Selection == ksparse.SelectThreshold && info.K == 0:
		return 0
	case cfg.K > 0:
		return float64(cfg.K)
	}
	return info.K
}

// weights looks at the weights alone.
func (f *Findings) weights(cfg ksparse.Config) {
	for _, w := range []ksparse.Weights{cfg.Encoder, cfg.Decoder, cfg.Skip} {
		f.NotFinite += countNotFinite(w.Float32) + countNotFinite(w.Float64)
	}
	for _, v := range [][]float64{cfg.EncoderBias, cfg.DecoderBias, cfg.Thresholds} {
		f.NotFinite += countNotFinite(v)
	}
	if cfg.Selection == ksparse.SelectThreshold || cfg.Selection == ksparse.SelectBatchTopK {
		for _, v := range cfg.Thresholds {
			if v < 0 {
				f.NegativeThresholds++
			}
		}
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
// with which many are trained. Outlying rows play no part.
func (f *Findings) tryScaled(m *Model, x data.Source, about *rowsAbout) error {
	scale := about.normScale(m.In())
	if !(scale > 0 && scale <= math.MaxFloat64) {
		return nil
	}
	t := newTrial(m, x, x, true, scale, about.outlying)
	if err := t.run(); err != nil {
		return err
	}
	fvu := t.all.figures().FVU
	if f.Outliers != nil {
		fvu = t.rest.figures().FVU
	}
	if fvu != nil && *fvu < *f.usual().FVU/2 && *fvu < poorFVU {
		f.ScaledFVU = fvu
		f.problem("rows scaled by %s, to the mean norm sqrt(%d), have an FVU of %s: the model was trained on rows of that scale", figure(scale), m.In(), figure(*fvu))
	}
	return nil
}

// problem adds one.
func (f *Findings) problem(format string, args ...any) {
	f.Problems = append(f.Problems, fmt.Sprintf(format, args...))
}

// judge puts what looks wrong into words.
func (f *Findings) judge(selection string, decoded bool) {
	f.judgeOutliers()
	f.judgeActive(selection)
	if decoded {
		f.judgeVariance()
	}
	if f.NegativeThresholds > 0 {
		f.problem("%d of %d latents have a threshold below 0: no JumpReLU has that. Every positive pre-activation makes them active, and where the activation is not ReLU negative ones do too", f.NegativeThresholds, f.Latents)
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

// judgeOutliers names the rows that are outlying, and what the figures are with them and
// without.
func (f *Findings) judgeOutliers() {
	o := f.Outliers
	if o == nil {
		return
	}
	f.problem("%d of %d rows are outlying: their norms are %s to %s, and the median norm is %s; their distance from the mean is up to %s, and the median distance is %s. "+
		"With them L0 is %s and %s; without them L0 is %s and %s. What follows is without them",
		o.Rows, f.Rows, figure(o.LeastNorm), figure(o.MostNorm), figure(o.MedianNorm), figure(o.MostAway), figure(o.MedianAway),
		figure(f.L0), fvuText(f.Figures), figure(o.Others.L0), fvuText(o.Others))
}

// fvuText writes an FVU, which may not be known.
func fvuText(f Figures) string {
	if f.FVU == nil {
		return "no FVU is known"
	}
	return "the FVU is " + figure(*f.FVU)
}

// judgeActive looks at how many latents are active.
func (f *Findings) judgeActive(selection string) {
	got := f.usual()
	byK := strings.HasSuffix(selection, "topk") // of the row, the batch, or by magnitude
	switch {
	case got.L0 == 0:
		f.problem("no latent is active in any row")
	case f.K > 0 && got.L0 > farFromK*f.K:
		f.problem("on average %s latents are active, %s times the declared k = %s", figure(got.L0), figure(got.L0/f.K), figure(f.K))
	case f.K > 0 && byK && got.L0 < f.K/farFromK:
		f.problem("on average only %s latents are active, and k = %s is declared", figure(got.L0), figure(f.K))
	case f.K == 0 && selection != "all" && got.L0 > denseShare*float64(f.Latents):
		f.problem("on average %s of %d latents are active, which is not sparse", figure(got.L0), f.Latents)
	}
	if wanted := 10 * float64(f.Latents); f.L0*float64(f.Rows) > wanted && float64(f.Dead) > deadShare*float64(f.Latents) {
		f.problem("%d of %d latents are zero in all %d rows", f.Dead, f.Latents, f.Rows)
	}
}

// judgeVariance looks at how much of the variance is explained, of all rows and of a
// typical one.
func (f *Findings) judgeVariance() {
	const foreign = "These are not the rows that the model was trained on (another layer, site or scale), or it was not read as it should be"
	got := f.usual()
	switch {
	case got.FVU == nil:
		f.problem("the rows are all equal, so that no share of their variance can be explained")
	case *got.FVU >= 1:
		f.problem("the reconstruction is worse than the mean of the rows: FVU %s. %s", figure(*got.FVU), foreign)
	case *got.FVU > poorFVU:
		f.problem("the reconstruction explains only %s %% of the variance", figure(100*(1-*got.FVU)))
	case *got.MedianFVU > poorMedian && *got.MedianFVU > 1.3**got.FVU:
		f.problem("the FVU is %s because few rows have most of the variance: of half of the rows %s or more of their squared distance from the mean is left", figure(*got.FVU), figure(*got.MedianFVU))
	}
}
