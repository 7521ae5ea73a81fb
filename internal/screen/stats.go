package screen

import "sync/atomic"

// Stats counts what Encode and EncodeAbove did. Any number of calls may share it.
type Stats struct {
	Rows       atomic.Int64 // rows encoded
	Screened   atomic.Int64 // of these, rows that were screened to the end
	Candidates atomic.Int64 // latents whose bound left them in the race, in the screened rows
	Float64    atomic.Int64 // rows that took the float64 path
}

// add counts one call: its rows, the unscreened ones that took the float64 path, and
// the candidates of the others. s may be nil.
func (s *Stats) add(rows, unscreened, candidates int) {
	if s == nil {
		return
	}
	s.Rows.Add(int64(rows))
	s.Screened.Add(int64(rows - unscreened))
	s.Candidates.Add(int64(candidates))
	s.Float64.Add(int64(unscreened))
}
