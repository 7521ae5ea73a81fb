//go:build amd64 && !purego

package kernel

// callTakeAboveAVX2 calls the assembly. Its prologue is where a goroutine that loops over calls can
// be stopped for the garbage collector.
//
//go:noinline
func callTakeAboveAVX2(hits *int64, sums *int32, groups, t, first int) int {
	return takeAboveAVX2(hits, sums, groups, t, first)
}
