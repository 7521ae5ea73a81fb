//go:build race

package kernel

import (
	"runtime"
	"unsafe"
)

const raceEnabled = true

// The race detector sees nothing of what assembly reads and writes. So each exported
// function reports it beforehand, row by row, because the gap between two rows may
// belong to another goroutine.

// raceRead reports that the rows of s are read: each has cols elements, and they
// start ld elements apart.
func raceRead[T any](s []T, rows, ld, cols int) {
	raceRows(s, rows, ld, cols, runtime.RaceReadRange)
}

// raceWrite reports that the rows of s are written.
func raceWrite[T any](s []T, rows, ld, cols int) {
	raceRows(s, rows, ld, cols, runtime.RaceWriteRange)
}

// raceReadAll reports that whole slices are read.
func raceReadAll[T any](slices ...[]T) {
	for _, s := range slices {
		raceRead(s, 1, 0, len(s))
	}
}

// raceWriteAll reports that whole slices are written.
func raceWriteAll[T any](slices ...[]T) {
	for _, s := range slices {
		raceWrite(s, 1, 0, len(s))
	}
}

// raceStrided reports that a matrix is read whose element (i, p) is s[i*si+p*sp].
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

// raceGather reports that the rows idx of s are read.
func raceGather[T any](s []T, ld, cols int, idx []int32) {
	for _, j := range idx {
		raceRead(s[int(j)*ld:], 1, 0, cols)
	}
}

// raceRows reports the rows of s, one call of report for each.
func raceRows[T any](s []T, rows, ld, cols int, report func(unsafe.Pointer, int)) {
	if cols == 0 {
		return
	}
	for i := range rows {
		row := s[i*ld:][:cols]
		report(unsafe.Pointer(&row[0]), cols*int(unsafe.Sizeof(row[0])))
	}
}
