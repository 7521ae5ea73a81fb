package search

import "github.com/ksparse/ksparse/internal/fault"

// ByCode appends to dst the k rows whose codes have the largest product with a code, the largest first, and
// of equal ones that with the smaller ID first. Only rows with a score above 0 are hits, so there may
// be fewer than k. latents ascend, and values has the value of each; Row of *ksparse.Codes gives
// both. Where only is not nil, only its rows count.
//
// The answer is exact: IDs and scores are those of multiplying the code with that of every row in float64, each
// product rounded and added in the order of the latents. They do not depend on the processor, or on how the
// rows are divided into segments.
//
// It may be called from any number of goroutines. Where dst has room, it makes no garbage. Errors wrap
// ksparse.ErrShape, ksparse.ErrRange or ksparse.ErrNotFinite for a code that does not fit the index; os.ErrClosed
// after Close; io.ErrUnexpectedEOF where a file of the index was cut short since it was opened.
func (x *Index) ByCode(dst []Hit, latents []int32, values []float64, k int, only *IDs) (hits []Hit, err error) {
	if err := fault.Count("k", k); err != nil {
		return dst, err
	}
	if err := x.checkQuery(latents, values); err != nil {
		return dst, err
	}
	faults, err := x.begin()
	if err != nil {
		return dst, err
	}
	defer func() {
		if err != nil {
			hits = dst
		}
	}()
	defer x.end(faults, &err)
	s := newScratch(x.latents)
	s.byCode(x, latents, values, min(k, x.stored()), only)
	hits = append(dst, s.found...)
	s.free()
	return hits, nil
}

// byCode sets s.found to the answer of ByCode.
func (s *scratch) byCode(x *Index, latents []int32, values []float64, k int, only *IDs) {
	q := &s.query
	q.set(latents, values, x.largest)
	s.found = s.found[:0]
	if k == 0 || len(q.latents) == 0 {
		return
	}
	for t, j := range q.latents {
		s.weights[j] = q.weights[t]
	}
	switch {
	case only != nil && x.rowByRow(q, only.Len()):
		s.scoreOnly(x, only)
	case !q.bounded || !s.scanBest(x, only, k):
		s.scoreShared(x, only, k)
	default:
		s.scoreBest(x)
	}
	s.order(k)
}

// scanBest keeps in s.best the rows that can be among the k best. It returns false where sums do not tell:
// see bound.go.
func (s *scratch) scanBest(x *Index, only *IDs, k int) bool {
	s.best.reset(k, s.query.slack)
	s.scan(x, only)
	return s.best.cut() > s.query.slack
}

// rowByRow reports whether it takes less time to score n rows one after the other than to scan. The prices, in
// nanoseconds, were measured on one processor: no answer depends on them.
func (x *Index) rowByRow(q *query, n int) bool {
	const row, posting, rowsANanosecond = 40, 1, 8
	scan := x.stored() / rowsANanosecond
	for i := range x.parts {
		for _, j := range q.latents {
			scan += posting * x.parts[i].postings.length(int(j))
		}
	}
	return n < scan/row
}
