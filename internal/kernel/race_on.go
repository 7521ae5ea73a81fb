//go:build race

package kernel

import (
	"runtime"
	"unsafe"
)

const raceEnabled = true

// The race detector sees nothing of what assembly reads and writes, so each
// function says it beforehand: row by row, because the gap between two rows may
// belong to another goroutine.

func raceRead[T any](s []T, rows, ld, cols int) {
	raceRows(s, rows, ld, cols, runtime.RaceReadRange)
}

func raceWrite[T any](s []T, rows, ld, cols int) {
	raceRows(s, rows, ld, cols, runtime.RaceWriteRange)
}

// raceStrided tells of element (i, p) at s[i*si+p*sp].
func raceStrided[T any](s []T, rows, si, cols, sp int) {
	if sp != 1 {
		rows, si, cols, sp = cols, sp, rows, si
	}
	if sp == 1 {
		raceRead(s, rows, si, cols)
		return
	}
	for i := range rows {
		for p := range cols {
			raceRead(s[i*si+p*sp:], 1, 0, 1)
		}
	}
}

func raceGather[T any](s []T, ld, cols int, idx []int32) {
	for _, j := range idx {
		raceRead(s[int(j)*ld:], 1, 0, cols)
	}
}

func raceRows[T any](s []T, rows, ld, cols int, tell func(unsafe.Pointer, int)) {
	if cols == 0 {
		return
	}
	for i := range rows {
		row := s[i*ld:][:cols]
		tell(unsafe.Pointer(&row[0]), cols*int(unsafe.Sizeof(row[0])))
	}
}

// markRead and markWritten are raceRead and raceWrite for whole slices.
func markRead(slices ...[]float64) {
	for _, x := range slices {
		raceRead(x, 1, 0, len(x))
	}
}

func markWritten(slices ...[]float64) {
	for _, x := range slices {
		raceWrite(x, 1, 0, len(x))
	}
}
