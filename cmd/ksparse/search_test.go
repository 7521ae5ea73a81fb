package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSearchByCode: rows of the index, texts, and rows of a file find what all products of codes say, with the same scores
// to the bit.
func TestSearchByCode(t *testing.T) {
	folder, codes := indexed(t)
	writeNpy(t, filepath.Join(folder, "q.npy"), 20, testCols, samples(testRows, testCols, 1)[:20*testCols])
	fromFile := answers(t, folder, "words.index --rows q.npy --by code -k 4")
	if len(fromFile) != 20 {
		t.Fatalf("%d answers", len(fromFile))
	}
	for i := range 20 {
		same(t, "a row of a file", fromFile[i], byProduct(codes, i, 4, testRows, func(int64) bool { return true }))
		if fromFile[i].Query != int64(i) || fromFile[i].Text != "" {
			t.Errorf("answer %d is of row %d, %q", i, fromFile[i].Query, fromFile[i].Text)
		}
	}
	others := byProduct(codes, 17, 10, testRows, func(id int64) bool { return id != 17 })
	for _, args := range []string{"words.index --row 17 --by code", "words.index --text word-17 --by code"} {
		same(t, args, answers(t, folder, args)[0], others)
	}
	if err := os.WriteFile(filepath.Join(folder, "only.txt"), []byte("3\n\n 17 \n400\n99999\n401\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	only := answers(t, folder, "words.index --row 17 --by code --only only.txt -k 600")
	same(t, "--only", only[0], byProduct(codes, 17, 600, testRows, func(id int64) bool { return slices.Contains([]int64{3, 400, 401}, id) }))
}

// TestSearchExplain: the products of the latents sum to the score, and their factors are the values of the codes.
func TestSearchExplain(t *testing.T) {
	folder, codes := indexed(t)
	for _, h := range answers(t, folder, "words.index --row 40 --by code --explain")[0].Hits {
		sum, before := 0.0, math.Inf(1)
		for _, s := range h.Latents {
			if s.Query != codes.At(40, s.Latent) || s.Row != codes.At(int(h.ID), s.Latent) || s.Product != s.Query*s.Row || s.Product > before {
				t.Errorf("row %d: %+v", h.ID, s)
			}
			sum, before = sum+s.Product, s.Product
		}
		if math.Abs(sum-h.Score) > 1e-12*h.Score {
			t.Errorf("row %d has the score %v, its latents %v", h.ID, h.Score, sum)
		}
	}
}

// TestSearchNeighbours: most of the rows with the largest cosines are found, and scores are these cosines.
func TestSearchNeighbours(t *testing.T) {
	folder, _ := indexed(t)
	x := allRows()
	cosine := func(i, j int) float64 {
		var dot, a, b float64
		for c := range testCols {
			dot, a, b = dot+x.At(i, c)*x.At(j, c), a+x.At(i, c)*x.At(i, c), b+x.At(j, c)*x.At(j, c)
		}
		return dot / math.Sqrt(a*b)
	}
	const queries, k = 50, 5
	right := 0
	writeNpy(t, filepath.Join(folder, "q.npy"), queries, testCols, samples(testRows, testCols, 1)[:queries*testCols])
	for i, f := range answers(t, folder, "words.index --rows q.npy -k 5 --recall 0.98") {
		if len(f.Hits) != k || f.Hits[0].ID != int64(i) { // the row is in the index
			t.Fatalf("query %d finds %+v", i, f.Hits)
		}
		nearest := make([]float64, testRows)
		for j := range testRows {
			nearest[j] = cosine(i, j)
		}
		slices.Sort(nearest)
		for _, h := range f.Hits {
			if math.Abs(h.Score-cosine(i, int(h.ID))) > 1e-6 {
				t.Errorf("query %d, row %d: %v, the cosine is %v", i, h.ID, h.Score, cosine(i, int(h.ID)))
			}
			if h.Score >= nearest[testRows-k]-1e-9 {
				right++
			}
		}
	}
	if recall := float64(right) / (queries * k); recall < 0.9 {
		t.Errorf("the recall is %v", recall)
	}
	own := answers(t, folder, "words.index --row 7 -k 5")[0]
	if len(own.Hits) != 5 || slices.ContainsFunc(own.Hits, func(h hit) bool { return h.ID == 7 }) {
		t.Errorf("row 7 finds %+v", own.Hits)
	}
}

// TestSearchTable: what is printed, of an index of three codes.
func TestSearchTable(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"c.jsonl": `{"latents":[0,2],"values":[2,1]}` + "\n" + `{"latents":[2],"values":[0.5]}` + "\n" + `{"latents":[0,2],"values":[1,1]}` + "\n" + `{"latents":[1],"values":[3]}` + "\n",
		"t.csv":   "name,n\nking,1\nqueen,2\nking's \u009b2Jmen and all the king's horses could not put Humpty together,3\ncabbage,4\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	works(t, folder, "index", "c.jsonl", "-o", "i", "--texts", "t.csv:name")
	want := "row 0: king\n" +
		"score  ID  text\n" +
		"3      2   king's  2Jmen and all the king's horses could not put Humpt…\n" +
		"0.5    1   queen\n"
	if got := works(t, folder, "search", "i", "--text", "king"); got != want {
		t.Errorf("it prints\n%s, want\n%s", got, want)
	}
	want = "row 1: queen\n" +
		"score  ID  text  latents\n" +
		"0.5    0   king  2: 0.5 x 1\n"
	if got := works(t, folder, "search", "i", "--row", "1", "-k", "1", "--explain"); got != want {
		t.Errorf("it prints\n%s, want\n%s", got, want)
	}
	if got, want := works(t, folder, "search", "i", "--row", "3"), "row 3: cabbage\nnothing is found\n"; got != want {
		t.Errorf("it prints\n%s, want\n%s", got, want)
	}
	refuses(t, folder, failed, `no row of i has the text "King"; these begin so: "king", "king's`, "search", "i", "--text", "King")
	refuses(t, folder, failed, `the text "duke", and none begins so`, "search", "i", "--text", "duke")
}

// TestSearchTextTwice: of rows with the same text the first is searched for, and the others are named.
func TestSearchTextTwice(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"c.jsonl": strings.Repeat(`{"latents":[0],"values":[2]}`+"\n", 4), "t.txt": "bank\nriver\nbank\nbank\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	works(t, folder, "index", "c.jsonl", "-o", "i", "--texts", "t.txt")
	e := call(t, folder, "search", "i", "--text", "bank", "-k", "2")
	if want := "row 0: bank\nscore  ID  text\n4      1   river\n4      2   bank\n"; e.code != 0 || e.out != want || !strings.Contains(e.err, `"bank" is the text of row 0 and of others, which --row finds: [2 3]`) {
		t.Errorf("exit code %d, %s%s", e.code, e.out, e.err)
	}
}
