package rows

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/ksparse/ksparse/columnar"
	"github.com/ksparse/ksparse/data"
)

// Texts are texts that belong to rows: text i to row i. Text may be called from several goroutines at once.
type Texts interface {
	Len() int
	Text(i int) (string, error)
	Close() error
}

// OpenTexts opens the texts that name names: FILE, or FILE:COLUMN.
func OpenTexts(name string) (Texts, error) {
	path, column := splitColumn(name)
	if isTable(path) {
		return columnar.OpenTexts(path, column)
	}
	return data.OpenTexts(path, column)
}

// splitColumn returns the parts of FILE:COLUMN. A file that has a colon in its name is one, and hf: is part of a name.
func splitColumn(name string) (path, column string) {
	at := strings.LastIndexByte(name, ':')
	if _, err := os.Stat(name); err == nil || at <= 0 || name[:at] == "hf" {
		return name, ""
	}
	return name[:at], name[at+1:]
}

// IDs reads the IDs in the texts that name names: whole numbers from 0, one in each row. Blank rows are passed over.
func IDs(name string) ([]int64, error) {
	texts, err := OpenTexts(name)
	if err != nil {
		return nil, err
	}
	defer texts.Close() // read only
	var ids []int64
	for i := range texts.Len() {
		text, err := texts.Text(i)
		if err != nil {
			return nil, err
		}
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 0 {
			return nil, fmt.Errorf("%s: row %d is %.40q, want the ID of a row: a whole number from 0", name, i, text)
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s holds no IDs", name)
	}
	return ids, nil
}
