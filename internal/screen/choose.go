package screen

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/topk"
)

// What a bound on a pre-activation says about the value after the activation f.
//
// f does not decrease, as computed, so a latent whose pre-activation is at most z
// has a value of at most f(z), rounding and saturation included: with a sigmoid,
// many bounds may give 1, and all of those latents stay in the race, where ties go
// to the lowest index. At the other end f may have a floor, a smallest value that
// it takes for all z up to some point: 0 of ReLU, -1 of ELU. A latent whose bound
// is at the floor has exactly that value, without being computed.
//
// Swish and GELU fall before they rise. On z > 0 they are what is said above,
// with 0 as the floor, and a latent with z <= 0 has a value of at most 0. So a row
// with k values above 0 is chosen as if f were 0 below 0, and any other takes the
// plain path.

// level returns f(z), or the floor where f has not begun to rise.
func (c *call) level(z float64) float64 {
	switch {
	case c.f.Identity:
		return z
	case !c.f.Monotone && z <= 0:
		return c.floor
	}
	return c.f.Value(z)
}

// exceeds returns the smallest code whose bound has a value above t. The largest
// code stands for any bound and always counts.
func (c *call) exceeds(unit, t float64) int16 {
	if t == -math.MaxFloat64 {
		return math.MinInt16 // the floor of functions without one
	}
	return c.search(func(code int) bool { return c.level(upper(code, unit)) > t })
}

// reaches returns the smallest code whose bound has at least the value t.
func (c *call) reaches(unit, t float64) int16 {
	return c.search(func(code int) bool { return c.level(upper(code, unit)) >= t })
}

// search returns the smallest code that satisfies ok, which grows with the code.
func (c *call) search(ok func(code int) bool) int16 {
	lo, hi := math.MinInt16, math.MaxInt16
	for lo < hi {
		mid := lo + (hi-lo)>>1
		if ok(mid) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return int16(lo)
}

// evaluate sets values to the activated values of row i's candidates and returns
// how many are above the floor.
func (b *block) evaluate(i int) (above int) {
	n := b.count[i]
	pre := b.pre[i*b.room:][:n]
	b.values = topk.Grown(b.values, n)
	b.f.Apply(b.values, pre)
	for _, v := range b.values {
		if v > b.floor {
			above++
		}
	}
	return above
}

// kth returns the k-th largest of values.
func (b *block) kth() float64 { return kernel.KthLargest(b.values, b.k) }

// secondThreshold sets the codes of row i that round 2 is after: below those of
// round 1, and with a bound that reaches the k-th best value, or just the floor
// where there are no k values above it yet.
func (b *block) secondThreshold(i int) {
	done := b.low[i]
	if done == math.MinInt16 {
		b.low[i], b.high[i] = math.MaxInt16, math.MinInt16
		return
	}
	if b.evaluate(i) >= b.k {
		b.low[i] = b.reaches(b.unit[i], b.kth())
	} else {
		b.low[i] = b.exceeds(b.unit[i], b.floor)
	}
	b.high[i] = done - 1
}

// choose writes the result of row i, or gives the row up and returns false.
func (b *block) choose(i int) bool {
	above := b.evaluate(i)
	if above < b.k && !b.f.Monotone {
		b.giveUp(i)
		return false
	}
	k := b.k
	to := (b.lo + i) * k
	idx, val, pre := b.out.Idx[to:to+k], b.out.Val[to:to+k], b.out.Pre[to:to+k]
	if above < k {
		b.fill(i, above, idx, val, pre)
		return true
	}
	t := b.kth()
	ties := k
	for _, v := range b.values {
		if v > t {
			ties--
		}
	}
	n := 0
	b.ascending(i, func(c int) {
		v := b.values[c]
		if v < t || v == t && ties == 0 {
			return
		}
		if v == t {
			ties--
		}
		idx[n], val[n], pre[n] = b.idx[i*b.room+c], v, b.pre[i*b.room+c]
		n++
	})
	if b.f.Magnitude {
		copy(val, pre)
	}
	return true
}

// ascending calls f for the candidates of row i by ascending latent: both rounds
// found theirs in that order.
func (b *block) ascending(i int, f func(c int)) {
	idx := b.idx[i*b.room:][:b.count[i]]
	s, t := 0, b.first[i]
	for s < b.first[i] || t < len(idx) {
		if t == len(idx) || s < b.first[i] && idx[s] < idx[t] {
			f(s)
			s++
		} else {
			f(t)
			t++
		}
	}
}

// fill writes the result of a row with fewer than k values above the floor: those,
// and the lowest of all other latents. Their values are the floor, as nothing that
// was not computed can lie above it.
func (b *block) fill(i, above int, idx []int32, val, pre []float64) {
	n, next, missing := 0, int32(0), b.k-above
	b.pairs = b.pairs[:0]
	add := func(until int32) { // latents from next on, all not above the floor
		for ; missing > 0 && next < until; next++ {
			idx[n] = next
			b.pairs = append(b.pairs, kernel.Pair{Row: int32(i), Latent: next})
			n++
			missing--
		}
	}
	b.ascending(i, func(c int) {
		if !(b.values[c] > b.floor) {
			return
		}
		j := b.idx[i*b.room+c]
		add(j)
		idx[n], pre[n] = j, b.pre[i*b.room+c]
		next = j + 1
		n++
	})
	add(int32(b.packed.latents))
	b.dots = topk.Grown(b.dots, max(chunk, len(b.pairs)))
	b.w.dotPairs(b.dots, b.own, b.pairs)
	t := 0
	for s, j := range idx {
		if t < len(b.pairs) && b.pairs[t].Latent == j {
			pre[s] = b.dots[t] + b.bias[j]
			t++
		}
	}
	b.pairs = b.pairs[:0]
	b.f.Apply(val, pre)
}
