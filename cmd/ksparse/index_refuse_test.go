package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestIndexMisuse: command lines of index and search that make no sense.
func TestIndexMisuse(t *testing.T) {
	folder := folderWithRows(t)
	for _, c := range []struct{ want, args string }{
		{"want MODEL and DATA, or CODES, got 0", "index"},
		{"want -o INDEX", "index m.ksp x.npy"},
		{"want INDEX and DATA, got 1", "index add words.index"},
		{"want INDEX, got 0", "index merge"},
		{"want INDEX, got 2", "index info a b"},
		{"want the rows to delete: --ids or --file", "index delete words.index"},
		{"want the rows to delete: --ids or --file", "index delete words.index --ids 3 --file x.txt"},
		{`--ids is "3,x", want whole numbers with commas between them`, "index delete words.index --ids 3,x"},
		{"want INDEX, got 0", "search"},
		{"want one of --row, --rows and --text", "search words.index"},
		{"want one of --row, --rows and --text", "search words.index --row 0 --text king"},
		{"--row is -1, want the ID of a row", "search words.index --row -1"},
		{`--row is "x", want a whole number`, "search words.index --row x"},
		{"-k is 0, want how many rows to find", "search words.index --row 1 -k 0"},
		{`--by is "cosine", want code or neighbours`, "search words.index --row 1 --by cosine"},
		{"--recall is 1.5, want a share above 0, up to 1", "search words.index --row 1 --recall 1.5"},
		{"--recall is NaN, want a share above 0, up to 1", "search words.index --row 1 --recall nan"},
		{"--model is for --rows", "search words.index --row 1 --model m.ksp"},
	} {
		refuses(t, folder, misuse, c.want, strings.Fields(c.args)...)
	}
	if got := listed(t, folder); got != "x.npy" {
		t.Errorf("the folder has %s", got)
	}
}

// TestIndexFailures: what fails ends with 1, in one line, and leaves all as it was.
func TestIndexFailures(t *testing.T) {
	folder, _ := indexed(t)
	works(t, folder, strings.Fields("encode m.ksp x.npy -o c.jsonl")...)
	works(t, folder, strings.Fields("index c.jsonl -o codes.index")...)
	works(t, folder, strings.Fields("train x.npy --latents 24 -k 2 --steps 5 -o narrow.ksp")...)
	writeNpy(t, filepath.Join(folder, "wide.npy"), 20, testCols+1, samples(20, testCols+1, 2))
	writeNpy(t, filepath.Join(folder, "zero.npy"), 2, testCols, make([]float32, 2*testCols))
	writeTexts(t, folder, "short.txt", 0, testRows-1)
	writeNpy(t, filepath.Join(folder, "two.npy"), testRows, 2, samples(testRows, 2, 3))
	works(t, folder, strings.Fields("train x.npy --targets two.npy --latents 24 -k 2 --steps 5 -o transcoder.ksp")...)
	for name, text := range map[string]string{"ids.txt": "3\nx\n", "none.txt": "\n\n", "negative.txt": "-3\n", "narrow.jsonl": `{"latents":[99],"values":[1]}` + "\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	before, contents := listed(t, folder), everything(t, filepath.Join(folder, "words.index"))
	for _, c := range []struct{ want, args string }{
		{"words.index: it is a folder that is not empty", "index m.ksp x.npy -o words.index"},
		{"c.jsonl: it is no folder", "index m.ksp x.npy -o c.jsonl"},
		{"no/new.index", "index m.ksp x.npy -o no/new.index"},
		{"no.ksp", "index no.ksp x.npy -o new.index"},
		{"no.jsonl", "index no.jsonl -o new.index"},
		{"wide.npy has 17 numbers in a row, and the model takes 16", "index m.ksp wide.npy -o new.index"},
		{"short.txt has 599 texts, and there are 600 rows: each row has one text", "index m.ksp x.npy --texts short.txt -o new.index"},
		{"short.txt has 599 texts", "index add words.index x.npy --texts short.txt"},
		{"transcoder.ksp does not reconstruct rows", "index transcoder.ksp x.npy -o new.index"},
		{"no.txt", "index m.ksp x.npy --texts no.txt -o new.index"},
		{"words.index has texts: --texts has those of the new rows", "index add words.index x.npy"},
		{"codes.index has no texts for the rows that it has", "index add codes.index c.jsonl --texts texts.txt"},
		{"codes.index keeps no rows, so there is no recall to measure", "index merge codes.index --calibrate"},
		{"codes of 100 latents are added to an index of 48", "index add codes.index narrow.jsonl"},
		{"wide.npy has 17 numbers in a row, and the model takes 16", "index add words.index wide.npy --texts texts.txt"},
		{`ids.txt: row 1 is "x", want the ID of a row`, "index delete words.index --file ids.txt"},
		{`negative.txt: row 0 is "-3"`, "search words.index --row 1 --only negative.txt"},
		{"none.txt holds no IDs", "search words.index --row 1 --only none.txt"},
		{"no.index", "search no.index --row 1"},
		{"x.npy", "search x.npy --row 1"},
		{"words.index: the index has no row with the ID 600", "search words.index --row 600"},
		{"codes.index has no texts", "search codes.index --text king"},
		{"wide.npy has 17 numbers in a row, and the model takes 16", "search words.index --rows wide.npy"},
		{"row 0 of zero.npy: the row is all zeros", "search words.index --rows zero.npy"},
		{"narrow.ksp has 24 latents, and the codes of codes.index have 48", "search codes.index --rows x.npy --model narrow.ksp"},
		{"narrow.ksp has 24 latents, and the codes of codes.index have 48", "serve narrow.ksp --index codes.index --addr 127.0.0.1:0"},
		{"no.index", "serve m.ksp --index no.index"},
	} {
		refuses(t, folder, failed, c.want, strings.Fields(c.args)...)
	}
	refuses(t, folder, misuse, "codes.index was made of codes, and takes codes", strings.Fields("index add codes.index c.jsonl --model m.ksp")...)
	refuses(t, folder, misuse, "--recall is for neighbours", strings.Fields("search codes.index --row 1 --recall 0.9")...)
	if after := listed(t, folder); after != before {
		t.Errorf("the folder had %s, and has %s", before, after)
	}
	if everything(t, filepath.Join(folder, "words.index")) != contents {
		t.Error("the index has changed")
	}
}

// TestIndexDamaged: of an index with a file that is cut, changed or missing, a search ends with an error in one line or
// with the answers of the whole one.
func TestIndexDamaged(t *testing.T) {
	folder, _ := indexed(t)
	search := strings.Fields("search words.index --text word-17 --json --explain")
	want := works(t, folder, search...)
	rng := rand.New(rand.NewPCG(4, 4))
	refused := 0
	for _, name := range strings.Fields(listed(t, filepath.Join(folder, "words.index"))) {
		path := filepath.Join(folder, "words.index", name)
		whole := readFile(t, folder, filepath.Join("words.index", name))
		for i := range 12 {
			b := bytes.Clone(whole)
			switch i % 3 {
			case 0:
				b = b[:rng.IntN(len(b))]
			case 1:
				b[rng.IntN(len(b))] ^= byte(1 << rng.IntN(8))
			case 2:
				b = append(b, b[:1+rng.IntN(len(b))]...)
			}
			if err := os.WriteFile(path, b, 0o666); err != nil {
				t.Fatal(err)
			}
			e := call(t, folder, search...)
			switch {
			case e.code == failed && strings.HasPrefix(e.err, "ksparse: ") && strings.Count(e.err, "\n") == 1:
				refused++
			case e.code != 0 || e.out != want:
				t.Errorf("%s, change %d: exit code %d\n%s%s", name, i, e.code, e.out, e.err)
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if e := call(t, folder, search...); e.code != failed || strings.Count(e.err, "\n") != 1 {
			t.Errorf("without %s: exit code %d\n%s%s", name, e.code, e.out, e.err)
		}
		if err := os.WriteFile(path, whole, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if refused < 20 {
		t.Errorf("%d of the damages were refused", refused)
	}
	if got := works(t, folder, search...); got != want {
		t.Error("the whole index finds something else")
	}
}

// TestIndexKilled: an index that is killed while rows are added has the old rows or the new ones too, with their texts,
// and the next change works.
func TestIndexKilled(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be replaced there")
	}
	folder, _ := indexed(t)
	add := strings.Fields("index add words.index x.npy --texts more.txt")
	rows := testRows
	rng := rand.New(rand.NewPCG(9, 9))
	begin := time.Now()
	works(t, folder, strings.Fields("index info words.index")...)
	took := 2 * time.Since(begin)
	for range 12 {
		writeTexts(t, folder, "more.txt", rows, testRows)
		c := command(folder, add...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(rng.Float64()*float64(took)), func() { c.Process.Kill() })
		c.Wait()
		kill.Stop()
		r := infoOf(t, folder, "words.index")
		if r.Rows != rows && r.Rows != rows+testRows {
			t.Fatalf("the index had %d rows, and has %d", rows, r.Rows)
		}
		rows = r.Rows
		last := fmt.Sprintf("word-%d", rows-1)
		if got := answers(t, folder, "words.index --text "+last+" --by code -k 1")[0]; got.Query != int64(rows-1) || got.Text != last {
			t.Errorf("%s is of row %d", last, got.Query)
		}
		refuses(t, folder, failed, "none begins so", "search", "words.index", "--text", fmt.Sprintf("word-%d", rows))
	}
	writeTexts(t, folder, "more.txt", rows, testRows)
	works(t, folder, add...)
	works(t, folder, "index", "merge", "words.index")
	if r := infoOf(t, folder, "words.index"); r.Rows != rows+testRows || r.Segments != 1 {
		t.Errorf("%+v", r)
	}
	t.Logf("%d rows after 12 kills", rows)
}
