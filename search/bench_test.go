package search

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ksparse/ksparse/codefile"
)

// madeCodes returns codes of rows whose lists have about the given skew, n Σ p² / (Σ p)²: latent j is chosen with a
// probability proportional to (j+j0)^-a, k different ones a row, and values are those of a half-normal
// distribution and 0.1.
func madeCodes(rows, latents, k int, skewed float64) *memoryCodes {
	r := rand.New(rand.NewPCG(18, uint64(latents)))
	a := 1.0
	cumulative := make([]float64, latents)
	j0 := float64(latents) / (4 * skewed * skewed)
	sum := 0.0
	for j := range cumulative {
		sum += math.Pow(float64(j)+j0, -a)
		cumulative[j] = sum
	}
	c := newMemoryCodes(latents)
	taken := make(map[int32]bool, k)
	names := r.Perm(latents)
	row, values := make([]int32, 0, k), make([]float64, 0, k)
	for range rows {
		clear(taken)
		row, values = row[:0], values[:0]
		for len(row) < k {
			u := r.Float64() * sum
			lo, hi := 0, latents-1
			for lo < hi {
				if m := (lo + hi) / 2; cumulative[m] < u {
					lo = m + 1
				} else {
					hi = m
				}
			}
			if j := int32(names[lo]); !taken[j] {
				taken[j] = true
				row = append(row, j)
				values = append(values, 0.1+math.Abs(r.NormFloat64()))
			}
		}
		c.add(row, values)
	}
	return c
}

// benchmarks are the sizes that are measured: word vectors, and wide rows.
var benchmarks = []struct {
	name             string
	rows, latents, k int
	skew             float64
}{
	{"words", 300_000, 4096, 16, 3},
	{"wide", 300_000, 16384, 32, 3},
	{"skewed", 300_000, 16384, 32, 30},
}

// clock starts to measure, and returns what gives the time since then: the time on the wall, or a better one.
var clock = func(b *testing.B) (since func() time.Duration) { return b.Elapsed }

// BenchmarkBuild lists the postings of codes that are in memory.
func BenchmarkBuild(b *testing.B) {
	for _, size := range benchmarks {
		b.Run(size.name, func(b *testing.B) {
			codes := madeCodes(size.rows, size.latents, size.k, size.skew).codes(b)
			for b.Loop() {
				if _, err := Build(ctx, codefile.FromCodes(codes), Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkByCode asks for the 10 best rows, with the codes of rows as queries, on one core. On Linux queries/s and
// ns/posting are of the time that the thread computes.
func BenchmarkByCode(b *testing.B) {
	for _, size := range benchmarks {
		b.Run(size.name, func(b *testing.B) {
			made := madeCodes(size.rows, size.latents, size.k, size.skew)
			codes := made.codes(b)
			x, err := Build(ctx, codefile.FromCodes(codes), Options{})
			if err != nil {
				b.Fatal(err)
			}
			r := rand.New(rand.NewPCG(1, 1))
			var hits []Hit
			postings := 0
			b.ReportAllocs()
			since := clock(b)
			for b.Loop() {
				js, values := codes.Row(r.IntN(size.rows))
				for _, j := range js {
					postings += x.parts[0].postings.length(int(j))
				}
				if hits, err = x.ByCode(hits[:0], js, values, 10, nil); err != nil {
					b.Fatal(err)
				}
			}
			seconds := since().Seconds()
			b.ReportMetric(float64(b.N)/seconds, "queries/s")
			b.ReportMetric(float64(postings)/float64(b.N), "postings")
			b.ReportMetric(1e9*seconds/float64(postings), "ns/posting")
		})
	}
}
