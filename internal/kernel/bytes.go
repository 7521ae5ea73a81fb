package kernel

const (
	BytesLine = 64      // the multiple that rows of DotBytes have in bytes: a line of a cache
	BytesZero = 128     // the byte that stands for 0 in them
	MaxBytes  = 1 << 16 // the most inputs that they have: sums of 127*128*2^16 stay in int32
)

// DotBytes sets dst[t] to the product of q and row rows[t] of w, in integers:
//
//	dst[t] = Σ_p q[p]·(w[rows[t]·ldw + p] - 128)
//
// exact for up to MaxBytes inputs. Where len(q) is a multiple of BytesLine (both end with zeros) it is
// fast, and fetches rows ahead that come from memory. It panics where a row is outside w.
func DotBytes(dst []int32, q []int8, w []uint8, ldw int, rows []int32) {
	if len(q) > MaxBytes {
		panic("kernel: DotBytes of more than 65536 inputs")
	}
	dst = dst[:len(rows)]
	if raceEnabled {
		raceWriteAll(dst)
		raceReadAll(q)
		raceReadAll(rows)
		raceGather(w, ldw, len(q), rows)
	}
	active.dotBytes(dst, q, w, ldw, rows)
}

// dotBytesGeneric is DotBytes.
func dotBytesGeneric(dst []int32, q []int8, w []uint8, ldw int, rows []int32) {
	for t, r := range rows {
		var sum int32
		row := w[int(r)*ldw:][:len(q)]
		for p, v := range q {
			sum += int32(v) * (int32(row[p]) - BytesZero)
		}
		dst[t] = sum
	}
}

// checkByteRows panics where one of the rows is not in w.
func checkByteRows(w []uint8, ldw, bytes int, rows []int32) {
	for _, r := range rows {
		_ = w[int(r)*ldw:][:bytes]
	}
}

// The most that one call of a kernel takes, and how far ahead it fetches.
const (
	byteLines = 768 // lines of rows: 8 us where they come from memory
	byteAhead = 48  // lines that are under way
)

// byteCall returns how many of the rows that are left a call takes, a multiple of grain, and how many
// rows ahead of each it fetches.
func byteCall(left, lines, grain int) (n, ahead int) {
	n = min(max(byteLines/lines, grain), left) / grain * grain
	ahead = max(byteAhead/lines, 4)
	switch {
	case n+ahead <= left:
	case left >= ahead+grain:
		n = (left - ahead) / grain * grain
	default:
		ahead = 0
	}
	return n, ahead
}
