package screen

// choose writes the result of row i, or leaves the row to the float64 path and returns
// false.
func (b *block) choose(i int) bool {
	above := b.candidates.evaluate(i, &b.f)
	if above < b.k && !b.f.Monotone {
		b.ranges.giveUp(i)
		return false
	}
	k := b.k
	to := (b.lo + i) * k
	idx, val, pre := b.out.Idx[to:to+k], b.out.Val[to:to+k], b.out.Pre[to:to+k]
	if above < k {
		b.fill(i, above, idx, val, pre)
		return true
	}
	values, t := b.candidates.values, b.candidates.kth(k)
	ties := k
	for _, v := range values {
		if v > t {
			ties--
		}
	}
	n := 0
	latents, known := b.candidates.row(i)
	b.candidates.ascending(i, func(at int) {
		v := values[at]
		if v < t || v == t && ties == 0 {
			return
		}
		if v == t {
			ties--
		}
		idx[n], val[n], pre[n] = latents[at], v, known[at]
		n++
	})
	if b.f.Magnitude {
		copy(val, pre)
	}
	return true
}

// fill writes the result of a row with fewer than k values above the floor: those,
// and the lowest of all other latents. Their values are the floor, as nothing that
// was not computed can lie above it.
func (b *block) fill(i, above int, idx []int32, val, pre []float64) {
	n, next, missing := 0, int32(0), b.k-above
	b.pairs.reset()
	add := func(until int32) { // latents from next on, all not above the floor
		for ; missing > 0 && next < until; next++ {
			idx[n] = next
			b.pairs.add(i, next)
			n++
			missing--
		}
	}
	latents, known := b.candidates.row(i)
	b.candidates.ascending(i, func(at int) {
		if !(b.candidates.values[at] > b.f.floor) {
			return
		}
		add(latents[at])
		idx[n], pre[n] = latents[at], known[at]
		next = latents[at] + 1
		n++
	})
	add(int32(b.packed.latents))
	others := b.pairs.list
	dots := b.pairs.products(b.rows, b.w, others)
	t := 0
	for s, j := range idx {
		if t < len(others) && others[t].Latent == j {
			pre[s] = dots[t] + b.bias[j]
			t++
		}
	}
	b.pairs.reset()
	b.f.Apply(val, pre)
}
