package sparse

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// Index lists the entries of codes latent by latent, rows ascending: those of latent
// j are offsets[j] to offsets[j+1].
type Index struct {
	offsets []int
	entries []int32 // the entry's number in the codes
	rows    []int32 // the entry's row
}

// Build lists the entries of parts, which have the same numbers of rows and latents.
// Entries are numbered part after part; those of a latent that belong to one part
// come before those of the next.
func (x *Index) Build(parts ...Codes) {
	latents, n := parts[0].Cols, 0
	x.offsets = matrix.Resized(x.offsets, latents+1)
	clear(x.offsets)
	for p := range parts {
		n += len(parts[p].Values)
		for _, j := range parts[p].Indices {
			x.offsets[j+1]++
		}
	}
	x.entries, x.rows = matrix.Resized(x.entries, n), matrix.Resized(x.rows, n)
	for j := range latents {
		x.offsets[j+1] += x.offsets[j]
	}
	// offsets[j] now says where the next entry of j goes; in the end that is where
	// j+1 begins, so the whole is shifted back by one.
	base := 0
	for p := range parts {
		c := &parts[p]
		for i := range c.Rows {
			for e := c.Offsets[i]; e < c.Offsets[i+1]; e++ {
				j := c.Indices[e]
				at := x.offsets[j]
				x.offsets[j]++
				x.entries[at], x.rows[at] = int32(base+e), int32(i)
			}
		}
		base += len(c.Values)
	}
	copy(x.offsets[1:], x.offsets[:latents])
	x.offsets[0] = 0
}

// Stack sets to to x with rows of a stack in the place of rows: each part has its own
// rows there, part after part. The entries of part g are numbered first[g] to
// first[g+1].
func (x *Index) Stack(to *Index, first []int, rows int) {
	to.offsets, to.entries = x.offsets, x.entries
	to.rows = matrix.Resized(to.rows, len(x.rows))
	for at, e := range x.entries {
		g := 0
		for int(e) >= first[g+1] {
			g++
		}
		to.rows[at] = int32(g*rows) + x.rows[at]
	}
}

// Gather returns values, one for each entry of the codes, in the order of the index,
// in the memory of dst where that is large enough.
func (x *Index) Gather(dst, values []float64) []float64 {
	dst = matrix.Resized(dst, len(values))
	for at, e := range x.entries {
		dst[at] = values[e]
	}
	return dst
}

// Latent returns the range of latent j's entries.
func (x *Index) Latent(j int) (lo, hi int) { return x.offsets[j], x.offsets[j+1] }

// AddRows adds to dst, one row for each of the latents lo to hi, the rows of m that
// the latent's entries name, times factors.
func (x *Index) AddRows(dst, factors []float64, m matrix.Rows, lo, hi int) {
	kernel.AddRowsBatch(dst, m.Cols, m.Cols, x.offsets[lo:hi+1], factors, m.Data, m.Stride, x.rows)
}

// Grain is for how many latents AddRows should be called at a time, for rows of n
// numbers; few is that number where the entries are few.
func (x *Index) Grain(rows, n, few int) int {
	return matrix.GatherGrain(len(x.offsets)-1, n, len(x.entries), rows, few)
}
