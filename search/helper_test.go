package search

import (
	"context"
	"slices"
	"sort"
	"testing"

	"github.com/ksparse/ksparse"
)

// ctx is never done.
var ctx = context.Background()

// memoryCodes are the rows of codes in plain slices.
type memoryCodes struct {
	latents int
	rows    [][]int32
	values  [][]float64
}

// newMemoryCodes returns codes of no rows.
func newMemoryCodes(latents int) *memoryCodes { return &memoryCodes{latents: latents} }

// add adds a row, whose latents may come in any order.
func (c *memoryCodes) add(latents []int32, values []float64) {
	order := make([]int, len(latents))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return latents[order[a]] < latents[order[b]] })
	row, v := make([]int32, len(latents)), make([]float64, len(latents))
	for to, from := range order {
		row[to], v[to] = latents[from], values[from]
	}
	c.rows, c.values = append(c.rows, row), append(c.values, v)
}

// part returns the rows lo to hi.
func (c *memoryCodes) part(lo, hi int) *memoryCodes {
	return &memoryCodes{c.latents, slices.Clone(c.rows[lo:hi]), slices.Clone(c.values[lo:hi])}
}

// codes returns them as *ksparse.Codes.
func (c *memoryCodes) codes(t testing.TB) *ksparse.Codes {
	t.Helper()
	codes, err := newCodes(c)
	must(t, err)
	return codes
}

// newCodes returns c as *ksparse.Codes.
func newCodes(c *memoryCodes) (*ksparse.Codes, error) {
	return ksparse.NewCodes(c.latents, c.rows, c.values)
}
