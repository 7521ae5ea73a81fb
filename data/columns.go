package data

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ksparse/ksparse/internal/fault"
)

// numberColumns returns the columns that Options.Column means: see there.
func (t *table) numberColumns(column string) ([]int, error) {
	if column != "" {
		first, last, err := t.columnRange(column)
		if err != nil {
			return nil, err
		}
		return columnsTo(first, last), nil
	}
	if number := t.decimalComma(); number != "" {
		return nil, fmt.Errorf("the first row has %.40q, which looks like a number with a decimal comma: write numbers with decimal points, or choose the columns by Options.Column", number)
	}
	var columns []int
	for c, field := range t.sample {
		switch {
		case t.names != nil && t.names[c] == "": // the index of a data frame
		case strings.TrimSpace(field) == "":
			return nil, fmt.Errorf("row 0, %s: it is empty, so whether the column holds numbers is unknown: choose the columns by Options.Column", t.columnName(c))
		case isNumber(field):
			columns = append(columns, c)
		}
	}
	if len(columns) == 0 {
		return nil, fault.Errorf(fault.ErrRange, "no column holds numbers in the first row: %s", t.list())
	}
	return columns, nil
}

// decimalComma returns a field of the first row that is a number once its comma is a point, "" where there is none.
// Where a comma was taken for what stands between the fields, and no header says that it does, semicolons may.
func (t *table) decimalComma() string {
	fields := t.sample
	if t.comma == ',' && t.names == nil {
		fields = strings.Split(strings.Join(fields, ","), ";")
		if len(fields) == 1 {
			return ""
		}
	}
	for _, field := range fields {
		if strings.Count(field, ",") == 1 && isNumber(strings.Replace(field, ",", ".", 1)) {
			return field
		}
	}
	return ""
}

// textColumn returns the column that OpenTexts reads: the one of that name or number, for "" the
// only one, or the only one that holds no numbers in the first row.
func (t *table) textColumn(column string) (int, error) {
	if column != "" {
		return t.column(column)
	}
	var columns []int
	for c, field := range t.sample {
		if t.width == 1 || !isNumber(field) {
			columns = append(columns, c)
		}
	}
	if len(columns) != 1 {
		return 0, fault.Errorf(fault.ErrRange, "the column must be named: %s", t.list())
	}
	return columns[0], nil
}

// columnRange returns the first and the last column that text names: "name", "3", or two of them
// with a colon between.
func (t *table) columnRange(text string) (first, last int, err error) {
	if first, err = t.column(text); err == nil {
		return first, first, nil
	}
	for i, c := range text { // names may have colons
		if c != ':' {
			continue
		}
		var err1, err2 error
		first, err1 = t.column(text[:i])
		last, err2 = t.column(text[i+1:])
		switch {
		case err1 != nil || err2 != nil:
		case first > last:
			return 0, 0, fault.Errorf(fault.ErrRange, "Options.Column is %.100q, but its last column stands before its first", text)
		default:
			return first, last, nil
		}
	}
	return 0, 0, err
}

// column returns the column of that name, or of that number, from 1.
func (t *table) column(text string) (int, error) {
	found := -1
	for c, name := range t.names {
		if name != text {
			continue
		}
		if found >= 0 {
			return 0, fault.Errorf(fault.ErrRange, "columns %d and %d are both called %.100q: choose one by its number", found+1, c+1, text)
		}
		found = c
	}
	if found >= 0 {
		return found, nil
	}
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= t.width {
		return n - 1, nil
	}
	return 0, fault.Errorf(fault.ErrRange, "no column %.100q: %s", text, t.list())
}

// list says which columns there are.
func (t *table) list() string {
	const most = 20
	if t.names == nil {
		return fmt.Sprintf("there are %d, without names", t.width)
	}
	list := fmt.Sprintf("there are %d: ", t.width)
	for c, name := range t.names[:min(len(t.names), most)] {
		if c > 0 {
			list += ", "
		}
		list += fmt.Sprintf("%.60q", name)
	}
	if len(t.names) > most {
		list += ", ..."
	}
	return list
}

// columnsTo returns first, first+1, ..., last.
func columnsTo(first, last int) []int {
	var columns []int
	for c := first; c <= last; c++ {
		columns = append(columns, c)
	}
	return columns
}
