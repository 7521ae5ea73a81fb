package columnar_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/columnar"
)

// shard is an Arrow stream with rows of one number: those from lo to hi.
func shard(t testing.TB, lo, hi int) []byte {
	t.Helper()
	var rows []string
	for i := lo; i < hi; i++ {
		rows = append(rows, fmt.Sprintf(`{"x":[%d]}`, i))
	}
	s := columns(arrow.Field{Name: "x", Type: arrow.FixedSizeListOf(1, arrow.PrimitiveTypes.Float32)})
	return arrowBytes(t, s, false, []string{"[" + strings.Join(rows, ",") + "]"})
}

// wantNumbers opens path and wants the rows to be the numbers from lo to hi.
func wantNumbers(t *testing.T, path string, lo, hi int) {
	t.Helper()
	if !columnar.Is(path) {
		t.Errorf("Is(%s) is false", path)
	}
	check(t, path, open(t, path, ""), hi-lo, 1, func(i, _ int) float64 { return float64(lo + i) })
}

func TestPatternInNaturalOrder(t *testing.T) {
	dir := t.TempDir()
	for i := range 12 {
		writeFile(t, filepath.Join(dir, fmt.Sprintf("part-%d.arrow", i)), shard(t, 10*i, 10*i+10))
	}
	wantNumbers(t, filepath.Join(dir, "part-*.arrow"), 0, 120)
	wantNumbers(t, dir, 0, 120)
	wantNumbers(t, filepath.Join(dir, "part-1[01].arrow"), 100, 120)
	if text := open(t, dir, "").String(); !strings.HasPrefix(text, "12 Arrow files") || !strings.HasSuffix(text, `column "x" fixed-size list of F32, 120 x 1`) {
		t.Errorf("the String is %q", text)
	}
	_, err := columnar.Open(filepath.Join(dir, "none-*"), "")
	wantError(t, err, os.ErrNotExist, "no file fits")

	writeFile(t, filepath.Join(dir, "part-12.arrow"), parquetBytes(t, floats(t), [][]chunk{{floatRows(0, 3, 1, 3)}}, nil))
	_, err = columnar.Open(dir, "")
	wantError(t, err, ksparse.ErrFormat, "part-12.arrow", "Parquet")
	s := columns(arrow.Field{Name: "x", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32)})
	writeFile(t, filepath.Join(dir, "part-12.arrow"), arrowBytes(t, s, false, []string{`[{"x":[1,2]}]`}))
	_, err = columnar.Open(dir, "")
	wantError(t, err, ksparse.ErrShape, "part-12.arrow", "rows have 2 numbers", "have 1")
}

// save writes a folder as datasets' save_to_disk does.
func save(t *testing.T, dir string, lo, hi int) {
	t.Helper()
	middle := (lo + hi) / 2
	writeFile(t, filepath.Join(dir, "data-00000-of-00002.arrow"), shard(t, lo, middle))
	writeFile(t, filepath.Join(dir, "data-00001-of-00002.arrow"), shard(t, middle, hi))
	writeFile(t, filepath.Join(dir, "cache-0123.arrow"), shard(t, 0, 1))
	writeFile(t, filepath.Join(dir, "dataset_info.json"), []byte(`{"features":{}}`))
	writeFile(t, filepath.Join(dir, "state.json"), []byte(`{"_data_files":[{"filename":"data-00000-of-00002.arrow"},{"filename":"data-00001-of-00002.arrow"}],"_indices_data_files":null,"_split":"train"}`))
}

func TestSavedFolders(t *testing.T) {
	dir := t.TempDir()
	save(t, filepath.Join(dir, "one"), 0, 10)
	wantNumbers(t, filepath.Join(dir, "one"), 0, 10)

	splits := filepath.Join(dir, "splits")
	save(t, filepath.Join(splits, "train"), 0, 10)
	save(t, filepath.Join(splits, "test"), 10, 14)
	writeFile(t, filepath.Join(splits, "dataset_dict.json"), []byte(`{"splits":["train","test"]}`))
	wantNumbers(t, splits+":train", 0, 10)
	wantNumbers(t, splits+":test", 10, 14)
	for _, path := range []string{splits, splits + ":valid"} {
		_, err := columnar.Open(path, "")
		wantError(t, err, ksparse.ErrRange, "train, test", splits+":SPLIT")
	}

	state := filepath.Join(dir, "one", "state.json")
	for text, words := range map[string]string{
		`{"_data_files":[{"filename":"../x.arrow"}]}`:                                                             "outside of the folder",
		`{"_data_files":[{"filename":"data-00000-of-00002.arrow"}],"_indices_files":[{"filename":"../x.arrow"}]}`: "outside of the folder",
		`{}`: "names no files",
		`{`:  "state.json",
	} {
		writeFile(t, state, []byte(text))
		_, err := columnar.Open(filepath.Join(dir, "one"), "")
		wantError(t, err, ksparse.ErrFormat, words)
	}
	_, err := columnar.Open(t.TempDir(), "")
	wantError(t, err, ksparse.ErrFormat, "no .arrow or .parquet files")
}

// TestSavedOrder: a folder may say in which order its rows are, each any number of times.
func TestSavedOrder(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 100, 110)
	state := func(indices string) {
		writeFile(t, filepath.Join(dir, "state.json"), []byte(`{"_data_files":[{"filename":"data-00000-of-00002.arrow"},{"filename":"data-00001-of-00002.arrow"}],`+indices+`}`))
	}
	indices := func(list string) {
		s := columns(arrow.Field{Name: "indices", Type: arrow.PrimitiveTypes.Uint64})
		writeFile(t, filepath.Join(dir, "indices.arrow"), arrowBytes(t, s, false, []string{list}))
	}
	order := []int{9, 0, 1, 2, 3, 4, 5, 6, 7, 7, 8}
	indices(`[{"indices":9},{"indices":0},{"indices":1},{"indices":2},{"indices":3},{"indices":4},{"indices":5},{"indices":6},{"indices":7},{"indices":7},{"indices":8}]`)
	for _, key := range []string{`"_indices_data_files"`, `"_indices_files"`} {
		state(key + `:[{"filename":"indices.arrow"}]`)
		check(t, key, open(t, dir, ""), len(order), 1, func(i, _ int) float64 { return float64(100 + order[i]) })
	}
	f := open(t, dir, "")
	wantError(t, f.ReadRows(make([]float64, 12), 0, 12), ksparse.ErrRange, "a source that has 11")

	for i, name := range []string{"data-00000-of-00002.arrow", "data-00001-of-00002.arrow"} {
		numbers := fmt.Sprintf(`[{"n":%d0},{"n":%[1]d1},{"n":%[1]d2},{"n":%[1]d3},{"n":%[1]d4}]`, i+1)
		writeFile(t, filepath.Join(dir, name), arrowBytes(t, columns(arrow.Field{Name: "n", Type: arrow.PrimitiveTypes.Int32}), false, []string{numbers}))
	}
	wantTexts(t, "texts in an order", dir, "n", []string{"24", "10", "11", "12", "13", "14", "20", "21", "22", "22", "23"})

	save(t, dir, 100, 110)
	state(`"_indices_files":[{"filename":"indices.arrow"}]`)
	indices(`[{"indices":0},{"indices":10}]`)
	_, err := columnar.Open(dir, "")
	wantError(t, err, ksparse.ErrFormat, "indices.arrow", "row 1", `"10"`, "10 rows")
	if err := os.Remove(filepath.Join(dir, "indices.arrow")); err != nil {
		t.Fatal(err)
	}
	_, err = columnar.Open(dir, "")
	wantError(t, err, os.ErrNotExist, "indices.arrow")
}

// TestPreparedCache: what the library datasets has prepared.
func TestPreparedCache(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HF_DATASETS_CACHE", "")
	t.Setenv("HF_HUB_CACHE", "")
	t.Setenv("HF_HOME", home)
	base := filepath.Join(home, "datasets", "Org___my_data")
	writeFile(t, filepath.Join(base, "default", "0.0.0", "abc", "my_data-train-00000-of-00002.arrow"), shard(t, 0, 5))
	writeFile(t, filepath.Join(base, "default", "0.0.0", "abc", "my_data-train-00001-of-00002.arrow"), shard(t, 5, 9))
	writeFile(t, filepath.Join(base, "default", "0.0.0", "abc", "cache-12.arrow"), shard(t, 0, 1))
	wantNumbers(t, "hf:Org/MyData", 0, 9)
	wantNumbers(t, "hf:org/my_data:train", 0, 9)
	wantNumbers(t, "hf:Org/MyData/default:train", 0, 9)

	writeFile(t, filepath.Join(base, "default", "0.0.0", "abc", "my_data-test.arrow"), shard(t, 20, 22))
	_, err := columnar.Open("hf:Org/MyData", "")
	wantError(t, err, ksparse.ErrRange, "several splits", "train", "test")
	wantNumbers(t, "hf:Org/MyData:test", 20, 22)

	writeFile(t, filepath.Join(base, "small", "0.0.0", "abc", "my_data-train.arrow"), shard(t, 30, 32))
	_, err = columnar.Open("hf:Org/MyData:train", "")
	wantError(t, err, ksparse.ErrRange, "several configs", "default", "small")
	wantNumbers(t, "hf:Org/MyData/small", 30, 32)
	_, err = columnar.Open("hf:Org/MyData/large", "")
	wantError(t, err, ksparse.ErrRange, `no config "large"`, "default", "small")

	writeFile(t, filepath.Join(base, "small", "1.0.0", "abc", "my_data-train.arrow"), shard(t, 30, 32))
	_, err = columnar.Open("hf:Org/MyData/small", "")
	wantError(t, err, ksparse.ErrRange, "several versions")

	_, err = columnar.Open("hf:other/none", "")
	wantError(t, err, os.ErrNotExist, "other___none", filepath.Join(home, "datasets"), "datasets--other--none", filepath.Join(home, "hub"), "nothing is downloaded")
	for _, bad := range []string{"hf:", "hf:a/", "hf:../x", "hf:a/*"} {
		_, err = columnar.Open(bad, "")
		wantError(t, err, ksparse.ErrRange, "is not the name of a data set")
	}
}

// TestHubCache: what huggingface_hub has downloaded.
func TestHubCache(t *testing.T) {
	hub := t.TempDir()
	t.Setenv("HF_DATASETS_CACHE", t.TempDir())
	t.Setenv("HF_HUB_CACHE", hub)
	home := filepath.Join(hub, "datasets--org--name")
	parquet := func(path string, lo, hi int) {
		writeFile(t, filepath.Join(home, "snapshots", path), parquetBytes(t, floats(t), [][]chunk{{floatRows(lo, hi, 1, 3)}}, nil))
	}
	want := func(name string, lo, hi int) {
		t.Helper()
		check(t, name, open(t, name, ""), hi-lo, 1, func(i, j int) float64 { return value(lo+i, j) })
	}
	parquet("aa/data/train-00000-of-00002-0123456789abcdef.parquet", 0, 4)
	parquet("aa/data/train-00001-of-00002-0123456789abcdef.parquet", 4, 6)
	want("hf:org/name", 0, 6) // the only snapshot
	parquet("bb/data/train-00000-of-00001.parquet", 50, 53)
	parquet("bb/data/test-00000-of-00001.parquet", 53, 55)
	_, err := columnar.Open("hf:org/name", "")
	wantError(t, err, ksparse.ErrRange, "2 snapshots")
	writeFile(t, filepath.Join(home, "refs", "main"), []byte("bb"))
	want("hf:org/name:train", 50, 53)
	want("hf:org/name:test", 53, 55)
	parquet("bb/small/train/0000.parquet", 70, 71)
	parquet("bb/small/train/0001.parquet", 71, 73)
	want("hf:org/name/small", 70, 73)
	want("hf:org/name/data:test", 53, 55)
	_, err = columnar.Open("hf:org/name:train", "")
	wantError(t, err, ksparse.ErrRange, "several configs", "data", "small")
}

func TestIs(t *testing.T) {
	dir := t.TempDir()
	s := columns(arrow.Field{Name: "x", Type: arrow.FixedSizeListOf(1, arrow.PrimitiveTypes.Float32)})
	for name, b := range map[string][]byte{
		"no extension": arrowBytes(t, s, true, []string{`[{"x":[1]}]`}),
		"a.npy":        shard(t, 0, 1),
		"p":            parquetBytes(t, floats(t), [][]chunk{{floatRows(0, 1, 1, 3)}}, nil),
	} {
		if !columnar.Is(writeFile(t, filepath.Join(dir, name), b)) {
			t.Errorf("%s: Is is false", name)
		}
	}
	for name, b := range map[string][]byte{
		"x.arrow": []byte("text"), "empty": nil, "y.npy": []byte("\x93NUMPY\x01\x00"), "ff": {255, 255, 255, 255, 16, 0, 0, 0, 1, 2, 3, 4},
	} {
		if columnar.Is(writeFile(t, filepath.Join(dir, name), b)) {
			t.Errorf("%s: Is is true", name)
		}
	}
	if columnar.Is(t.TempDir()) || columnar.Is(filepath.Join(dir, "none")) || !columnar.Is("hf:a/b") {
		t.Error("Is takes an empty folder or a missing file, or does not take a name of the hub")
	}
}
