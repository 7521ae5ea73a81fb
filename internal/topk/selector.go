// Package topk answers one question: which k latents, with which values, for
// these rows. Everything that selects in ksparse asks it here.
//
// The order is that of the values after the activation; equal values go to the
// lowest index, and NaN counts as -Inf. So the answer is a function of the
// numbers alone.
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
}

// Selector keeps the k best entries of one row while the row's entries come by
// in ascending order of their index. It holds up to twice k candidates, all in
// ascending order; when they are full it finds the k-th value, the threshold,
// and keeps the k best. A later entry that only equals the threshold loses to
// the earlier ones, so the test against it is strict.
type Selector struct {
	k         int
	idx       []int32
	val, pre  []float64
	threshold float64 // an entry must have a larger value; -Inf until k are held
	floor     float64 // for a monotone f: no z up to here has a larger value than threshold
	sorted    []float64
	hits      []int32
}

// Reset prepares s for a row of which the k best are wanted, k at least 1.
func (s *Selector) Reset(k int) {
	s.k = k
	if capacity := 2*k + 16; cap(s.idx) < capacity {
		s.idx = make([]int32, 0, capacity)
		s.val = make([]float64, 0, capacity)
		s.pre = make([]float64, 0, capacity)
		s.sorted = make([]float64, capacity)
	}
	s.idx, s.val, s.pre = s.idx[:0], s.val[:0], s.pre[:0]
	s.threshold, s.floor = math.Inf(-1), math.Inf(-1)
}

// Scan shows s the pre-activations of the entries base, base+1, ...
func (s *Selector) Scan(z []float64, base int, f Func) {
	if !f.Monotone {
		for j, zj := range z {
			if v := f.Value(zj); v > s.threshold {
				s.push(base+j, v, zj)
			}
		}
		return
	}
	if cap(s.hits) < len(z) {
		s.hits = make([]int32, len(z))
	}
	hits := s.hits[:len(z)]
	for _, j := range hits[:kernel.Above(hits, z, s.floor)] {
		zj := z[j]
		v := zj
		if !f.Identity {
			v = f.Value(zj)
		}
		if v > s.threshold {
			s.push(base+int(j), v, zj)
		}
	}
}

func (s *Selector) push(j int, v, z float64) {
	s.idx = append(s.idx, int32(j))
	s.val = append(s.val, v)
	s.pre = append(s.pre, z)
	if len(s.idx) == 2*s.k+16 {
		s.compact()
	}
}

// compact keeps the k best of what is held, in ascending order of the index.
func (s *Selector) compact() {
	sorted := s.sorted[:len(s.val)]
	copy(sorted, s.val)
	t := kthLargest(sorted, s.k)
	ties := s.k // how many of the entries equal to t still have room
	for _, v := range s.val {
		if v > t {
			ties--
		}
	}
	n := 0
	floor := math.Inf(-1)
	for i, v := range s.val {
		if v < t {
			continue
		}
		if v == t {
			if ties == 0 {
				continue
			}
			ties--
			floor = max(floor, s.pre[i])
		}
		s.idx[n], s.val[n], s.pre[n] = s.idx[i], v, s.pre[i]
		n++
	}
	s.idx, s.val, s.pre = s.idx[:n], s.val[:n], s.pre[:n]
	s.threshold, s.floor = t, floor
}

// Finish writes the k best, in ascending order of the index, to slices of length
// k; the row had at least k entries. Where fewer than k were larger than -Inf
// (the rest were -Inf or NaN) the lowest of the other indices fill the row, with
// -Inf as value and pre-activation.
func (s *Selector) Finish(idx []int32, val, pre []float64) {
	if len(s.idx) > s.k {
		s.compact()
	}
	if len(s.idx) == s.k {
		copy(idx, s.idx)
		copy(val, s.val)
		copy(pre, s.pre)
		return
	}
	// Fewer than k entries were larger than -Inf: merge the held ones, which
	// ascend, with the lowest indices that are not held.
	missing := s.k - len(s.idx)
	held := 0
	for n, j := 0, int32(0); n < s.k; j++ {
		switch {
		case held < len(s.idx) && s.idx[held] == j:
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

// kthLargest returns the k-th largest element of v, 1 <= k <= len(v), and
// leaves v in another order. v holds no NaN.
func kthLargest(v []float64, k int) float64 {
	lo, hi, want := 0, len(v)-1, k-1 // v is partitioned in descending order
	for lo < hi {
		// The median of three keeps sorted rows, the common bad case, linear.
		a, b, c := v[lo], v[lo+(hi-lo)/2], v[hi]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := lo, hi
		for i <= j {
			for v[i] > pivot {
				i++
			}
			for v[j] < pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case want <= j:
			hi = j
		case want >= i:
			lo = i
		default:
			return v[want]
		}
	}
	return v[lo]
}
