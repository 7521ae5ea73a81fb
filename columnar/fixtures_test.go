package columnar_test

import (
	"fmt"
	"path/filepath"
	"testing"
)

// TestFilesOfOtherLibraries: testdata/README.md says what they hold and who wrote them.
func TestFilesOfOtherLibraries(t *testing.T) {
	const rows, cols = 60, 5
	paths, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, path := range paths {
		if filepath.Ext(path) != ".arrow" && filepath.Ext(path) != ".parquet" {
			continue
		}
		read++
		f := open(t, path, "x")
		check(t, path, f, rows, cols, value)
		want := make([]string, rows)
		for i := range want {
			want[i] = fmt.Sprint("row ", i)
		}
		wantTexts(t, path, path, "text", want)
	}
	if read < 20 {
		t.Errorf("only %d files were found", read)
	}
}
