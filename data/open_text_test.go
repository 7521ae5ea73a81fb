package data_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/data"
)

// TestOpenTables: separators, headers, quotes, ends of lines, and the choice of columns.
func TestOpenTables(t *testing.T) {
	for _, c := range []struct {
		what, name, text, column, want string
		cols                           int
		numbers                        []float64
	}{
		{"header", "x.csv", "a,b\n1,2\n3,4e2\n", "", "1 CSV file, 2 of 2 columns, 2 x 2", 2, []float64{1, 2, 3, 400}},
		{"no header", "x.csv", "1,2\n3,4", "", "1 CSV file, 2 of 2 columns without names, 2 x 2", 2, []float64{1, 2, 3, 4}},
		{"a column of texts", "x.csv", "cat,1,2\ndog,3,4\n", "", "1 CSV file, 2 of 3 columns without names, 2 x 2", 2, []float64{1, 2, 3, 4}},
		{"a year as a name", "x.csv", "town,x,2020\nUlm,1,2\nBonn,3,4\n", "", "1 CSV file, 2 of 3 columns, 2 x 2", 2, []float64{1, 2, 3, 4}},
		{"the index of pandas", "x.csv", ",a,b\n0,1,2\n1,3,4\n", "", "1 CSV file, 2 of 3 columns, 2 x 2", 2, []float64{1, 2, 3, 4}},
		{"by name", "x.csv", "a,b,c\n1,2,x\n3,4,y\n", "b", "1 CSV file, 1 of 3 columns, 2 x 1", 1, []float64{2, 4}},
		{"by number", "x.csv", "1,2\n3,4\n", "2", "1 CSV file, 1 of 2 columns without names, 2 x 1", 1, []float64{2, 4}},
		{"a number where nothing has names", "x.csv", "2,y\n1,z\n", "2", "", 1, nil},
		{"range of names", "x.csv", "id,a,b,c,z\n7,1,2,3,x\n8,4,5,6,y\n", "a:c", "1 CSV file, 3 of 5 columns, 2 x 3", 3, []float64{1, 2, 3, 4, 5, 6}},
		{"range of numbers", "x.csv", "id,a,b\n7,1,2\n8,3,4\n", "2:3", "1 CSV file, 2 of 3 columns, 2 x 2", 2, []float64{1, 2, 3, 4}},
		{"colons in names", "x.csv", "a:0,a:1\n1,2\n3,4\n", "a:0:a:1", "1 CSV file, 2 of 2 columns, 2 x 2", 2, []float64{1, 2, 3, 4}},
		{"CRLF and blank lines", "x.csv", "a,b\r\n\r\n1,2\r\n\r\n3,4\r\n\r\n", "", "1 CSV file, 2 of 2 columns, 2 x 2", 2, []float64{1, 2, 3, 4}},
		{"byte order mark", "x.csv", "\ufeffa,b\n1,2\n", "a", "1 CSV file, 1 of 2 columns, 1 x 1", 1, []float64{1}},
		{"quotes", "x.csv", "\"a,\"\"1\"\"\",b\n\"1\",\"x\ny,\"\n 2 ,\"\"\"\"\n", "a,\"1\"", "1 CSV file, 1 of 2 columns, 2 x 1", 1, []float64{1, 2}},
		{"semicolons", "x.csv", "a;b\n1.5;2\n", "", "1 CSV (semicolons) file, 2 of 2 columns, 1 x 2", 2, []float64{1.5, 2}},
		{"tabs", "x.tsv", "a\tb,c\n1\t2\n", "", "1 TSV file, 2 of 2 columns, 1 x 2", 2, []float64{1, 2}},
		{"tabs without a name", "x", "1\t2\n", "", "1 TSV file, 2 of 2 columns without names, 1 x 2", 2, []float64{1, 2}},
		{"spaces", "x.txt", "  1   2\n\n3\t4 \n", "", "1 text file, 2 of 2 columns without names, 2 x 2", 2, []float64{1, 2, 3, 4}},
		{"one column", "x.txt", "1\n-2\n.5\n", "", "1 CSV file, 1 of 1 columns without names, 3 x 1", 1, []float64{1, -2, .5}},
		{"brackets in a header", "x.csv", "[a],b\n1,2\n", "", "1 CSV file, 2 of 2 columns, 1 x 2", 2, []float64{1, 2}},
	} {
		path := fileNamed(t, c.name, []byte(c.text))
		if c.numbers == nil {
			wantError(t, c.what, data.Options{Column: c.column}, path, errFormat, `"y"`)
			continue
		}
		f := open(t, data.Options{Column: c.column}, path)
		wantString(t, f, c.want)
		wantRows(t, c.what, f, c.cols, c.numbers...)
	}
}

// TestOpenJSONLines: lists, fields, escapes, and what stands between.
func TestOpenJSONLines(t *testing.T) {
	for _, c := range []struct{ what, name, text, field, want string }{
		{"lists", "x.jsonl", "[1, 2]\n[3,4e0]\n", "", "1 JSON lines file, a list per line, 2 x 2"},
		{"an only list", "x.ndjson", `{"id": 7, "x": [1, 2], "none": []}` + "\n" + `{"x":[3,4],"text":"]}"}`, "", `1 JSON lines file, field "x", 2 x 2`},
		{"by name", "x.json", `{"y":[0],"x":[1,2]}` + "\r\n\n" + ` {"a" : {"x":[9]} , "x" : [ 3 , 4 ] } ` + "\n", "x", `1 JSON lines file, field "x", 2 x 2`},
		{"escapes", "x", `{"\u0078\"":[1,2]}` + "\n" + `{"x\"":[3,4]}` + "\n", `x"`, `1 JSON lines file, field "x\"", 2 x 2`},
		{"byte order mark", "x.jsonl", "\ufeff[1,2]\n[3,4]", "", "1 JSON lines file, a list per line, 2 x 2"},
	} {
		f := open(t, data.Options{Column: c.field}, fileNamed(t, c.name, []byte(c.text)))
		wantString(t, f, c.want)
		wantRows(t, c.what, f, 2, 1, 2, 3, 4)
	}
	single := open(t, data.Options{Column: "y"}, fileNamed(t, "x.jsonl", []byte("{\"y\":1}\n{\"y\":-2e1}\n")))
	wantRows(t, "a number", single, 1, 1, -20)
}

// TestOpenLongTexts reads rows at random places of texts that have more rows than the index has places,
// and lines longer and shorter than what is read at a time.
func TestOpenLongTexts(t *testing.T) {
	const rows, cols = 3000, 3
	rng := rand.New(rand.NewPCG(1, 2))
	numbers := make([]float64, rows*cols)
	var csv, lines strings.Builder
	csv.WriteString("note,a,b,c\n")
	for i := range rows {
		x := numbers[i*cols : (i+1)*cols]
		for j := range x {
			x[j] = rng.NormFloat64()
		}
		note := strings.Repeat("a line\n, \"\"and\"\" more ", rng.IntN(5))
		if i == rows/2 {
			note = strings.Repeat("long ", 100_000)
		}
		fmt.Fprintf(&csv, "\"%s\",%s,%v,%g\n", note, strconv.FormatFloat(x[0], 'e', -1, 64), x[1], x[2])
		fmt.Fprintf(&lines, `{"note":%q,"x":[%v, %v,%v]}`+"\n", strings.ReplaceAll(note, "\n", " "), x[0], x[1], x[2])
	}
	for name, text := range map[string]string{"x.csv": csv.String(), "x.jsonl": lines.String()} {
		f := open(t, data.Options{}, fileNamed(t, name, []byte(text)))
		if r, c := f.Dims(); r != rows || c != cols {
			t.Fatalf("%s: %d x %d", name, r, c)
		}
		for range 300 {
			lo := rng.IntN(rows)
			hi := lo + rng.IntN(min(400, rows-lo)+1)
			got := make([]float64, (hi-lo)*cols)
			if err := f.ReadRows(got, lo, hi); err != nil {
				t.Fatalf("%s: rows %d to %d: %v", name, lo, hi, err)
			}
			for e, v := range got {
				if want := numbers[lo*cols+e]; v != want {
					t.Fatalf("%s: row %d is %v, want %v", name, lo+e/cols, v, want)
				}
			}
		}
	}
}

// TestOpenTexts: labels and texts of every kind of file.
func TestOpenTexts(t *testing.T) {
	for _, c := range []struct {
		what, name, column string
		contents           []byte
		want               []string
	}{
		{"lines", "x.txt", "", []byte("one\r\n\n two\nthree"), []string{"one", "", " two", "three"}},
		{"lines of lists", "x.txt", "", []byte("[a]\n{b}\n"), []string{"[a]", "{b}"}},
		{"the only texts", "x.csv", "", []byte("n,text\n1,\"a, \"\"b\"\"\nc\"\n2,d\n"), []string{"a, \"b\"\nc", "d"}},
		{"a column of numbers", "x.csv", "n", []byte("n,text\n1,a\n02,b\n"), []string{"1", "02"}},
		{"one column", "x.csv", "", []byte("label\n3\n4\n"), []string{"3", "4"}},
		{"a number for a column", "x.tsv", "2", []byte("1\ta b\n2\tc\n"), []string{"a b", "c"}},
		{"a field", "x.jsonl", "", []byte(`{"x":[1],"t":"a\n\u00e4"}` + "\n" + `{"t":"b"}`), []string{"a\nä", "b"}},
		{"a field of anything", "x.jsonl", "t", []byte(`{"t":7}` + "\n" + `{"t":null}` + "\n" + `{"t":[1, 2]}`), []string{"7", "", "[1, 2]"}},
		{"integers", "x.npy", "", npyBytes("<i8", "(3,)", []int64{-5, 0, 1 << 53}), []string{"-5", "0", "9007199254740992"}},
	} {
		x, err := data.OpenTexts(fileNamed(t, c.name, c.contents), c.column)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if x.Len() != len(c.want) {
			t.Errorf("%s: %d texts, want %d", c.what, x.Len(), len(c.want))
			continue
		}
		for _, i := range rand.Perm(len(c.want)) {
			if got, err := x.Text(i); err != nil || got != c.want[i] {
				t.Errorf("%s: text %d is %q, %v, want %q", c.what, i, got, err, c.want[i])
			}
		}
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	}
}
