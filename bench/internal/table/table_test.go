package table

import (
	"strings"
	"testing"
)

// TestWrite: columns line up by letters, not bytes.
func TestWrite(t *testing.T) {
	var b strings.Builder
	if err := Write(&b, []string{"work", "µs"}, [][]string{{"a → b", "1,776"}, {"c", "–"}}); err != nil {
		t.Fatal(err)
	}
	want := "" +
		"| work  |    µs |\n" +
		"| ----- | ----: |\n" +
		"| a → b | 1,776 |\n" +
		"| c     |     – |\n"
	if b.String() != want {
		t.Errorf("the table is\n%swant\n%s", b.String(), want)
	}
}
