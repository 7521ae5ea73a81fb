package kernel

// TakeAbove takes the sums above t, and makes all sums zero for the next use: for each
// sums[j] > t, in ascending order of j, it writes sums[j]<<32 + first+j to hits. So hits order by
// their sum. It returns how many there are. hits has at least len(sums) elements; those after the
// last hit are not defined. first+len(sums) is at most 2^31.
func TakeAbove(hits []int64, sums []int32, t int32, first uint32) int {
	hits = hits[:len(sums)]
	raceWriteAll(sums)
	raceWriteAll(hits)
	return active.takeAbove(hits, sums, t, first)
}

// takeAboveGeneric is TakeAbove.
func takeAboveGeneric(hits []int64, sums []int32, t int32, first uint32) int {
	n, at := 0, 0
	for len(sums)-at >= 8 { // most groups have no hit
		s := sums[at : at+8 : at+8]
		if max(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]) > t {
			n += takeSome(hits[n:], s, t, first+uint32(at))
		}
		s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7] = 0, 0, 0, 0, 0, 0, 0, 0
		at += 8
	}
	n += takeSome(hits[n:], sums[at:], t, first+uint32(at))
	clear(sums[at:])
	return n
}

// takeSome is TakeAbove that leaves the sums as they are.
func takeSome(hits []int64, sums []int32, t int32, first uint32) (n int) {
	for j, s := range sums {
		if s > t {
			hits[n] = int64(s)<<32 | int64(first+uint32(j))
			n++
		}
	}
	return n
}
