package matrix

import "github.com/ksparse/ksparse/internal/parallel"

// The functions below say how many rows of a matrix make one piece of work for a
// goroutine: they are the grain of a parallel.For over the rows.

// RowGrain is for rows that cost the given number of operations each: a piece is
// some 65000 operations, which is worth handing to another goroutine.
func RowGrain(operations int) int { return max(1, 1<<16/max(operations, 1)) }

// ProductRows is for a dense product with the given number of rows: packing the
// other matrix for each piece should cost little, and every processor should get
// some rows.
func ProductRows(rows int) int {
	workers := parallel.Workers(rows, 8)
	return max(8, min(512, (rows+workers-1)/workers))
}

// gatherPiece is how many numbers of a result a worker takes at a time where the
// kernel may walk gathered rows by columns: more rows use a tile of them more
// often. From 48 to 128 Ki training steps take the same time.
const gatherPiece = 64 << 10

// GatherGrain is for a result of the given number of rows, n numbers each, that is
// summed from rows of another matrix: it has entries such terms in all, and the
// other matrix has others rows. The grain is many rows where a piece then has an
// entry for each row of the other matrix or more, else few.
func GatherGrain(rows, n, entries, others, few int) int {
	many := min(gatherPiece/n, ProductRows(rows))
	if many > few && entries*many >= others*rows {
		return many
	}
	return max(1, few)
}
