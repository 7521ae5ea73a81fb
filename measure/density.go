package measure

import (
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/fault"
)

// ShareAbove returns the share of all latents whose Frequency is greater than f.
// SAEBench reports it for 0.01 and 0.1: latents that are active that often seldom
// mean one thing.
func (r *Report) ShareAbove(f float64) float64 {
	n := 0
	for _, v := range r.Frequency {
		if v > f {
			n++
		}
	}
	return float64(n) / float64(max(1, len(r.Frequency)))
}

// MassAbove returns the share of all that was active (L0·Rows values) that belongs
// to latents whose Frequency is greater than f; 0 where nothing was active.
func (r *Report) MassAbove(f float64) float64 {
	above, all := 0.0, 0.0
	for _, v := range r.Frequency {
		all += v
		if v > f {
			above += v
		}
	}
	if all == 0 {
		return 0
	}
	return above / all
}

// CountBelow returns how many latents have a Frequency less than f, dead ones
// among them. SAELens reports it for 1e-5 and 1e-6, which says something only for
// data of well over 1/f rows.
func (r *Report) CountBelow(f float64) int {
	n := 0
	for _, v := range r.Frequency {
		if v < f {
			n++
		}
	}
	return n
}

// DensityBin is one bar of a DensityHistogram: how many Latents have a frequency
// of at least From and less than To.
type DensityBin struct {
	From, To float64
	Latents  int
}

// DensityHistogram counts latents by the logarithm of their Frequency (the feature
// density histogram of Bricken et al. 2023, Towards Monosemanticity). Each decade
// is cut into perDecade bins of equal width in log10, at 10^(i/perDecade); 0 stands
// for 4. Bins ascend, from the decade in which 1/Rows lies to 1; the last holds
// frequency 1 too. Dead latents have no logarithm and are in none, see Report.Dead,
// so the counts add up to Latents - len(Dead). (SAELens has log10(f + 1e-10), which
// puts them at -10.) Bins of different reports with one perDecade line up at 1.
// Errors wrap ksparse.ErrRange, for a perDecade that is negative or above 1000, or
// ErrEmpty.
func (r *Report) DensityHistogram(perDecade int) ([]DensityBin, error) {
	if perDecade < 0 || perDecade > 1000 {
		return nil, fault.Errorf(fault.ErrRange, "a density histogram with %d bins per decade, want 0 (for the default) to 1000", perDecade)
	}
	if perDecade == 0 {
		perDecade = 4
	}
	if r.Rows < 1 {
		return nil, fault.Errorf(fault.ErrEmpty, "a density histogram of a report without rows")
	}
	edges := densityEdges(r.Rows, perDecade)
	if len(edges) == 1 { // a single row
		return []DensityBin{{From: 1, To: 1, Latents: r.Latents - len(r.Dead)}}, nil
	}
	bins := make([]DensityBin, len(edges)-1)
	for i := range bins {
		bins[i].From, bins[i].To = edges[i], edges[i+1]
	}
	for _, f := range r.Frequency {
		if f > 0 {
			i, found := slices.BinarySearch(edges, f)
			if !found {
				i--
			}
			bins[max(0, min(i, len(bins)-1))].Latents++
		}
	}
	return bins, nil
}

// densityEdges returns the edges of the bins, ascending, up to 1. They are computed
// from 1 downwards. The quotient by a power of ten is rounded once, so the edges of
// decades are the frequencies 1/10, 1/100 and further, to the bit.
func densityEdges(rows, perDecade int) []float64 {
	edges := []float64{1}
	for scale := 1.0; edges[len(edges)-1] > 1/float64(rows); {
		scale *= 10
		for i := perDecade - 1; i >= 0; i-- {
			edges = append(edges, math.Pow(10, float64(i)/float64(perDecade))/scale)
		}
	}
	slices.Reverse(edges)
	return edges
}
