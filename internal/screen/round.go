package screen

import "github.com/ksparse/ksparse/internal/kernel"

// round computes the values of all latents whose codes are in the ranges of their rows.
// It goes panel by panel and latent by latent, so that a row of weights is read once
// for all rows that need it.
func (b *block) round() {
	if b.codes.rows == 1 {
		b.roundOfOne()
		return
	}
	p := b.packed
	hits := b.pairs.hits(b.rows.Rows * kernel.ScreenLatents)
	for panel := range p.panels {
		present := ^uint32(0)
		if over := (panel+1)*kernel.ScreenLatents - p.latents; over > 0 {
			// The others are padding. Their codes are the lowest that there is, which those
			// of latents may be too.
			present >>= over
		}
		n := kernel.ScreenPairs(hits, b.codes.panel(panel), b.ranges.low, b.ranges.high, 0, int32(panel*kernel.ScreenLatents), present)
		b.pairs.addByLatent(hits[:n])
		if len(b.pairs.list) >= chunk {
			b.compute(b.middle != nil)
		}
	}
	b.compute(b.middle != nil)
}

// roundOfOne is round for a single row. The codes of all its panels follow one another
// without gaps, so it looks through many panels at once, as if they were rows.
func (b *block) roundOfOne() {
	const most = 256
	panels := b.packed.panels
	low, high := b.ranges.repeated(min(panels, most))
	hits := b.pairs.hits(len(low) * kernel.ScreenLatents)
	for panel := 0; panel < panels; panel += most {
		n := min(most, panels-panel)
		k := kernel.ScreenPairs(hits, b.codes.all[panel*kernel.ScreenLatents:], low[:n], high, int32(panel), 0, ^uint32(0))
		for _, p := range hits[:k] {
			if j := p.Row*kernel.ScreenLatents + p.Latent; int(j) < b.packed.latents {
				b.pairs.add(0, j)
			}
		}
	}
	b.compute(b.middle != nil)
}

// compute adds the collected pairs to the candidates of their rows, with their values
// or with the intervals of the middle stage.
func (b *block) compute(intervals bool) {
	list := b.pairs.list
	for from := 0; from < len(list); from += chunk {
		part := list[from:min(from+chunk, len(list))]
		if intervals {
			b.addIntervals(part)
		} else {
			b.addValues(part)
		}
	}
	b.pairs.reset()
}

// addValues adds pairs to the candidates of their rows, with their pre-activations.
func (b *block) addValues(part []kernel.Pair) {
	dots := b.pairs.products(b.rows, b.w, part)
	pre := b.candidates.pre
	for t, p := range part {
		if at := b.addCandidate(p); at >= 0 {
			pre[at] = dots[t] + b.bias[p.Latent]
		}
	}
}

// addCandidate adds a latent to the candidates of its row and returns where it stands,
// or -1 where the row takes the float64 path, be it for want of room.
func (b *block) addCandidate(p kernel.Pair) int {
	i := int(p.Row)
	if !b.ranges.open(i) {
		return -1
	}
	at := b.candidates.add(i, p.Latent)
	if at < 0 {
		b.ranges.giveUp(i)
	}
	return at
}
