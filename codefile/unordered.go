package codefile

import (
	"fmt"
	"slices"
	"sort"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/sparse"
)

// appendRow appends a row of the latents, which are below limit and may stand in any order, and their values.
func appendRow(to *sparse.Codes, latents, values []float64, limit float64) error {
	if len(latents) != len(values) {
		return fault.Errorf(fault.ErrShape, "there are %d latents and %d values", len(latents), len(values))
	}
	base := len(to.Indices)
	for _, j := range latents {
		if !(j >= 0 && j < limit) {
			return fault.Errorf(fault.ErrRange, "there is the latent %v, want 0 to %.0f", j, limit-1)
		}
		i := int32(j)
		if float64(i) != j {
			return fault.Errorf(fault.ErrRange, "there is the latent %v, want a whole number", j)
		}
		to.Indices = append(to.Indices, i)
	}
	to.Values = append(to.Values, values...)
	row := byLatent{to.Indices[base:], to.Values[base:]}
	if !slices.IsSorted(row.latents) {
		sort.Sort(row)
	}
	for t, j := range row.latents {
		if t > 0 && j == row.latents[t-1] {
			return fault.Errorf(fault.ErrRange, "the latent %d is there twice", j)
		}
		if v := row.values[t]; v-v != 0 {
			return fault.Errorf(fault.ErrNotFinite, "the value of latent %d is %v", j, v)
		}
	}
	to.EndRow()
	return nil
}

// byLatent sorts a row.
type byLatent struct {
	latents []int32
	values  []float64
}

// Len returns the number of entries.
func (r byLatent) Len() int { return len(r.latents) }

// Less compares the latents of two entries.
func (r byLatent) Less(a, b int) bool { return r.latents[a] < r.latents[b] }

// Swap exchanges two entries.
func (r byLatent) Swap(a, b int) {
	r.latents[a], r.latents[b] = r.latents[b], r.latents[a]
	r.values[a], r.values[b] = r.values[b], r.values[a]
}

// list returns an error unless a JSON value is a list.
func list(field string, value []byte) error {
	if len(value) == 0 {
		return fmt.Errorf("there is no field %q, a list of numbers", field)
	}
	if value[0] != '[' {
		return fmt.Errorf("%s is %.40q, want a list of numbers", field, value)
	}
	return nil
}
