// Package topk answers one question: which k latents, with which values, for
// these rows. Everything that selects in ksparse asks it here.
//
// The order is that of the values after the activation, or of their magnitudes;
// equal ones go to the lowest index, and NaN counts as -Inf. So the answer is a
// function of the numbers alone. EncodeAbove asks for all above a threshold
// instead.
package topk

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
)

// Func is an activation as the selection sees it.
type Func struct {
	Value func(z float64) float64
	// Identity says that Value(z) == z.
	Identity bool
	// Monotone says that Value never decreases, as computed, so that a
	// pre-activation can be passed over without computing its value.
	Monotone bool
	// Rising says of a function that is not Monotone that Value(z) <= 0 for z <= 0
	// and that Value never decreases from 0 on, as computed. (Swish and GELU.)
	Rising bool
	// ReLU says that Value(z) is z where z > 0 and else 0.
	ReLU bool
	// Values, where not nil, sets dst = Value(z) for a whole slice; dst may be z.
	// It is for monotone functions that are dear one by one and much cheaper many
	// at a time: see finishMany.
	Values func(dst, z []float64)
	// Magnitude asks for the k largest by |Value(z)|. The values keep their signs.
	// It is for the identity alone.
	Magnitude bool
}

// order returns what f selects by.
func (f Func) order(z float64) float64 {
	if f.Magnitude {
		return math.Abs(z)
	}
	return f.Value(z)
}

// Apply sets dst to what f selects by.
func (f Func) Apply(dst, z []float64) {
	dst = dst[:len(z)]
	switch {
	case f.Magnitude:
		for t, v := range z {
			dst[t] = math.Abs(v)
		}
	case f.Identity:
		copy(dst, z)
	case f.ReLU:
		for t, v := range z {
			if !(v > 0) {
				v = 0
			}
			dst[t] = v
		}
	case f.Values != nil:
		f.Values(dst, z)
	default:
		for t, v := range z {
			dst[t] = f.Value(v)
		}
	}
}

// plain is the selection by pre-activation.
var plain = Func{Value: func(z float64) float64 { return z }, Identity: true, Monotone: true}

// Selector keeps the k best entries of one row while the row's entries come by
// in ascending order of their index. It holds up to twice k candidates, all in
// ascending order; when they are full it finds the k-th value, the threshold,
// and keeps the k best. A later entry that only equals the threshold loses to
// the earlier ones, so the test against it is strict.
type Selector struct {
	k         int
	n         int // candidates held
	idx       []int32
	val, pre  []float64 // val: what is selected by
	threshold float64   // an entry must have a larger value; -Inf until k are held
	floor     float64   // for a monotone f: no z up to here has a larger value than threshold
	magnitude bool      // val is |pre|, and floor the threshold
}

// capacity is how many candidates a Selector of k entries holds at most.
func capacity(k int) int { return 2*k + 16 }

// reset prepares s for a row of which the k best by f are wanted, k at least 1, with
// memory for capacity(k) candidates.
func (s *Selector) reset(k int, f Func, idx []int32, val, pre []float64) {
	*s = Selector{k: k, idx: idx, val: val, pre: pre, threshold: math.Inf(-1), floor: math.Inf(-1), magnitude: f.Magnitude}
}

// scan shows s the pre-activations of the entries base, base+1, ...
func (s *Selector) scan(z []float64, base int, f Func, spare *spare) {
	keys := z // what rises with the values
	if f.Magnitude {
		keys = spare.piece[:len(z)]
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

// begin is scan for the first piece of a row, where it has k entries: their k-th
// value is found at once, and nothing has to be held that it excludes. It leaves
// a piece with a value that is not finite to scan: NaN has no order.
func (s *Selector) begin(z, keys []float64, base int, f Func, spare *spare) bool {
	values := keys
	if !f.Identity {
		values = spare.piece[:len(z)]
		f.Apply(values, z)
	}
	if !kernel.AllFinite(values) {
		return false
	}
	t := kernel.KthLargest(values, s.k)
	hits := spare.hits[:len(z)]
	hits = hits[:kernel.Above(hits, values, math.Nextafter(t, math.Inf(-1)))] // those >= t
	excess := len(hits) - s.k                                                 // so many of the last ties have no room
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

// raise sets the threshold, and with it the largest pre-activation that has just
// this value.
func (s *Selector) raise(threshold, floor float64) {
	if s.magnitude {
		floor = threshold
	}
	s.threshold, s.floor = threshold, floor
}

func (s *Selector) push(j int, v, z float64) {
	s.idx[s.n], s.val[s.n], s.pre[s.n] = int32(j), v, z
	s.n++
	if s.n == len(s.idx) {
		s.compact()
	}
}

// merge shows s what a selection over later entries holds.
func (s *Selector) merge(later *Selector) {
	for i, v := range later.val[:later.n] {
		if v > s.threshold {
			s.push(int(later.idx[i]), v, later.pre[i])
		}
	}
}

// compact keeps the k best of what is held, in ascending order of the index.
func (s *Selector) compact() {
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

// larger returns the larger of floor and z, which may be NaN: a function like ReLU
// gives that a value all the same, and max would make it the floor.
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
func (s *Selector) finish(idx []int32, val, pre []float64) {
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
	// Merge the held ones, which ascend, with the lowest indices that are not held.
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
