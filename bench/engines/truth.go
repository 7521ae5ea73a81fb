package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/export"
)

// size is how much is loaded and asked.
type size struct{ rows, latents, k, queries, hits int }

// sample makes codes whose latents are as uneven as those of trained networks: latent j is active about as often as
// 1/(j+10). Some values are zero, some equal, and every 50th row is that before it.
func sample(rows int, s size, seed uint64) (*ksparse.Codes, error) {
	r := rand.New(rand.NewPCG(seed, 1))
	indices, values := make([][]int32, rows), make([][]float64, rows)
	for i := range rows {
		if i%50 == 49 {
			indices[i], values[i] = indices[i-1], values[i-1]
			continue
		}
		chosen := make(map[int32]bool)
		for len(chosen) < min(s.k, s.latents) {
			j := int32(10 * (math.Pow(float64(s.latents)/10+1, r.Float64()) - 1))
			chosen[min(j, int32(s.latents-1))] = true
		}
		for j := range chosen {
			indices[i] = append(indices[i], j)
		}
		slices.Sort(indices[i])
		for t := range indices[i] {
			v := math.Abs(r.NormFloat64())
			if t%8 == 7 {
				v = float64(r.IntN(3)) / 2
			}
			values[i] = append(values[i], v)
		}
	}
	return ksparse.NewCodes(s.latents, indices, values)
}

// hit is a row that an engine, or this program, found.
type hit struct {
	id    int64
	score float64
}

// stored returns a value as the engine of f keeps it: as float32, of which Lucene, in Elasticsearch and OpenSearch, keeps the first 9
// significant bits.
func stored(f export.Format, v float64) float64 {
	bits := math.Float32bits(float32(v))
	if f == export.Elasticsearch || f == export.OpenSearch {
		bits &^= 1<<15 - 1
	}
	return float64(math.Float32frombits(bits))
}

// products returns the product of row q of queries with each row of codes, as the engine of f stores them, and the largest that
// rounding to float32 can add to one.
func products(f export.Format, codes, queries *ksparse.Codes, q int) (scores []float64, tolerance float64) {
	rows, latents := codes.Dims()
	weights := make([]float64, latents)
	asked, values := queries.Row(q)
	for t, j := range asked {
		weights[j] = float64(float32(values[t]))
	}
	scores = make([]float64, rows)
	for i := range scores {
		indices, values := codes.Row(i)
		for t, j := range indices {
			scores[i] += weights[j] * stored(f, values[t])
		}
		// Each of the at most len(asked) products and sums rounds by 2^-24 of the score at most, as no product is negative.
		tolerance = max(tolerance, float64(2*len(asked))*0x1p-24*scores[i])
	}
	return scores, tolerance
}

// best returns the k rows of the largest scores above 0, equal ones by their numbers.
func best(scores []float64, k int) []hit {
	var all []hit
	for i, v := range scores {
		if v > 0 {
			all = append(all, hit{int64(i), v})
		}
	}
	slices.SortFunc(all, func(a, b hit) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.id, b.id)) })
	return all[:min(k, len(all))]
}

// tally counts how an engine answered.
type tally struct {
	queries, same, ties int     // same: the rows in their order; ties: other rows or another order, of scores equal up to rounding
	rows                int     // given
	difference          float64 // largest, of a score, relative to it
}

// String says what was counted.
func (t tally) String() string {
	return fmt.Sprintf("%d queries, %d hits: %d with the same rows in the same order, %d with others of equal score up to rounding; scores differ by at most %.2g of their size",
		t.queries, t.rows, t.same, t.ties, t.difference)
}

// add compares the answer to a query with the scores of all rows. An error says what differs by more than rounding.
func (t *tally) add(query int, answer []hit, scores []float64, tolerance float64, k int) error {
	want := best(scores, k)
	if len(answer) != len(want) {
		return fmt.Errorf("query %d: %d hits, want %d", query, len(answer), len(want))
	}
	same := true
	seen := make(map[int64]bool)
	for rank, a := range answer {
		if a.id < 0 || a.id >= int64(len(scores)) || seen[a.id] {
			return fmt.Errorf("query %d: hit %d is row %d, which is not there or given twice", query, rank, a.id)
		}
		seen[a.id] = true
		if math.Abs(a.score-scores[a.id]) > tolerance {
			return fmt.Errorf("query %d: hit %d is row %d with score %v, want %v", query, rank, a.id, a.score, scores[a.id])
		}
		if scores[a.id] < want[rank].score-2*tolerance {
			return fmt.Errorf("query %d: hit %d is row %d with score %v, want row %d with %v", query, rank, a.id, a.score, want[rank].id, want[rank].score)
		}
		same = same && a.id == want[rank].id
		t.difference = max(t.difference, math.Abs(a.score/scores[a.id]-1))
	}
	t.queries++
	t.rows += len(answer)
	if same {
		t.same++
	} else {
		t.ties++
	}
	return nil
}

// report compares answers of an engine that stores values as that of f, and says how many are the same.
func report(w io.Writer, f export.Format, answers [][]hit, codes, queries *ksparse.Codes, s size) error {
	var t tally
	for q, answer := range answers {
		scores, tolerance := products(f, codes, queries, q)
		if err := t.add(q, answer, scores, tolerance, s.hits); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "  exact: %v\n", t)
	return err
}
