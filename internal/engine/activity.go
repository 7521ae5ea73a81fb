package engine

import "github.com/ksparse/ksparse/internal/sparse"

// activity follows which latents of a sparse layer are active from step to step.
type activity struct {
	layer *Layer
	idle  []int64 // rows since each latent was active
}

// see takes in which latents the codes of a batch have active. It returns the mean number
// of active latents in a row, and how many latents were idle for deadAfter rows or more.
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
