package pretrained

import (
	"math"
	"strings"
)

// judgeRows names the rows that are not usual, and what the figures are with them and
// without. What is outlying are rows or targets. Equal rows are usual of one-hot rows and of
// counts: they are named where they change the figures.
func (f *Findings) judgeRows(what string) {
	if f.ZeroRows > 0 {
		f.problem("%d of %d rows are zero. What follows is without them", f.ZeroRows, f.Rows)
	}
	if 2*f.RepeatedRows > f.Rows && differ(f.Figures, f.usual()) {
		f.problem("%d of %d rows are equal, up to rounding, to one before them. What follows counts equal rows once", f.RepeatedRows, f.Rows)
	}
	if o := f.Outliers; o != nil {
		f.problem("%d of %d %s are outlying: their norms are %s to %s, and the median norm is %s; their distance from the centre is up to %s, and the median distance is %s. "+
			"Of all rows L0 is %s and %s; without them L0 is %s and %s. What follows is without them",
			o.Rows, f.Rows, what, figure(o.LeastNorm), figure(o.MostNorm), figure(o.MedianNorm), figure(o.MostAway), figure(o.MedianAway),
			figure(f.L0), fvuText(f.Figures), figure(f.usual().L0), fvuText(f.usual()))
	}
}

// differ says whether figures are so different that one may be good and one bad.
func differ(a, b Figures) bool {
	const fvu, l0 = 0.1, 0.25 // the latter of the larger
	if (a.FVU == nil) != (b.FVU == nil) || math.Abs(a.L0-b.L0) > l0*max(a.L0, b.L0) {
		return true
	}
	return a.FVU != nil && (math.Abs(*a.FVU-*b.FVU) > fvu || math.Abs(*a.MedianFVU-*b.MedianFVU) > fvu)
}

// judge puts what else looks wrong into words. Outputs may have targets of their own.
func (f *Findings) judge(selection string, targets bool) {
	if f.UsualRows > 0 {
		f.judgeActive(selection)
		if f.Reconstructed {
			f.judgeVariance(targets)
		}
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
	if wanted := 10 * float64(f.Latents); got.L0*float64(f.UsualRows) > wanted && float64(f.Dead) > deadShare*float64(f.Latents) {
		f.problem("%d of %d latents are zero in all %d rows", f.Dead, f.Latents, f.Rows)
	}
}

// judgeVariance looks at how much of the variance is explained, of all rows and of a
// typical one. What outputs should be are the rows, or targets.
func (f *Findings) judgeVariance(targets bool) {
	const foreign = "These are not the rows that the model was trained on (another layer, site or scale), or it was not read as it should be"
	got, what := f.usual(), "rows"
	if targets {
		what = "targets"
	}
	switch {
	case got.FVU == nil && (f.Rows == 1 || f.FVU != nil):
		f.problem("there is only one row to judge by, so that there is no variance to be explained")
	case got.FVU == nil:
		f.problem("the %s are all equal, so that no share of their variance can be explained", what)
	case *got.FVU > partFVU && *got.FVU > partTimes**got.MedianFVU, *got.FVU > poorFVU && *got.MedianFVU < poorFVU/2:
		f.problem("a part of the rows is explained much worse than the median row (FVU %s against %s): look at the rows with the largest errors", figure(*got.FVU), figure(*got.MedianFVU))
	case *got.FVU >= 1:
		f.problem("the reconstruction is worse than the mean of the %s: FVU %s. %s", what, figure(*got.FVU), foreign)
	case *got.FVU > poorFVU:
		f.problem("the reconstruction explains only %s %% of the variance", figure(100*(1-*got.FVU)))
	case *got.MedianFVU > poorFVU, *got.MedianFVU > poorMedian && *got.MedianFVU > 1.3**got.FVU:
		f.problem("the FVU is %s because few rows have most of the variance: of half of the rows %s or more of their squared distance from the centre is left", figure(*got.FVU), figure(*got.MedianFVU))
	}
}
