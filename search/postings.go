package search

import (
	"math"

	"github.com/ksparse/ksparse/internal/parallel"
)

// Rows of a segment lie in blocks of blockRows: the sums of a block stay in a near cache while all
// lists are added to them. Of 2^13 rows (32 KB of sums) and 2^14, the latter took as long for BenchmarkByCode/words on
// a Zen 5, and 0.8 times as long for wide: it has half as many runs of entries, each of which begins cold.
const (
	blockBits = 14
	blockRows = 1 << blockBits
	blockMask = blockRows - 1
)

// maxPosting is what stands for the largest magnitude of a list.
const maxPosting = 1<<15 - 1

// postings is the codes latent by latent: the list of latent j has an entry for each row in which its
// value is not zero, rows ascending. An entry has the row within its block in its low 16 bits. In its
// high 16 bits it has, with its sign, the value in units of largest[j]/maxPosting, rounded.
type postings struct {
	rows    int
	largest []float64 // by latent: the largest magnitude of the list, 0 for an empty one
	bases   []int64   // where the list of latent j begins; that of the last one ends at bases[latents]
	starts  []uint32  // starts[j*(blocks+1)+b] is where block b of list j begins, from its base
	entries []uint32
}

// blocks returns into how many blocks the rows are divided.
func (p *postings) blocks() int { return (p.rows + blockRows - 1) / blockRows }

// blockRows returns how many rows are in block b.
func (p *postings) blockRows(b int) int { return min(blockRows, p.rows-b*blockRows) }

// list returns the entries of latent j, and where its blocks begin and end in them.
func (p *postings) list(j int) (entries, starts []uint32) {
	n := p.blocks() + 1
	return p.entries[p.bases[j]:p.bases[j+1]], p.starts[j*n : j*n+n]
}

// length returns how many entries the list of latent j has.
func (p *postings) length(j int) int { return int(p.bases[j+1] - p.bases[j]) }

// newPostings lists codes of the given number of latents. Where scale is not nil, the values of row i
// count scale[i] times. It goes through the codes twice, counting and filling. Each block is filled
// by one goroutine, in places that the counts fix, so the result does not depend on how many there are.
func newPostings(f *forward, latents int, scale []float64) postings {
	p := postings{rows: f.rows(), largest: make([]float64, latents), bases: make([]int64, latents+1)}
	blocks := p.blocks()
	counts := make([]uint32, blocks*latents) // of latent j in block b: counts[b*latents+j]
	workers := parallel.Workers(blocks, 1)
	largest := make([][]float64, workers)
	for w := range largest {
		largest[w] = make([]float64, latents)
	}
	parallel.ForWorkers(workers, blocks, 1, func(worker, lo, hi int) {
		for b := lo; b < hi; b++ {
			p.count(f, scale, b, counts[b*latents:][:latents], largest[worker])
		}
	})
	for _, l := range largest {
		for j, v := range l {
			p.largest[j] = max(p.largest[j], v)
		}
	}
	p.place(counts, blocks, latents)
	parallel.ForWorkers(workers, blocks, 1, func(_, lo, hi int) {
		for b := lo; b < hi; b++ {
			p.fill(f, scale, b, counts[b*latents:][:latents])
		}
	})
	return p
}

// count counts the entries of each latent in block b, and finds the largest magnitudes.
func (p *postings) count(f *forward, scale []float64, b int, counts []uint32, largest []float64) {
	for i := b * blockRows; i < b*blockRows+p.blockRows(b); i++ {
		latents, values := f.row(i)
		values = values[:len(latents)]
		for t, j := range latents {
			v := math.Abs(values[t])
			if scale != nil {
				v *= scale[i]
			}
			if v > 0 {
				counts[j]++
				largest[j] = max(largest[j], v)
			}
		}
	}
}

// place finds where each block of each list begins, and leaves that in counts, from the base of
// the list.
func (p *postings) place(counts []uint32, blocks, latents int) {
	p.starts = make([]uint32, latents*(blocks+1))
	for j := range latents {
		starts, at := p.starts[j*(blocks+1):][:blocks+1], uint32(0)
		for b := range blocks {
			n := counts[b*latents+j]
			starts[b], counts[b*latents+j] = at, at
			at += n
		}
		starts[blocks] = at
		p.bases[j+1] = p.bases[j] + int64(at)
	}
	p.entries = make([]uint32, p.bases[latents])
}

// fill writes the entries of block b, whose places it takes from next.
func (p *postings) fill(f *forward, scale []float64, b int, next []uint32) {
	for i := b * blockRows; i < b*blockRows+p.blockRows(b); i++ {
		latents, values := f.row(i)
		values = values[:len(latents)]
		for t, j := range latents {
			v := values[t]
			if scale != nil {
				v *= scale[i]
			}
			if v != 0 {
				p.entries[p.bases[j]+int64(next[j])] = posting(v, p.largest[j], i&blockMask)
				next[j]++
			}
		}
	}
}

// posting returns the entry of a value in a list with the given largest magnitude.
func posting(v, largest float64, row int) uint32 {
	// Truncation of a positive number rounds it down: so this rounds to the nearest.
	u := int32(float64(maxPosting*(v/largest))+(maxPosting+1.5)) - (maxPosting + 1)
	return uint32(u)<<16 | uint32(row)
}
