package columnar

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ksparse/ksparse/internal/fault"
)

// use is what a column is good for.
type use uint8

const (
	forNothing use = iota
	forRows        // lists of numbers: a row of the matrix each
	forTexts       // a string or an integer each
)

// field is a column of a file.
type field struct {
	name string
	kind string // in words: "list of float", "string"
	use  use
}

// wanted says in words what a use wants.
var wanted = [...]string{forRows: "lists of numbers, all of one length", forTexts: "strings or integers"}

// choose returns the place of the column of that name, or of the only one that is good for
// the use if the name is "".
func choose(fields []field, column string, want use) (int, error) {
	found := -1
	for i, f := range fields {
		if column != "" && f.name == column {
			if f.use != want {
				return 0, fault.Errorf(fault.ErrShape, "column %q is %s, which is not %s%s", column, f.kind, wanted[want], instead(fields, want))
			}
			return i, nil
		}
		if column != "" || f.use != want {
			continue
		}
		if found >= 0 {
			return 0, fault.Errorf(fault.ErrShape, "several columns hold %s, name one of them%s", wanted[want], instead(fields, want))
		}
		found = i
	}
	switch {
	case column != "":
		return 0, fault.Errorf(fault.ErrShape, "there is no column %q%s", column, instead(fields, want))
	case found < 0:
		return 0, fault.Errorf(fault.ErrShape, "no column holds %s%s", wanted[want], instead(fields, want))
	}
	return found, nil
}

// instead lists the columns, those first that are good for the use.
func instead(fields []field, want use) string {
	const most = 12
	var names []string
	for _, good := range []bool{true, false} {
		for _, f := range fields {
			if (f.use == want) == good {
				names = append(names, fmt.Sprintf("%q (%s)", f.name, f.kind))
			}
		}
	}
	if len(names) > most {
		names = append(slices.Clip(names[:most]), fmt.Sprintf("%d more", len(names)-most))
	}
	if len(names) == 0 {
		return ": it has no columns"
	}
	return ": it has " + strings.Join(names, ", ")
}

// missing is the error for a row that is not there, or has a number that is not there.
func missing(row int) error {
	return fault.Errorf(fault.ErrNotFinite, "row %d is missing, empty or holds a missing value (null)", row)
}

// ragged is the error for a row of another length than that of the first.
func ragged(row int, length int64, cols int) error {
	return fault.Errorf(fault.ErrShape, "row %d has a list of %d numbers, the first row one of %d", row, length, cols)
}
