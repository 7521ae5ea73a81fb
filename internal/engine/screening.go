package engine

import (
	"math"
	"os"
	"sync/atomic"

	"github.com/ksparse/ksparse/internal/screen"
)

// Screening is a network's switch of certified screening, and counts what it did. It
// may be used while the network is in use.
//
// Where the processor has the instructions for it (AVX2 or more) and a sparse layer is
// wide enough, all its products are first bounded in integers, and only those latents
// that could be active are computed in float64: the candidates. The answer is the same
// bits with screening and without.
type Screening struct {
	off   atomic.Bool
	stats screen.Stats
}

// SetOff turns screening off for all that is computed from now on, or on again. It is
// on at first. Off is for comparing times, and for finding out whether screening is at
// fault.
func (s *Screening) SetOff(off bool) { s.off.Store(off) }

// Off reports whether screening is turned off.
func (s *Screening) Off() bool { return s.off.Load() }

// Stats returns what screening did in all calls so far, training among them.
func (s *Screening) Stats() ScreeningStats {
	return ScreeningStats{Rows: s.stats.Rows.Load(), Candidates: s.stats.Candidates.Load(), Float64: s.stats.Float64.Load()}
}

// ScreeningStats says how the active latents of rows were found. Data that the integer
// bounds do not separate have many candidates, and cost time.
type ScreeningStats struct {
	Rows       int64 // rows that went through a layer with screening
	Candidates int64 // latents that the first bound left as candidates, in the rows that were screened to the end
	Float64    int64 // of the rows, those computed in float64 altogether
}

// ForceScreening is for tests, which run with screening wherever it is possible ("on")
// and nowhere ("off").
var ForceScreening = os.Getenv("KSPARSE_SCREENING")

// worthScreening is the rule by which a layer that keeps k latents of each row is
// screened; where live is set the integers must be made first, for these rows only.
func worthScreening(l *Layer, rows, k int, live bool) bool {
	if l.Selection.Rule == GroupMax {
		return false
	}
	switch ForceScreening {
	case "on":
		return k > 0 && k < l.Out && l.In <= screen.MaxInputs
	case "off":
		return false
	}
	if live {
		return screen.WorthPacking(rows, l.In, l.Out, k)
	}
	return screen.Worth(rows, l.In, l.Out, k)
}

// worthScreeningAbove is the same rule for thresholds. What share of the latents is
// above them is known for BatchTopK only.
func worthScreeningAbove(l *Layer, rows int, live bool) bool {
	switch ForceScreening {
	case "on":
		return l.In <= screen.MaxInputs
	case "off":
		return false
	}
	share := 0.0
	if l.Selection.Rule == BatchTopK {
		share = float64(l.Selection.K) / float64(l.Out)
	}
	if live {
		return screen.WorthPackingAbove(rows, l.In, l.Out, share)
	}
	return screen.WorthAbove(rows, l.In, l.Out, share)
}

// worthPacking reports whether any call to the layer would be screened.
func worthPacking(l *Layer) bool {
	if l.Selection.byThreshold() {
		return worthScreeningAbove(l, math.MaxInt32, false)
	}
	k := l.Selection.K
	return 0 < k && k < l.Out && worthScreening(l, math.MaxInt32, k, false)
}

// NewCopy returns the copy of a layer that does not change, and how many bytes it takes.
func NewCopy(l *Layer) (c *Copy, bytes int) {
	c = new(Copy)
	if worthPacking(l) {
		c.packed = screen.Pack(l.W, biasBefore(l))
		bytes = c.packed.Bytes()
	}
	return c, bytes
}
