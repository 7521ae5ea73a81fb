//go:build !purego

package kernel

// dotBytesNEONGo is DotBytes by SDOT.
func dotBytesNEONGo(dst []int32, q []int8, w []uint8, ldw int, rows []int32) {
	dotBytesBy(callDotBytesNEON, dst, q, w, ldw, rows)
}

// dotBytesPlainNEONGo is DotBytes without SDOT.
func dotBytesPlainNEONGo(dst []int32, q []int8, w []uint8, ldw int, rows []int32) {
	dotBytesBy(callDotBytesPlainNEON, dst, q, w, ldw, rows)
}

// dotBytesBy calls the kernel for as many rows as one call takes.
func dotBytesBy(kernel func(dst *int32, q *int8, w *uint8, ldw, lines int, rows *int32, n, ahead int), dst []int32, q []int8, w []uint8, ldw int, rows []int32) {
	lines := len(q) / BytesLine
	if lines == 0 || len(q)%BytesLine != 0 {
		dotBytesGeneric(dst, q, w, ldw, rows)
		return
	}
	checkByteRows(w, ldw, len(q), rows)
	for len(rows) > 0 {
		n, ahead := byteCall(len(rows), lines, 1)
		kernel(&dst[:n][0], &q[0], &w[0], ldw, lines, &rows[0], n, 4*ahead)
		dst, rows = dst[n:], rows[n:]
	}
}
