// Package natural orders names, and writes numbers, as people do.
package natural

import (
	"cmp"
	"strconv"
	"strings"
)

// Order compares names so that numbers in them are in their order: x2 comes before x10.
func Order(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		m, n := Digits(x), Digits(y)
		c := 0
		if m > 0 && n > 0 {
			p, q := strings.TrimLeft(x[:m], "0"), strings.TrimLeft(y[:n], "0")
			c = cmp.Or(cmp.Compare(len(p), len(q)), cmp.Compare(p, q))
		} else {
			c, m, n = cmp.Compare(x[0], y[0]), 1, 1
		}
		if c != 0 {
			return c
		}
		x, y = x[m:], y[n:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// Digits returns how many digits s begins with.
func Digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

// Number writes n, which is not negative, with a comma after each three digits.
func Number(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
