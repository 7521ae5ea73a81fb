//go:build amd64 && !purego

package kernel

// byteRows is how many rows a kernel multiplies side by side.
const byteRows = 4

// dotBytes is DotBytes.
func (s screenSet) dotBytes(dst []int32, q []int8, w []uint8, ldw int, rows []int32) {
	lines := len(q) / BytesLine
	if lines == 0 || len(q)%BytesLine != 0 {
		dotBytesGeneric(dst, q, w, ldw, rows)
		return
	}
	checkByteRows(w, ldw, len(q), rows)
	start := 0
	for _, v := range q {
		start -= BytesZero * int(v)
	}
	for len(rows) >= byteRows {
		n, ahead := byteCall(len(rows), lines, byteRows)
		s.callDotBytes(dst[:n], q, w, ldw, rows[:n], ahead, start)
		dst, rows = dst[n:], rows[n:]
	}
	if len(rows) > 0 {
		var few, sums [byteRows]int32
		for t := range few {
			few[t] = rows[min(t, len(rows)-1)]
		}
		s.callDotBytes(sums[:], q, w, ldw, few[:], 0, start)
		copy(dst, sums[:])
	}
}

// callDotBytes multiplies as many rows as one call takes.
//
//go:noinline
func (s screenSet) callDotBytes(dst []int32, q []int8, w []uint8, ldw int, rows []int32, ahead, start int) {
	fours := len(rows) / byteRows
	switch s {
	case screenAVX512:
		dotBytesAVX512(&dst[0], &q[0], &w[0], ldw, len(q), &rows[0], fours, 4*ahead, start)
	case screenAVXVNNI:
		dotBytesAVXVNNI(&dst[0], &q[0], &w[0], ldw, len(q), &rows[0], fours, 4*ahead, start)
	default:
		dotBytesAVX2(&dst[0], &q[0], &w[0], ldw, len(q), &rows[0], fours, 4*ahead, start)
	}
}
