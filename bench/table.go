package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// writeTable writes a Markdown table whose columns line up in plain text too. The
// first column is text, the others are numbers and stand to the right.
func writeTable(w io.Writer, head []string, rows [][]string) error {
	widths := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for j, cell := range row {
			widths[j] = max(widths[j], utf8.RuneCountInString(cell), 2)
		}
	}
	var b strings.Builder
	line := func(row []string) {
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
	line(head)
	for j, n := range widths {
		if j == 0 {
			b.WriteString("|" + strings.Repeat("-", n+2) + "|")
		} else {
			b.WriteString(strings.Repeat("-", n+1) + ":|")
		}
	}
	b.WriteByte('\n')
	for _, row := range rows {
		line(row)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var resultHead = []string{"work", "ours", "unit", "peer", "peer's", "ratio", "of the rounds", "asked", "of peak", "core to core"}

// none stands in a cell where there is nothing to say.
const none = "–"

// rows returns the lines of the table, one for each peer, with the share of what
// m could do.
func (r *result) rows(m *machine) [][]string {
	ours, share, pings := none, none, none
	if len(r.pings) > 0 && !math.IsNaN(r.pings[0]) {
		pings = fmt.Sprintf("%.0f to %.0f ns", slices.Min(r.pings), slices.Max(r.pings))
	}
	if len(r.ours) > 0 {
		seconds := median(r.ours)
		ours = number(r.units / seconds)
		if least := r.cost.least(m); !math.IsNaN(least) {
			share = fmt.Sprintf("%.0f %%", 100*least/seconds)
		}
	}
	var list [][]string
	for i, o := range r.work.peers {
		row := []string{r.name, ours, r.unit, o.name, none, none, none, fmt.Sprintf("%.2f", o.floor), share, pings}
		if times := r.peers[i]; len(times) > 0 {
			row[4] = number(r.units / median(times))
			if len(r.ours) == len(times) {
				ratio, low, high := compare(r.ours, times)
				row[5] = fmt.Sprintf("%.2f", ratio)
				row[6] = fmt.Sprintf("%.2f to %.2f", low, high)
			}
		}
		list = append(list, row)
	}
	return list
}

// compare returns how many times as fast ours is: the ratio of the medians, and
// the lowest and highest ratio of a single round.
func compare(ours, peer []float64) (ratio, low, high float64) {
	rounds := make([]float64, len(ours))
	for i := range ours {
		rounds[i] = peer[i] / ours[i]
	}
	return median(peer) / median(ours), slices.Min(rounds), slices.Max(rounds)
}

// median returns the middle of x, or the mean of the two in the middle.
func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(x))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// number writes v with three digits at least, and commas between thousands.
func number(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return none
	case v < 10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
