package search

import (
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/fault"
)

// ByCode adds up integers, and computes in float64 only the scores of rows that can be among the k
// best. This is why no other row can.
//
// Let the query have m weights w[t] that are not zero, and let M[t] be the largest magnitude of list t in
// the index. With
//
//	S = Σ |w[t]| M[t],  as computed          total
//	G = 65535 - m/2,    rounded down         gain
//
// a score is measured in units of S/(32767 G). In a part of the index, let L[t] <= M[t] be the largest
// magnitude of the list there. For a row with the value v[t] in list t, in real numbers,
//
//	a[t] = G w[t] L[t] / S     W[t] = a[t], rounded      |W-a| <= 1/2 + e
//	b[t] = 32767 v[t] / L[t]   u[t] = b[t], rounded      |u-b| <= 1/2 + e
//	score = Σ a[t] b[t]        sum = Σ W[t] u[t],        which the scan computes without rounding
//
// e <= 2^-20 stands for float64: a is three roundings of a number of at most 65536, b is three of one of
// at most 65536. S is a sum of at most 65536 products, each of them and their sum rounded, so
// Σ |a| <= G (1 + 65537·2^-53) <= G + 2^-20. Hence
//
//	Σ |W| <= Σ |a| + (1/2+e) m < 65536 + 1/2,  so, as an integer, <= 65536
//	|sum| <= 65536·32767 < 2^31                the sum fits 32 bits, and so does each part of it
//
//	|a b - W u| = |(a-W) b + W (b-u)| <= (1/2+e) (32767 + |W|)
//	|score - sum| <= (1/2+e) (32767 m + 65536) < 16384 m + 32769
//
// The float64 score that ByCode returns differs from the real one by the rounding of m products and
// m sums, less than (m+1) 2^-53 S, which is less than 1 unit, and by what products lose that are too
// small for float64, m 2^-1075, which is far less where S >= 2^-900. So, in units,
//
//	|float64 score - sum| <= E = 16384 (m+2) + 2
//
// Let T be the k-th largest sum of the rows that count. The k rows with sums of T or more have scores of
// T-E or more. So a row among the k best, and one that is equal to the last of those, has a score of T-E
// or more, and a sum of T-2E or more: these rows are kept. Where T > 2E there are k rows with scores above 0,
// and a row without a posting in any of the lists, whose sum is 0, is not kept. Else the k best may be
// among rows whose sums are 0 or less, and all rows that have a latent of the query are scored. They are,
// too, where m > 65536 or S < 2^-900.
const (
	maxTerms   = 1 << 16
	leastTotal = 0x1p-900
)

// slackOf returns 2E for a query of m terms. A test makes it smaller.
var slackOf = func(m int) int64 { return 2 * (16384*(int64(m)+2) + 2) }

// query is a code to search for: the latents whose weights are not zero.
type query struct {
	latents []int32
	weights []float64
	total   float64 // S
	gain    float64 // G
	slack   int64   // 2E
	bounded bool    // sums say enough about scores
}

// set makes q the query for a code in an index whose largest magnitudes are given.
func (q *query) set(latents []int32, values, largest []float64) {
	q.latents, q.weights, q.total = q.latents[:0], q.weights[:0], 0
	for t, j := range latents {
		if w := values[t]; w != 0 && largest[j] > 0 {
			q.latents, q.weights = append(q.latents, j), append(q.weights, w)
			q.total += float64(math.Abs(w) * largest[j])
		}
	}
	m := len(q.latents)
	q.gain, q.slack = float64(maxTerms-1-m/2), slackOf(m)
	q.bounded = m <= maxTerms && q.total >= leastTotal
}

// term is a list and the factor with which it is added to the sums.
type term struct {
	entries []uint32
	starts  []uint32 // where each block begins and ends in entries
	factor  int32    // W
}

// terms appends to dst the lists of p that the query adds up.
func (q *query) terms(dst []term, p *postings) []term {
	for t, j := range q.latents {
		factor := int32(math.RoundToEven(q.gain * (q.weights[t] * p.largest[j] / q.total)))
		if factor == 0 || p.length(int(j)) == 0 {
			continue
		}
		entries, starts := p.list(int(j))
		dst = append(dst, term{entries, starts, factor})
	}
	return dst
}

// checkQuery returns what is wrong with a code to search for.
func (x *Index) checkQuery(latents []int32, values []float64) error {
	if err := checkRow(latents, values, x.latents); err != nil {
		return fault.Errorf(err, "the code to search for: %s", fault.Text(err))
	}
	return nil
}

// best keeps the hits of a scan that can be among the k best, by their sums. A hit has its sum in the
// high 32 bits, and the place of the row among all rows of the index in the low ones.
type best struct {
	k     int
	slack int64
	hits  []int64 // in the order of their rows
	above int32   // a sum of this or less is not kept
	limit int     // with so many hits a cut is worth while
	copy  []int64 // memory of a cut
}

// reset makes b empty.
func (b *best) reset(k int, slack int64) {
	b.k, b.slack, b.hits, b.above, b.limit = k, slack, b.hits[:0], 0, 2*k+64
}

// cut drops the hits that cannot be among the k best. It returns the k-th largest sum, 0 where there are
// fewer hits.
func (b *best) cut() int64 {
	if b.k < 1 || len(b.hits) < b.k {
		return 0
	}
	b.copy = append(b.copy[:0], b.hits...)
	kth := nthLargest(b.copy, b.k) >> 32
	if above := kth - b.slack - 1; above > int64(b.above) {
		b.above = int32(above)
		kept := b.hits[:0]
		for _, h := range b.hits {
			if h>>32 > above {
				kept = append(kept, h)
			}
		}
		b.hits = kept
	}
	b.limit = max(2*b.k+64, 2*len(b.hits))
	return kth
}

// nthLargest returns the n-th largest of v, 1 <= n <= len(v), and changes the order of v. It divides v around
// the middle one of three; where that goes badly too often, it sorts.
func nthLargest(v []int64, n int) int64 {
	at := len(v) - n // in ascending order
	for tries := 0; len(v) > 16 && tries < 64; tries++ {
		a, b, c := v[0], v[len(v)/2], v[len(v)-1]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := 0, len(v)-1
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i, j = i+1, j-1
			}
		}
		switch { // v[:j+1] <= pivot, v[i:] >= pivot, between them pivot
		case at <= j:
			v = v[:j+1]
		case at >= i:
			v, at = v[i:], at-i
		default:
			return pivot
		}
	}
	slices.Sort(v)
	return v[at]
}
