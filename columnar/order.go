package columnar

import (
	"strconv"

	"github.com/ksparse/ksparse/internal/fault"
)

// found is what a path stands for.
type found struct {
	paths []string // the files, at least one, in the order of their rows
	order []string // files that say in which order the rows are; none where they are as they stand
}

// readOrder returns the rows that the files name, a number each, of so many that there are.
func readOrder(paths []string, rows int) ([]int, error) {
	var order []int
	for _, path := range paths {
		numbers, err := OpenTexts(path, "")
		if err != nil {
			return nil, err
		}
		defer numbers.Close() // read only
		for i := range numbers.Len() {
			text, err := numbers.Text(i)
			if err != nil {
				return nil, err
			}
			row, err := strconv.Atoi(text)
			if err != nil || row < 0 || row >= rows {
				return nil, fault.Errorf(fault.ErrFormat, "%s: row %d is %.40q, want the number of one of %d rows", path, i, text, rows)
			}
			order = append(order, row)
		}
	}
	return order, nil
}

// run returns the row of the files that row lo is, and how many rows from lo on, to hi at most,
// are the next ones in the same file.
func (s *shards) run(lo, hi int) (row, n int) {
	row, n = lo, hi-lo
	if s.order != nil {
		row = s.order[lo]
		for n = 1; lo+n < hi && s.order[lo+n] == row+n; {
			n++
		}
	}
	return row, min(n, s.starts[s.find(row)+1]-row)
}
