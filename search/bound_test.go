package search

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// farFromSums returns the largest distance of a score from its sum, as a share of the bound E, over all rows of an
// index of one segment, and the largest magnitude of a sum. Both are computed without rounding.
func farFromSums(x *Index, latents []int32, values []float64) (distance float64, largest int64) {
	var q query
	q.set(latents, values, x.largest)
	p := &x.parts[0]
	sums, scores := make([]int64, len(p.ids)), make([]*big.Float, len(p.ids))
	for i := range scores {
		scores[i] = new(big.Float).SetPrec(2000)
		js, vs := p.codes.row(i)
		for t, j := range js {
			for s, l := range q.latents {
				if l == j {
					product := new(big.Float).SetPrec(2000).Mul(big.NewFloat(vs[t]), big.NewFloat(q.weights[s]))
					scores[i].Add(scores[i], product)
				}
			}
		}
	}
	for _, t := range q.terms(nil, &p.postings) {
		for b := range p.postings.blocks() {
			for _, e := range t.entries[t.starts[b]:t.starts[b+1]] {
				i := b*blockRows + int(e&blockMask)
				sums[i] += int64(t.factor) * int64(int32(e)>>16)
				largest = max(largest, sums[i], -sums[i])
			}
		}
	}
	unit := new(big.Float).SetPrec(2000).Quo(big.NewFloat(q.total), big.NewFloat(maxPosting*q.gain))
	for i, score := range scores {
		score.Quo(score, unit)
		score.Sub(score, new(big.Float).SetInt64(sums[i]))
		d, _ := score.Float64()
		distance = max(distance, math.Abs(d)/(float64(q.slack)/2))
	}
	return distance, largest
}

// TestBound: sums are as near to scores as is proved, and fit 32 bits, for values that round as badly as can be.
func TestBound(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 0))
	farthest := 0.0
	for n := range 60 {
		terms := []int{1, 2, 3, 16, 32, 200, 1500}[r.IntN(7)]
		c := newMemoryCodes(terms)
		row, most, weights := make([]int32, terms), make([]float64, terms), make([]float64, terms)
		scale := math.Ldexp(1, r.IntN(900)-450)
		for j := range row {
			row[j], most[j], weights[j] = int32(j), scale, 1+1e-3*r.Float64()
			if n%2 == 0 {
				most[j], weights[j] = scale*r.Float64(), r.NormFloat64()
			}
		}
		c.add(row, most)
		for range 5 { // half way between two integers, and next to it
			values := make([]float64, terms)
			for j := range values {
				values[j] = most[j] * (float64(r.IntN(maxPosting)) + 0.5 + []float64{0, 1e-9, -1e-9}[r.IntN(3)]) / maxPosting
			}
			c.add(row, values)
		}
		far, largest := farFromSums(built(t, c), row, weights)
		if far > 1 || largest > math.MaxInt32 {
			t.Errorf("%d terms: %v of the bound, sums up to %d", terms, far, largest)
		}
		farthest = max(farthest, far)
	}
	if farthest < 0.25 {
		t.Errorf("no score is farther from its sum than %v of the bound: the bound could be narrower", farthest)
	}
	t.Logf("scores are up to %.2f of the bound from their sums", farthest)
}

// TestManyTerms: a query of more terms than sums have room for is answered row by row.
func TestManyTerms(t *testing.T) {
	const latents = maxTerms + 100
	c := newMemoryCodes(latents)
	row, values := make([]int32, latents), make([]float64, latents)
	for range 3 {
		for j := range row {
			row[j], values[j] = int32(j), rand.Float64()
		}
		c.add(row, values)
	}
	all := trial{codes: c, index: built(t, c)}
	want := all.bruteForce(c.rows[1], c.values[1], 2, nil)
	got, err := all.index.ByCode(nil, c.rows[1], c.values[1], 2, nil)
	must(t, err)
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%v, want %v", got, want)
	}
	if far, largest := farFromSums(built(t, &memoryCodes{maxTerms, [][]int32{row[:maxTerms]}, [][]float64{values[:maxTerms]}}), row[:40], values[:40]); far > 1 || largest > math.MaxInt32 {
		t.Errorf("%v of the bound, sums up to %d", far, largest)
	}
}
