package indexes

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/pretrained"
)

// whole is an About with everything in it.
func whole() About {
	return About{
		Model: &Model{Path: "/models/<a>.ksp", Beside: "../a.ksp", Digest: strings.Repeat("0f", 32), Options: pretrained.Options{Hookpoint: "layers.3", K: 7}},
		Texts: []Part{{File: "texts-0.jsonl", Rows: 5, Sum: 1}, {File: "texts-1.jsonl", First: 9, Rows: 2, Sum: math.MaxUint32}},
	}
}

// TestAbout: what is written is read; without a file nothing is known, and that is no error.
func TestAbout(t *testing.T) {
	for _, want := range []About{{}, whole()} {
		folder := t.TempDir()
		if got, err := readAbout(folder); err != nil || !reflect.DeepEqual(got, About{}) {
			t.Errorf("nothing is read as %+v, %v", got, err)
		}
		if err := want.Write(folder); err != nil {
			t.Fatal(err)
		}
		if got, err := readAbout(folder); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v is read as %+v, %v", want, got, err)
		}
	}
}

// TestAboutRefused: contents that no index has are refused although their checksum is right.
func TestAboutRefused(t *testing.T) {
	for i, change := range []func(a *About){
		func(a *About) { a.Model.Path = "" },
		func(a *About) { a.Model.Digest = "0f" },
		func(a *About) { a.Texts[0].File = "../texts-0.jsonl" },
		func(a *About) { a.Texts[0].File = "" },
		func(a *About) { a.Texts[0].File = "." },
		func(a *About) { a.Texts[0].File = ".." },
		func(a *About) { a.Texts[0].Rows = 0 },
		func(a *About) { a.Texts[0].First = -1 },
		func(a *About) { a.Texts[1].First = 4 },
		func(a *About) { a.Texts[1].First = math.MaxInt64 },
	} {
		folder, a := t.TempDir(), whole()
		change(&a)
		if err := a.Write(folder); err != nil {
			t.Fatal(err)
		}
		if _, err := readAbout(folder); err == nil || !strings.Contains(err.Error(), aboutFile+" is damaged") {
			t.Errorf("change %d: %v", i, err)
		}
	}
}

// TestAboutDamaged: text that is not what was written is refused: cut anywhere, with a letter changed, with more after it,
// of a newer version.
func TestAboutDamaged(t *testing.T) {
	folder := t.TempDir()
	if err := whole().Write(folder); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, aboutFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	read := func(text string) error {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := readAbout(folder)
		return err
	}
	for n := range len(text) - 2 { // without the last } and the line's end
		if err := read(string(text[:n])); err == nil || !strings.Contains(err.Error(), "is damaged") {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
	for what, change := range map[string][2]string{
		"path": {"models", "model"}, "rows": {`"rows": 5`, `"rows": 6`}, "sum": {"4294967295", "4294967294"}, "more": {"}\n", "} {}"},
		"newer": {`"version": 1`, `"version": 2`}, "older": {`"version": 1`, `"version": 0`}, "none": {`"about"`, `"abaut"`}, "field": {`"texts"`, `"tests"`},
	} {
		changed := strings.Replace(string(text), change[0], change[1], 1)
		if changed == string(text) {
			t.Fatalf("%s: nothing is changed", what)
		}
		if what == "more" {
			changed = string(text) + " {}"
		}
		if err := read(changed); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := read(string(text)); err != nil {
		t.Error(err)
	}
}

// TestTexts: each row has its text, in several files and with rows between them that have none; texts are found by all
// of their letters, of rows that there are.
func TestTexts(t *testing.T) {
	folder := t.TempDir()
	var a About
	write := func(first int64, all ...string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "t.txt")
		if err := os.WriteFile(path, []byte(strings.Join(all, "\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenTexts(path, len(all)+1); err == nil || !strings.Contains(err.Error(), "each row has one text") {
			t.Errorf("one row more: %v", err)
		}
		texts, err := OpenTexts(path, len(all))
		if err != nil {
			t.Fatal(err)
		}
		defer texts.Close()
		if err := a.AddTexts(folder, texts, first); err != nil {
			t.Fatal(err)
		}
	}
	write(0, "king", "Kingdom", `a "quoted" <text>`, "")
	write(10, "queen", "king", "kings", "kingfisher", "kings", "king Lear", "king John")
	texts, err := openTexts(folder, a.Texts)
	if err != nil {
		t.Fatal(err)
	}
	defer texts.close()
	for id, want := range map[int64]string{-1: "", 0: "king", 1: "Kingdom", 2: `a "quoted" <text>`, 3: "", 4: "", 9: "", 10: "queen", 16: "king John", 17: "", math.MaxInt64: ""} {
		if got, err := texts.of(id); err != nil || got != want {
			t.Errorf("row %d has the text %q, %v, want %q", id, got, err, want)
		}
	}
	for _, c := range []struct {
		wanted, ids, like string
		deleted           int64
	}{
		{"king", "[0 11]", "", -1}, {"king", "[11]", "", 0}, {"queen", "[10]", "", -1},
		{"queen", "[]", "[]", 10}, {"kin", "[]", "[king Kingdom kings kingfisher king Lear]", -1}, {"duke", "[]", "[]", -1}, {"QUEEN", "[]", "[queen]", -1},
		{"a \"", "[]", "[a \"quoted\" <text>]", -1},
	} {
		ids, like, err := texts.find(c.wanted, func(id int64) bool { return id != c.deleted })
		if err != nil || fmt.Sprint(ids) != c.ids || c.like != "" && fmt.Sprint(like) != c.like {
			t.Errorf("%q: %v, %q, %v, want %s, %s", c.wanted, ids, like, err, c.ids, c.like)
		}
	}
	if names := []string{a.Texts[0].File, a.Texts[1].File}; !slices.Equal(names, []string{"texts-0.jsonl", "texts-1.jsonl"}) || a.newFile() != "texts-2.jsonl" {
		t.Errorf("the files are %q", names)
	}
}
