package pretrained

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
	"gonum.org/v1/gonum/mat"
)

// Findings is what Check measured.
type Findings struct {
	Rows    int `json:"rows"`
	Latents int `json:"latents"`
	// K is how many latents should be active: the network's k, or what the file says where
	// the network does not go by one; 0 where nothing is declared, as for a selection by
	// thresholds that are not those of the file.
	K float64 `json:"k,omitempty"`

	Figures // of all rows

	// Reconstructed says that outputs were compared with what they should be. They are not
	// where the model has no decoder, nor of a transcoder without targets: then only the
	// codes and the weights were judged.
	Reconstructed bool `json:"reconstructed"`

	// ScaledFVU is that of rows scaled to the mean norm sqrt(d), measured where FVU is
	// bad: a model that was trained on such rows is good there.
	ScaledFVU *float64 `json:"scaled_fvu,omitempty"`

	// Usual are the figures of the UsualRows, by which Problems go: of the rows that are
	// neither zero nor outlying, those that repeat another row once. It is nil where they are
	// all rows.
	Usual     *Figures `json:"usual,omitempty"`
	UsualRows int      `json:"usual_rows"`
	// ZeroRows is how many rows are zero, RepeatedRows how many are equal to one before them
	// (or up to rounding, where half of the others are).
	ZeroRows     int `json:"zero_rows,omitempty"`
	RepeatedRows int `json:"repeated_rows,omitempty"`
	// Outliers are the rows that are much further from the centre than the others: nil where
	// there are none. A few of them can make a good model look bad and a bad one good.
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
	// Σ|x̂-x|²/Σ|x-x̄|²: 1-FVU is explained. MedianFVU is the median of |x̂-x|²/|x-c|²,
	// where c has the medians of the columns, over the rows that are neither zero nor c:
	// fewer than half of the rows can neither make it good nor bad. (It is FVU where there is
	// no such row.) Both are nil where that cannot be
	// measured, and at most math.MaxFloat64.
	FVU       *float64 `json:"fvu,omitempty"`
	MedianFVU *float64 `json:"median_fvu,omitempty"`
}

// Outliers are rows, or targets, whose distance from the centre, which has the medians of the columns, is
// more than five times that of nine tenths of the others: one of three to eleven rows can be,
// and a tenth of many.
// Rows of zeros do not count in medians and tenths, and equal rows count once there.
type Outliers struct {
	Rows int `json:"rows"` // how many there are
	// The least and the largest norm of an outlying row, and the median of all rows.
	LeastNorm  float64 `json:"least_norm"`
	MostNorm   float64 `json:"most_norm"`
	MedianNorm float64 `json:"median_norm"`
	// The largest distance of an outlying row from the centre, and the median of all rows.
	MostAway   float64 `json:"most_away"`
	MedianAway float64 `json:"median_away"`
}

// Limits beyond which Check finds fault.
const (
	farFromK   = 3.0 // times the declared k, or less than k by as much
	denseShare = 0.5 // of all latents, where none is declared
	deadShare  = 0.5 // of all latents, once each could have been active in ten rows
	poorFVU    = 0.8
	poorMedian = 0.6 // of a row, where that of all is much better
	partFVU    = 0.3 // of all rows, where that of the median row is
	partTimes  = 3.0 // times better, so that a part of the rows is poor
)

// Check runs the model on rows of the activations that it was made for, N x inputs,
// and measures whether it does what it declares: some hundred rows show most faults, some
// ten thousand the dead latents. It finds what opening cannot: rows of another layer
// or scale, another site than the model's, weights that do not belong to their
// configuration.
//
// Of a transcoder, whose outputs are of another place than its rows, no
// reconstruction is measured: see Findings.Reconstructed and CheckOutputs. Errors wrap those of Encode, and
// ksparse.ErrShape. Package measure has more figures of a model that reconstructs.
func (m *Model) Check(rows mat.Matrix) (*Findings, error) { return m.CheckOutputs(rows, nil) }

// CheckOutputs is Check for a transcoder: targets, N x outputs, are what it should give
// for the rows. nil stands for the rows themselves, except of a transcoder. Targets for a model
// without a decoder are an error that wraps ksparse.ErrNoDecoder.
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
	x, err := sourceOf("rows", rows)
	if err != nil {
		return nil, err
	}
	if count, cols := x.Dims(); cols != m.In() {
		return nil, errorf(ksparse.ErrShape, "the rows are %d x %d, the model takes %d values per row", count, cols, m.In())
	}
	y := x
	if targets != nil {
		if cfg.Decoder.Empty() {
			return nil, errorf(ksparse.ErrNoDecoder, "the model has no decoder, so that it has no outputs to be compared with targets")
		}
		if y, err = sourceOf("targets", targets); err != nil {
			return nil, err
		}
	}
	f := &Findings{Latents: cfg.Latents, K: m.presentK(cfg)}
	f.Rows, _ = x.Dims()
	f.weights(cfg)
	decode := !cfg.Decoder.Empty() && (targets != nil || !m.Info.Transcoder && cfg.Decoder.Cols == cfg.Inputs)
	f.Reconstructed = decode
	t := &trial{model: m, x: x, y: y, decode: decode, scale: 1}
	if err := f.lookAt(t, targets != nil); err != nil {
		return nil, err
	}
	if err := t.run(); err != nil && !(f.NotFinite > 0 && errors.Is(err, ksparse.ErrNotFinite)) { // which is a finding
		return nil, err
	}
	f.Figures = t.all.figures()
	if t.unusual != nil {
		usual := t.usual.figures()
		f.Usual = &usual
	}
	f.judgeRows(t.outlying)
	bad := func(fvu *float64) bool { return fvu != nil && *fvu > poorFVU }
	if bad(f.FVU) && bad(f.usual().FVU) && targets == nil && cfg.Skip.Empty() && cfg.Normalization == ksparse.NoNormalization {
		if err := f.tryScaled(t); err != nil {
			return nil, err
		}
	}
	f.judge(selectionName(cfg), targets != nil)
	return f, nil
}

// sourceOf returns a matrix, which an error calls the rows or the targets, as a source.
func sourceOf(what string, x mat.Matrix) (data.Source, error) {
	s, err := data.FromMatrix(x)
	if err != nil {
		return nil, errorf(err, "the %s: the matrix%s", what, strings.TrimPrefix(fault.Text(err), "x"))
	}
	return s, nil
}

// problem adds a problem.
func (f *Findings) problem(format string, args ...any) {
	f.Problems = append(f.Problems, fmt.Sprintf(format, args...))
}

// lookAt finds the usual rows of a trial, which may have targets of their own.
func (f *Findings) lookAt(t *trial, targets bool) error {
	about, err := look(t.x)
	if err != nil {
		return err
	}
	t.about, f.Outliers, t.outlying = about, about.outliers(), "rows"
	if t.decode && targets {
		if t.about, err = look(t.y); err != nil {
			return err
		}
		if len(t.about.norms) == len(about.norms) { // another number is an error, and found later
			f.Outliers, t.outlying = about.with(t.about)
		}
	}
	t.unusual, t.toNorm = about.unusual(), about.normScale(t.model.In())
	f.ZeroRows, f.RepeatedRows, f.UsualRows = about.zeros(), number(about.repeated), f.Rows-number(t.unusual)
	return nil
}

// usual are the figures of the usual rows.
func (f *Findings) usual() Figures {
	if f.Usual != nil {
		return *f.Usual
	}
	return f.Figures
}

// presentK returns how many latents should be active now. The network's k may be another than
// the file's by SetK. Thresholds keep as many as is declared only if they are those of the file.
func (m *Model) presentK(cfg ksparse.Config) float64 {
	now := selectingOf(m.Network)
	same := slices.Equal(now.thresholds, m.opened.thresholds)
	switch {
	case selectionName(cfg) == "all", now.by == ksparse.SelectBatchTopK && !same:
		return 0
	case now.by == ksparse.SelectThreshold && (!same || now.by != m.opened.by):
		return 0
	case now.by == ksparse.SelectThreshold, cfg.K == 0:
		return m.Info.K
	}
	return float64(max(cfg.K, 0)) // -1 is none
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

// tryScaled measures how well the model of a trial does on rows scaled to mean norm sqrt(d),
// with which many are trained. Rows that are not usual play no part.
func (f *Findings) tryScaled(of *trial) error {
	if !(of.toNorm > 0 && of.toNorm <= math.MaxFloat64) {
		return nil
	}
	t := &trial{model: of.model, x: of.x, y: of.y, decode: true, scale: of.toNorm, about: of.about, unusual: of.unusual}
	if err := t.run(); err != nil {
		return err
	}
	fvu := t.all.figures().FVU
	if t.unusual != nil {
		fvu = t.usual.figures().FVU
	}
	if fvu != nil && *fvu < *f.usual().FVU/2 && *fvu < poorFVU {
		f.ScaledFVU = fvu
		f.problem("rows scaled by %s, to the mean norm sqrt(%d), have an FVU of %s: the model was trained on rows of that scale", figure(t.scale), t.model.In(), figure(*fvu))
	}
	return nil
}
