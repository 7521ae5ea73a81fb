package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
)

// indexed makes a folder with x.npy, m.ksp, texts.txt and words.index, which has texts, and returns the folder and the codes.
func indexed(t *testing.T) (string, *ksparse.Codes) {
	t.Helper()
	folder, net := trained(t)
	codes, err := net.Encode(allRows())
	if err != nil {
		t.Fatal(err)
	}
	writeTexts(t, folder, "texts.txt", 0, testRows)
	works(t, folder, strings.Fields("index m.ksp x.npy --texts texts.txt -o words.index")...)
	return folder, codes
}

// writeTexts writes a text for each of n rows: "word-7" for the row with the ID 7.
func writeTexts(t *testing.T, folder, name string, first, n int) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "word-%d\n", first+i)
	}
	if err := os.WriteFile(filepath.Join(folder, name), []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
}

// byProduct returns the k IDs from 0 to n of which is holds whose codes have the largest product with the code of a row, and
// these products. The code of an ID is that of the row which is left when whole sets of rows are taken away.
func byProduct(codes *ksparse.Codes, row, k, n int, is func(id int64) bool) (hits []hit) {
	dense := codes.Dense()
	rows, latents := dense.Dims()
	for i := range n {
		sum := 0.0
		for j := range latents {
			sum += float64(dense.At(row, j) * dense.At(i%rows, j))
		}
		if sum > 0 && is(int64(i)) {
			hits = append(hits, hit{ID: int64(i), Score: sum})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(b.Score, a.Score) })
	return hits[:min(k, len(hits))]
}

// same checks that what was found are these IDs, with these scores and their texts.
func same(t *testing.T, what string, got found, want []hit) {
	t.Helper()
	if len(got.Hits) != len(want) {
		t.Errorf("%s: %d hits, want %d", what, len(got.Hits), len(want))
		return
	}
	for i, h := range got.Hits {
		if h.ID != want[i].ID || h.Score != want[i].Score || h.Text != fmt.Sprintf("word-%d", h.ID) {
			t.Errorf("%s: hit %d is %+v, want %+v", what, i, h, want[i])
		}
	}
}

// answers runs search with --json and returns its lines.
func answers(t *testing.T, folder, args string) []found {
	t.Helper()
	var all []found
	for line := range strings.Lines(works(t, folder, with([]string{"search"}, args+" --json")...)) {
		var f found
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, f)
	}
	return all
}

// infoOf returns what index info says.
func infoOf(t *testing.T, folder, index string) (r indexReport) {
	t.Helper()
	if err := json.Unmarshal([]byte(works(t, folder, "index", "info", index, "--json")), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestIndexInfo: the figures of an index are those of its codes.
func TestIndexInfo(t *testing.T) {
	folder, codes := indexed(t)
	r := infoOf(t, folder, "words.index")
	want := indexReport{Rows: testRows, Segments: 1, Latents: 48, Neighbours: true, Texts: true, Model: filepath.Join(folder, "m.ksp")}
	if r.Rows != want.Rows || r.Deleted != 0 || r.Segments != 1 || r.Latents != 48 || !r.Neighbours || !r.Texts || r.Bytes < testRows*testCols*4 {
		t.Errorf("%+v", r)
	}
	if got, err := filepath.EvalSymlinks(r.Model); err != nil || got != must(filepath.EvalSymlinks(want.Model)) {
		t.Errorf("the model is %s, %v", r.Model, err)
	}
	if l0 := codes.L0(); r.L0 < l0*(1-1e-12) || r.L0 > 3 {
		t.Errorf("L0 is %v, of the codes %v", r.L0, l0)
	}
	sum, squares, most := 0.0, 0.0, 0.0
	for _, f := range codes.Frequency() {
		sum, squares, most = sum+f, squares+f*f, max(most, f)
	}
	if skew := 48 * squares / (sum * sum); r.Skew < 0.999*skew || r.Skew > 1.001*skew {
		t.Errorf("the skew is %v, want %v", r.Skew, skew)
	}
	if len(r.Longest) == 0 || r.Longest[0].Share < 0.999*most || r.Longest[0].Share > 1.001*most {
		t.Errorf("the longest lists are %+v, want one of %v", r.Longest, most)
	}
	if out := works(t, folder, "index", "info", "words.index"); !strings.Contains(out, "searched by    code and neighbours\n") || !strings.Contains(out, "a copy, one for each row") {
		t.Errorf("the table:\n%s", out)
	}
}

// must returns v where there is no error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestIndexOfCodes: an index of codes on disk, of each kind, finds what that of the rows finds by code, and nothing else.
func TestIndexOfCodes(t *testing.T) {
	folder, _ := indexed(t)
	want := works(t, folder, strings.Fields("search words.index --row 5 --by code --json")...)
	for _, kind := range []string{"ksc", "npz", "jsonl"} {
		works(t, folder, "encode", "m.ksp", "x.npy", "-o", "c."+kind)
		works(t, folder, "index", "c."+kind, "-o", kind+".index", "--texts", "texts.txt")
		if got := works(t, folder, "search", kind+".index", "--row", "5", "--json"); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
		if r := infoOf(t, folder, kind+".index"); r.Neighbours || r.Model != "" || !r.Texts {
			t.Errorf("%s: %+v", kind, r)
		}
	}
	refuses(t, folder, failed, "ksc.index keeps no rows, so it is searched by code only", strings.Fields("search ksc.index --row 5 --by neighbours")...)
	refuses(t, folder, misuse, "ksc.index was made of codes, and does not know of which model: --model says it", strings.Fields("search ksc.index --rows x.npy")...)
	if got := answers(t, folder, "ksc.index --rows x.npy --model m.ksp"); len(got) != testRows {
		t.Errorf("%d answers", len(got))
	}
	if err := os.WriteFile(filepath.Join(folder, "few.jsonl"), []byte(`{"latents":[2],"values":[7]}`+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	writeTexts(t, folder, "few.txt", testRows, 1)
	works(t, folder, strings.Fields("index add jsonl.index few.jsonl --texts few.txt")...) // JSON lines need not have all latents
	works(t, folder, strings.Fields("index few.jsonl -o few.index")...)
	if got := answers(t, folder, "few.index --rows x.npy --model m.ksp"); len(got) != testRows { // nor need an index of them
		t.Errorf("%d answers", len(got))
	}
	works(t, folder, "index", "m.ksp", "x.npy", "--codes-only", "-o", "alone.index")
	if r := infoOf(t, folder, "alone.index"); r.Neighbours || r.Model == "" || r.Texts {
		t.Errorf("--codes-only: %+v", r)
	}
}

// TestIndexChange: rows that are added are found, those that were deleted are not, before and after merging, and IDs and texts
// stay.
func TestIndexChange(t *testing.T) {
	folder, codes := indexed(t)
	writeTexts(t, folder, "more.txt", testRows, testRows)
	if out := works(t, folder, strings.Fields("index add words.index x.npy --texts more.txt")...); out != "words.index: 600 rows added; words.index has 1200 rows now\n" {
		t.Errorf("add prints %s", out)
	}
	check := func(what string, n int, deleted ...int64) {
		t.Helper()
		got := answers(t, folder, "words.index --text word-607 -k 9 --by code")
		same(t, what, got[0], byProduct(codes, 7, 9, n, func(id int64) bool { return id != 607 && !slices.Contains(deleted, id) }))
		if got[0].Query != 607 || got[0].Text != "word-607" {
			t.Errorf("%s: the query is %d, %q", what, got[0].Query, got[0].Text)
		}
	}
	check("added", 1200)
	first := answers(t, folder, "words.index --row 607 -k 1 --by code")[0].Hits[0].ID
	if out := works(t, folder, "index", "delete", "words.index", "--ids", fmt.Sprintf("%d,5000,1199", first)); out != "words.index: 2 rows deleted, 1 were not there; words.index has 1198 rows now\n" {
		t.Errorf("delete prints %s", out)
	}
	check("deleted", 1199, first)
	refuses(t, folder, failed, fmt.Sprintf("no row with the ID %d", first), "search", "words.index", "--row", fmt.Sprint(first))
	refuses(t, folder, failed, "the text \"word-1199\", and none begins so", "search", "words.index", "--text", "word-1199")
	if out := works(t, folder, "index", "merge", "words.index"); out != "words.index: 2 segments merged, 2 deleted rows taken out; words.index has 1198 rows now\n" {
		t.Errorf("merge prints %s", out)
	}
	check("merged", 1199, first)
	if all := everything(t, filepath.Join(folder, "words.index")); strings.Contains(all, "word-1199\"") || !strings.Contains(all, "word-1198\"") {
		t.Error("the texts of deleted rows are still there, or those of others are not")
	}
	if r := infoOf(t, folder, "words.index"); r.Rows != 1198 || r.Deleted != 0 || r.Segments != 1 {
		t.Errorf("%+v", r)
	}
	writeTexts(t, folder, "last.txt", 1200, testRows)
	works(t, folder, strings.Fields("index add words.index x.npy --texts last.txt")...) // its IDs begin at 1200: none is given twice
	check("added again", 1800, first, 1199)
	works(t, folder, strings.Fields("index merge words.index --calibrate")...)
	check("merged again", 1800, first, 1199)
}

// everything returns the contents of all files in a folder.
func everything(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range strings.Fields(listed(t, folder)) {
		all.Write(readFile(t, folder, name))
	}
	return all.String()
}

// TestIndexMoved: an index finds its model where it was, or beside itself; another model is refused, wherever it lies.
func TestIndexMoved(t *testing.T) {
	folder, _ := indexed(t)
	want := works(t, folder, strings.Fields("search words.index --rows x.npy -k 2 --json")...)
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(filepath.Join(folder, from), filepath.Join(folder, to)); err != nil {
			t.Fatal(err)
		}
	}
	move("words.index", "moved.index")
	if got := works(t, folder, strings.Fields("search moved.index --rows x.npy -k 2 --json")...); got != want {
		t.Error("an index that has moved finds something else")
	}
	move("moved.index", "words.index")
	move("m.ksp", "other.ksp")
	refuses(t, folder, failed, "m.ksp: --model says where it is", strings.Fields("search words.index --rows x.npy")...)
	if got := works(t, folder, strings.Fields("search words.index --rows x.npy -k 2 --json --model other.ksp")...); got != want {
		t.Error("a model that has moved finds something else")
	}
	works(t, folder, strings.Fields("search words.index --row 3")...) // needs no model
	works(t, folder, strings.Fields("train x.npy --latents 48 -k 3 --epochs 5 -o m.ksp --force")...)
	refuses(t, folder, failed, "m.ksp has changed since words.index was made with it", strings.Fields("search words.index --rows x.npy")...)
	refuses(t, folder, failed, "m.ksp has changed since words.index was made with it", strings.Fields("index add words.index x.npy --texts texts.txt")...)
	works(t, folder, strings.Fields("train x.npy --latents 48 -k 3 --epochs 6 -o third.ksp")...)
	refuses(t, folder, failed, "third.ksp is another model than that of words.index", strings.Fields("search words.index --rows x.npy --model third.ksp")...)
	refuses(t, folder, failed, "third.ksp is another model than that of words.index", strings.Fields("serve third.ksp --index words.index --addr 127.0.0.1:0")...)
	works(t, folder, strings.Fields("convert other.ksp --to ksparse -o m.safetensors")...)
	if got := works(t, folder, strings.Fields("search words.index --rows x.npy -k 2 --json --model m.safetensors")...); got != want {
		t.Error("the same model in another format finds something else")
	}
}
