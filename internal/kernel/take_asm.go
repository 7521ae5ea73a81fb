//go:build (amd64 || arm64) && !purego

package kernel

// takeGroup is how many sums one turn of the assembly takes, takeMost how many one call of it.
const takeGroup, takeMost = 32, 1 << 14

// takeAboveBy returns TakeAbove for assembly that takes groups of 32 sums.
func takeAboveBy(groups32 func(hits *int64, sums *int32, groups, t, first int) int) func([]int64, []int32, int32, uint32) int {
	return func(hits []int64, sums []int32, t int32, first uint32) int {
		n, at := 0, 0
		for len(sums)-at >= takeGroup {
			g := min(takeMost, len(sums)-at) / takeGroup
			n += groups32(&hits[n], &sums[at], g, int(t), int(first)+at)
			at += takeGroup * g
		}
		if at < len(sums) {
			n += takeAboveGeneric(hits[n:], sums[at:], t, first+uint32(at))
		}
		return n
	}
}
