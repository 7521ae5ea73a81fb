package ksparse

import (
	"os"

	"github.com/ksparse/ksparse/internal/screen"
	"github.com/ksparse/ksparse/internal/topk"
)

// ScreenStats says how a network's sparse layers found their active latents. Where
// the processor has the instructions for it (AVX-512 VNNI) and the layer is wide
// enough, all products are first bounded in integers (int8, for few latents int16),
// and only those latents that could be active are computed in float64: the
// candidates. (Of many latents with wide inputs some of these are dropped by a second
// bound, in int16.) The answer is the same bits in every case; data that the bounds do
// not separate have many candidates, and cost time.
type ScreenStats struct {
	Rows       int64 // rows that went through a layer with screening
	Candidates int64 // of those that were screened to the end, latents that the first bound left in the race
	Plain      int64 // of the rows, those computed in float64 altogether
}

// CandidatesPerRow returns the mean number of candidates of a screened row.
func (s ScreenStats) CandidatesPerRow() float64 {
	if s.Rows == s.Plain {
		return 0
	}
	return float64(s.Candidates) / float64(s.Rows-s.Plain)
}

func statsOf(s *screen.Stats) ScreenStats {
	return ScreenStats{Rows: s.Rows.Load(), Candidates: s.Candidates.Load(), Plain: s.Plain.Load()}
}

// SetScreening turns screening off, or on again, for all that the network computes
// from now on. It is on at first. Results are the same bits either way; off is
// for comparing times, and for finding out whether screening is at fault.
func (n *Network) SetScreening(on bool) { n.plain.Store(!on) }

// ScreenStats returns what screening did in all calls of the network so far,
// training among them.
func (n *Network) ScreenStats() ScreenStats { return statsOf(&n.stats) }

// screening is how a sparse layer finds its k largest latents in one pass: which
// integer copy of the weights it may use, and who answers for that being up to date.
type screening struct {
	// packed is the copy. Where kept is set, somebody repacks it whenever the layer
	// changes: a training, after each step, or nobody because the layer is frozen.
	// Else the layer is live, its owner may write to Weights between two calls, and
	// every call makes the copy anew or does without.
	packed  *screen.Packed
	kept    bool
	weights screen.Weights // of a copy that training keeps
	stats   *screen.Stats
}

// forceScreening is for the tests, which run with screening wherever it is
// possible ("on") and nowhere ("off").
var forceScreening = os.Getenv("KSPARSE_SCREENING")

// worthScreening is the rule by which a sparse layer is screened, for so many
// rows and k; where live is set the copy must be made first.
func (l *SparseLayer) worthScreening(rows, k int, live bool) bool {
	if l.selection == SelectGroupMax {
		return false
	}
	switch forceScreening {
	case "on":
		return k > 0 && k < l.out && l.in <= screen.MaxInputs
	case "off":
		return false
	}
	if live {
		return screen.WorthPacking(rows, l.in, l.out, k)
	}
	return screen.Worth(rows, l.in, l.out, k)
}

// worthScreeningAbove is the same rule for thresholds. What share of the latents is
// above them is known of SelectBatchTopK only.
func (l *SparseLayer) worthScreeningAbove(rows int, live bool) bool {
	switch forceScreening {
	case "on":
		return l.in <= screen.MaxInputs
	case "off":
		return false
	}
	share := 0.0
	if l.selection == SelectBatchTopK {
		share = float64(l.k) / float64(l.out)
	}
	if live {
		return screen.WorthPackingAbove(rows, l.in, l.out, share)
	}
	return screen.WorthAbove(rows, l.in, l.out, share)
}

// find sets out to the k largest of f(xWᵀ + b), 0 < k < Out.
func (l *SparseLayer) find(out topk.Selected, x topk.Rows, k int, s *screening, plain bool) {
	f := l.activation.forSelection()
	f.Magnitude = l.selection == SelectAbsTopK
	if s.usable(plain) && l.worthScreening(x.Rows, k, !s.kept) {
		w := s.upToDate(l)
		screen.Encode(out, x, s.packed, w, l.b, k, f, s.stats)
	} else {
		screen.EncodePlain(out, x, l.exact(), l.b, k, f)
	}
}

// findAbove sets out to what is above the thresholds.
func (l *SparseLayer) findAbove(out *topk.List, x topk.Rows, s *screening, plain bool) {
	if s.usable(plain) && l.worthScreeningAbove(x.Rows, !s.kept) {
		w := s.upToDate(l)
		screen.EncodeAbove(out, x, s.packed, w, l.biasBefore(), l.thresholds, s.stats)
	} else {
		screen.EncodeAbovePlain(out, x, l.exact(), l.biasBefore(), l.thresholds)
	}
}

// usable says that there is an integer copy, or that one may be made.
func (s *screening) usable(plain bool) bool { return !plain && (s.packed != nil || !s.kept) }

// upToDate makes the integer copy anew where nobody keeps it, and returns the weights
// that it is a copy of.
func (s *screening) upToDate(l *SparseLayer) screen.Weights {
	w := l.exact()
	if s.kept {
		return w
	}
	if s.packed == nil {
		s.packed = screen.Pack(w, l.biasBefore())
	} else {
		s.packed.Repack(w, l.biasBefore())
	}
	return w
}
