// Package table writes the tables of the programs of bench.
package table

import (
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Write writes a Markdown table whose columns line up as text too. The first column is
// text, the others are numbers and stand to the right.
func Write(w io.Writer, head []string, rows [][]string) error {
	widths := make([]int, len(head))
	rule := make([]string, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for j, cell := range row {
			widths[j] = max(widths[j], utf8.RuneCountInString(cell), 2)
		}
	}
	for j, n := range widths {
		rule[j] = strings.Repeat("-", n-1) + ":"
	}
	rule[0] = strings.Repeat("-", widths[0])
	var b strings.Builder
	for _, row := range slices.Concat([][]string{head, rule}, rows) {
		for j, cell := range row {
			space := strings.Repeat(" ", widths[j]-utf8.RuneCountInString(cell))
			if j == 0 {
				b.WriteString("| " + cell + space + " |")
			} else {
				b.WriteString(" " + space + cell + " |")
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
