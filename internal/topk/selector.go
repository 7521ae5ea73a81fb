package topk

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// selector keeps the k best entries of one row. It is given the row's entries in
// ascending order of their index, a segment or panel at a time, and holds at most
// capacity(k) of them, the candidates, in that order. When there is no room for
// another one it finds the k-th best value, the threshold, and drops all but the k
// best. A later entry that only equals the threshold loses to the earlier ones, so
// an entry must have a larger value.
type selector struct {
	k         int
	n         int // candidates held
	idx       []int32
	val, pre  []float64 // val: what is selected by
	threshold float64   // an entry must have a larger value; -Inf until k are held
	floor     float64   // for a monotone f: no z up to here has a larger value than threshold
	magnitude bool      // val is |pre|, and floor the threshold
	spoilt    bool      // an entry's pre-activation was NaN or infinite: see Encode
}

// capacity is how many candidates a selector of k entries holds at most.
func capacity(k int) int { return 2*k + 16 }

// reset prepares s for a row of which the k best by f are wanted, k at least 1, with
// memory for capacity(k) candidates.
func (s *selector) reset(k int, f Func, idx []int32, val, pre []float64) {
	*s = selector{k: k, idx: idx, val: val, pre: pre, threshold: math.Inf(-1), floor: math.Inf(-1), magnitude: f.Magnitude}
}

// scan gives s the pre-activations z of the entries base, base+1, ...
func (s *selector) scan(z []float64, base int, f Func, spare *spare) {
	keys := z // what rises with the values
	if f.Magnitude {
		keys = spare.values[:len(z)]
		f.Apply(keys, z)
	}
	if s.n == 0 && len(z) >= s.k && s.begin(z, keys, base, f, spare) {
		return
	}
	// While there is no floor, nothing is below it: a z that overflowed to -Inf has a
	// value like any other, and the next test would pass it over.
	if !f.Monotone || math.IsInf(s.floor, -1) {
		for j, zj := range z {
			if v := f.order(zj); v > s.threshold {
				s.push(base+j, v, zj)
			}
		}
		return
	}
	hits := spare.hits[:len(z)]
	for _, j := range hits[:kernel.Above(hits, keys, s.floor)] {
		v := keys[j]
		if !f.Identity {
			v = f.Value(v)
		}
		if v > s.threshold {
			s.push(base+int(j), v, z[j])
		}
	}
}

// begin is scan for the first entries of a row, where they are k or more: it finds
// their k-th best value at once, and holds nothing that this excludes. It returns
// false, and does nothing, where a value is not finite: NaN has no order.
func (s *selector) begin(z, keys []float64, base int, f Func, spare *spare) bool {
	values := keys
	if !f.Identity {
		values = spare.values[:len(z)]
		f.Apply(values, z)
	}
	if !kernel.AllFinite(values) {
		return false
	}
	t := kernel.KthLargest(values, s.k)
	hits := spare.hits[:len(z)]
	hits = hits[:kernel.Above(hits, values, math.Nextafter(t, math.Inf(-1)))] // those >= t
	excess := len(hits) - s.k                                                 // ties, the last ones, for which there is no room
	floor := math.Inf(-1)
	for i := len(hits) - 1; excess > 0; i-- {
		if values[hits[i]] == t {
			hits[i] = -1
			excess--
		}
	}
	for _, j := range hits {
		if j < 0 {
			continue
		}
		v, zj := values[j], z[j]
		if v == t {
			floor = larger(floor, zj)
		}
		s.idx[s.n], s.val[s.n], s.pre[s.n] = int32(base)+j, v, zj
		s.n++
	}
	s.raise(t, floor)
	return true
}

// raise sets the threshold and the floor, which is the largest pre-activation that
// has just this value.
func (s *selector) raise(threshold, floor float64) {
	if s.magnitude {
		floor = threshold
	}
	s.threshold, s.floor = threshold, floor
}

// push adds a candidate: latent j, of value v and pre-activation z.
func (s *selector) push(j int, v, z float64) {
	s.idx[s.n], s.val[s.n], s.pre[s.n] = int32(j), v, z
	s.n++
	if s.n == len(s.idx) {
		s.compact()
	}
}

// merge gives s what a selector of later entries of the same row holds.
func (s *selector) merge(later *selector) {
	s.spoilt = s.spoilt || later.spoilt
	for i, v := range later.val[:later.n] {
		if v > s.threshold {
			s.push(int(later.idx[i]), v, later.pre[i])
		}
	}
}

// compact keeps the k best of what is held, in ascending order of the index.
func (s *selector) compact() {
	t := kernel.KthLargest(s.val[:s.n], s.k)
	ties := s.k // how many of the entries equal to t still have room
	for _, v := range s.val[:s.n] {
		if v > t {
			ties--
		}
	}
	n := 0
	floor := math.Inf(-1)
	for i, v := range s.val[:s.n] {
		if v < t {
			continue
		}
		if v == t {
			if ties == 0 {
				continue
			}
			ties--
			floor = larger(floor, s.pre[i])
		}
		s.idx[n], s.val[n], s.pre[n] = s.idx[i], v, s.pre[i]
		n++
	}
	s.n = n
	s.raise(t, floor)
}

// larger returns the larger of floor and z. A z that is NaN is not larger: functions
// like ReLU give NaN a value, and with max it would become the floor.
func larger(floor, z float64) float64 {
	if z > floor {
		return z
	}
	return floor
}

// finish writes the k best, in ascending order of the index, to slices of length
// k; the row had at least k entries. Where fewer than k were larger than -Inf
// (the rest were -Inf or NaN) the lowest of the other indices fill the row, with
// -Inf as value and pre-activation.
func (s *selector) finish(idx []int32, val, pre []float64) {
	if s.n > s.k {
		s.compact()
	}
	if s.magnitude {
		copy(s.val[:s.n], s.pre)
	}
	if s.n == s.k {
		copy(idx, s.idx[:s.n])
		copy(val, s.val[:s.n])
		copy(pre, s.pre[:s.n])
		return
	}
	// Merge the candidates, which ascend, with the lowest indices that are not held.
	missing, held := s.k-s.n, 0
	for n, j := 0, int32(0); n < s.k; j++ {
		switch {
		case held < s.n && s.idx[held] == j:
			idx[n], val[n], pre[n] = j, s.val[held], s.pre[held]
			held++
			n++
		case missing > 0:
			idx[n], val[n], pre[n] = j, math.Inf(-1), math.Inf(-1)
			missing--
			n++
		}
	}
}

// spare is memory that all selectors of a worker use in turn, for the entries that
// are scanned at a time: a segment or a panel of them.
type spare struct {
	hits   []int32   // positions
	values []float64 // of what is selected by
}

// grow makes room for a segment and for a panel.
func (s *spare) grow() {
	most := max(segment, panel)
	s.hits, s.values = matrix.Resized(s.hits, most), matrix.Resized(s.values, most)
}
