package engine

import (
	"slices"

	"github.com/ksparse/ksparse/internal/sparse"
)

// activity follows which latents of a sparse layer are active from step to step.
type activity struct {
	layer     *Layer
	idle      []int64 // rows since each latent was active
	threshold thresholdAverage
}

// see takes in the codes of a batch: what is active, and what a selection from the
// whole batch learns for its threshold. It returns the mean number of active latents in
// a row, and how many latents were idle for deadAfter rows or more.
func (a *activity) see(c *sparse.Codes, deadAfter int) (l0 float64, dead int) {
	for j := range a.idle {
		a.idle[j] += int64(c.Rows)
	}
	active := 0
	for e, v := range c.Values {
		if v != 0 {
			a.idle[c.Indices[e]] = 0
			active++
		}
	}
	for _, idle := range a.idle {
		if idle >= int64(deadAfter) {
			dead++
		}
	}
	if a.layer.Selection.Rule == BatchTopK {
		a.threshold.learn(a.layer.Selection.Thresholds, c)
	}
	return float64(active) / float64(c.Rows), dead
}

// dead appends to latents those that were idle for deadAfter rows or more.
func (a *activity) dead(latents []int32, deadAfter int) []int32 {
	for j, idle := range a.idle {
		if idle >= int64(deadAfter) {
			latents = append(latents, int32(j))
		}
	}
	return latents
}

// thresholdAverage learns the threshold of BatchTopK: the expected smallest value that a
// batch keeps (Bussmann et al. 2024, eq. 7), as an exponential moving average with the
// bias of its start taken out.
type thresholdAverage struct {
	average [2]float64 // of the values, and of ones
}

const thresholdDecay = 0.99

// learn takes in the codes of a batch and sets the thresholds, all to the same.
func (t *thresholdAverage) learn(thresholds []float64, c *sparse.Codes) {
	if len(c.Values) == 0 {
		return // nothing was kept, and nothing is learned
	}
	least := slices.Min(c.Values)
	t.average[0] = float64(thresholdDecay*t.average[0]) + float64((1-thresholdDecay)*least)
	t.average[1] = float64(thresholdDecay*t.average[1]) + (1 - thresholdDecay)
	for j := range thresholds {
		thresholds[j] = t.average[0] / t.average[1]
	}
}
