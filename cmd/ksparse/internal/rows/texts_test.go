package rows

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOpenTexts: lines of text, and a column that the name says; a colon in a file's name is no column.
func TestOpenTexts(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"a.txt": "x\ny\n", "b.csv": "n,name\n1,x\n2,y\n", "c:d.txt": "x\ny\n", "e.jsonl": "{\"a\":\"p\",\"b\":\"x\"}\n{\"a\":\"q\",\"b\":\"y\"}\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666); err != nil {
			t.Skip(err) // a system without colons in names
		}
	}
	for _, name := range []string{"a.txt", "b.csv", "b.csv:name", "b.csv:2", "c:d.txt", "e.jsonl:b"} {
		texts, err := OpenTexts(filepath.Join(folder, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		first, err := texts.Text(0)
		second, err2 := texts.Text(1)
		if texts.Len() != 2 || first != "x" || second != "y" || err != nil || err2 != nil {
			t.Errorf("%s: %d texts, %q %q, %v %v", name, texts.Len(), first, second, err, err2)
		}
		if err := texts.Close(); err != nil {
			t.Error(err)
		}
	}
	for name, want := range map[string]string{"b.csv:title": "title", "none.txt": "none.txt", "none.txt:x": "none.txt", "hf:no/such:text": "no/such"} {
		path := filepath.Join(folder, name)
		if strings.HasPrefix(name, "hf:") {
			path = name
		}
		if _, err := OpenTexts(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

// TestIDs: numbers in lines, with blank ones between them, or in a column; what is no ID is named by its row.
func TestIDs(t *testing.T) {
	folder := t.TempDir()
	for i, c := range []struct{ name, text, column, want string }{
		{"a.txt", "3\n\n 0 \n9223372036854775807\n", "", "[3 0 9223372036854775807] <nil>"},
		{"b.csv", "id,name\n7,x\n8,y\n", ":id", "[7 8] <nil>"},
		{"c.jsonl", "{\"id\":5}\n{\"id\":6}\n", ":id", "[5 6] <nil>"},
		{"d.txt", "3\n-1\n", "", `d.txt: row 1 is "-1", want the ID of a row: a whole number from 0`},
		{"e.txt", "3.0\n", "", `e.txt: row 0 is "3.0"`},
		{"f.txt", "9223372036854775808\n", "", "f.txt: row 0 is"},
		{"g.txt", "\n \n", "", "g.txt holds no IDs"},
	} {
		path := filepath.Join(folder, c.name)
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		ids, err := IDs(path + c.column)
		if got := fmt.Sprint(ids, err); !strings.Contains(got, c.want) {
			t.Errorf("%d: %s, want %s", i, got, c.want)
		}
	}
}
