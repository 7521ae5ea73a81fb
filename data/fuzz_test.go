package data

import (
	"bytes"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/mapped"
	"github.com/ksparse/ksparse/internal/tensor"
)

// fuzzed has the readers by the number that a fuzzed input chooses one with.
var fuzzed = []struct {
	extension string
	read      fileReader
}{
	{".npy", readNpy}, {".npz", readNpz}, {".safetensors", readSafetensors},
	{".fvecs", readVectors}, {".bvecs", readVectors}, {".ivecs", readVectors},
	{".fbin", readCounted}, {".u8bin", readCounted}, {".i8bin", readCounted}, {".f32", readRaw},
	{".csv", readTable}, {".tsv", readTable}, {".txt", readTable}, {".jsonl", readJSONLines},
}

// FuzzOpen opens any bytes as any format. What is opened has no more numbers than such a file can
// hold; rows that are read one by one are those that are read at once; and of a text, which has been
// checked, all rows can be read and are finite.
func FuzzOpen(f *testing.F) {
	for i, name := range []string{"float32.npy", "cube.npy", "stored.npz", "compressed.npz", "commas.csv", "spaces.txt"} {
		contents, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8([]int{0, 0, 1, 1, 10, 12}[i]), "x", contents)
	}
	for kind, contents := range map[uint8]string{
		2: "\x38\x00\x00\x00\x00\x00\x00\x00" + `{"x":{"dtype":"U8","shape":[2,1],"data_offsets":[0,2]}} ab`,
		3: "\x01\x00\x00\x00abcd\x01\x00\x00\x00efgh", 4: "\x02\x00\x00\x00ab\x02\x00\x00\x00cd", 5: "\x01\x00\x00\x00abcd",
		6: "\x01\x00\x00\x00\x01\x00\x00\x00abcd", 7: "\x01\x00\x00\x00\x02\x00\x00\x00ab", 8: "\x02\x00\x00\x00\x01\x00\x00\x00ab", 9: "abcdefgh",
		10: "a,\"b\"\"\n\"\n1,\"2\"\n\n3,x\n", 11: "1\t2\n3\t4", 12: "\ufeff 1  2 \n3 4\r\n", 13: "{\"x\":[1, 2e0],\"y\\u0020\":\"a\"}\n{\"x\":[3,4]}",
	} {
		f.Add(kind, "", []byte(contents))
		f.Add(kind, "x", []byte(contents))
		f.Add(kind, "1:2", []byte(contents))
	}
	f.Fuzz(func(t *testing.T, kind uint8, option string, contents []byte) {
		format := fuzzed[int(kind)%len(fuzzed)]
		o := Options{Column: option}
		switch format.extension {
		case ".npz", ".safetensors":
			o = Options{Tensor: option}
		case ".f32":
			o = Options{Cols: len(option)}
		}
		found, err := format.read(bytes.NewReader(contents), int64(len(contents)), "x"+format.extension, o)
		if err != nil {
			if err := fault.InFile("x", err); !strings.HasPrefix(err.Error(), "ksparse: x: ") {
				t.Errorf("the error %q does not name the file", err)
			}
			return
		}
		checkFuzzed(t, found, contents)
	})
}

// checkFuzzed reads the rows of what was found in contents.
func checkFuzzed(t *testing.T, found opened, contents []byte) {
	rows, cols := found.dims()
	if rows == 0 || cols == 0 {
		return
	}
	if int64(rows) > tensor.Budget(int64(len(contents)))/int64(cols) {
		t.Fatalf("%d x %d numbers of %d bytes", rows, cols, len(contents))
	}
	all := make([]float64, rows*cols)
	err := found.read(all, 0, rows)
	_, isTable := found.fileRows.(*table)
	_, isLines := found.fileRows.(*jsonLines)
	if isText := isTable || isLines; isText && err != nil {
		t.Fatalf("a text that was checked: %v", err)
	} else if err != nil {
		return
	} else if isText {
		for e, v := range all {
			if v-v != 0 {
				t.Fatalf("number %d is %v", e, v)
			}
		}
	}
	row := make([]float64, cols)
	for i := range min(rows, 1000) {
		i = (i * 7919) % rows
		if err := found.read(row, i, i+1); err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
		for j, v := range row {
			if math.Float64bits(v) != math.Float64bits(all[i*cols+j]) {
				t.Fatalf("row %d alone has %v in column %d, among others %v", i, v, j, all[i*cols+j])
			}
		}
	}
}

// FuzzTexts finds texts in any bytes: all those that are found can be read, in any order.
func FuzzTexts(f *testing.F) {
	f.Add(uint8(0), "", []byte("a\r\n\nb"))
	f.Add(uint8(1), "2", []byte("a,\"b\"\"\n\"\n1,\"2\"\n"))
	f.Add(uint8(2), "", []byte("{\"a\":\"\\u00e4\\n\"}\n{\"a\":7}\n{\"a\":null}"))
	labels, err := os.ReadFile("testdata/labels.npy")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(3), "", labels)
	finders := []func(t *Texts, r io.ReaderAt, size int64, column string) error{
		(*Texts).findLines, (*Texts).findColumn, (*Texts).findField, (*Texts).findLabels,
	}
	f.Fuzz(func(t *testing.T, kind uint8, column string, contents []byte) {
		x := &Texts{files: new(mapped.Set), path: "x.csv"}
		kind %= uint8(len(finders))
		if err := finders[kind](x, bytes.NewReader(contents), int64(len(contents)), column); err != nil {
			return
		}
		if x.Len() > len(contents) {
			t.Fatalf("%d texts of %d bytes", x.Len(), len(contents))
		}
		for i := range min(x.Len(), 1000) {
			i = x.Len() - 1 - i
			if _, err := x.Text(i); err != nil && kind < 3 { // an integer may be above 2^53
				t.Fatalf("text %d: %v", i, err)
			}
		}
	})
}
