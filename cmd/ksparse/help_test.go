package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// names returns the names of the commands that help lists, with that of the command above.
func names() []string {
	var all []string
	for _, c := range newRoot().Commands() {
		if c.Hidden {
			continue
		}
		all = append(all, c.Name())
		for _, below := range c.Commands() {
			all = append(all, c.Name()+" "+below.Name())
		}
	}
	return all
}

// TestHelp: the help of every command says how it is called, with an example, and is no error.
func TestHelp(t *testing.T) {
	folder := t.TempDir()
	for _, name := range append([]string{""}, names()...) {
		args := strings.Fields(name + " --help")
		if name == "serve" {
			args = []string{"serve", "-h"}
		}
		e := call(t, folder, args...)
		if e.code != 0 || e.err != "" {
			t.Errorf("%v: exit code %d, %s", args, e.code, e.err)
		}
		for _, want := range []string{"Usage:\n  ksparse", "Examples:\n  ksparse"} {
			if !strings.Contains(e.out, want) {
				t.Errorf("%v: no %q in\n%s", args, want, e.out)
			}
		}
	}
	if out := works(t, folder); !strings.Contains(out, "Available Commands:") {
		t.Errorf("without a command:\n%s", out)
	}
}

// TestPage: doc/command.md is what the help says now.
func TestPage(t *testing.T) {
	folder := t.TempDir()
	works(t, folder, "help-pages", "--page", "command.md")
	want, err := os.ReadFile("../../doc/command.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(readFile(t, folder, "command.md")) != string(want) {
		t.Error("doc/command.md is out of date: go -C cmd/ksparse generate")
	}
	for _, name := range names() {
		if !strings.Contains(string(want), "## ksparse "+name+"\n") {
			t.Errorf("doc/command.md has no command %s", name)
		}
	}
}

// TestManPages: each command has a page.
func TestManPages(t *testing.T) {
	folder := t.TempDir()
	works(t, folder, "help-pages", "man")
	for _, name := range names() {
		name = strings.ReplaceAll(name, " ", "-")
		text := string(readFile(t, folder, filepath.Join("man", "ksparse-"+name+".1")))
		if !strings.Contains(text, ".TH \"KSPARSE\" \"1\"") || !strings.Contains(text, "ksparse "+name) && !strings.Contains(text, `ksparse-`+name) && !strings.Contains(text, `ksparse\-`+name) {
			t.Errorf("the page of %s:\n%.300s", name, text)
		}
	}
}

// TestCompletion: scripts for the shells, and what they ask.
func TestCompletion(t *testing.T) {
	folder := t.TempDir()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if out := works(t, folder, "completion", shell); !strings.Contains(out, "__complete") {
			t.Errorf("%s:\n%.200s", shell, out)
		}
	}
	for want, args := range map[string][]string{
		"batch_topk": {"train", "--selection", ""}, "saelens": {"convert", "--to", ""}, "calibrate": {"ca"}, "--latents": {"train", "--lat"},
	} {
		if out := works(t, folder, append([]string{"__complete"}, args...)...); !strings.Contains(out, want) {
			t.Errorf("%v completes to\n%s", args, out)
		}
	}
}

// TestMisuse: what makes no sense on the command line ends with 2.
func TestMisuse(t *testing.T) {
	folder := folderWithRows(t)
	for _, c := range []struct{ want, args string }{
		{`"trian" is no command; is it train?`, "trian x.npy"},
		{"unknown flag: --latent ", "train x.npy --latent 5 -o m.ksp"},
		{"-latents: write --latents", "train x.npy -latents 5 -o m.ksp"},
		{"want DATA", "train -o m.ksp"},
		{"want -o MODEL.ksp", "train x.npy"},
		{"exclude each other", "train x.npy --steps 5 --epochs 5 -o m.ksp"},
		{"exclude each other", "train x.npy --resume --force -o m.ksp"},
		{"--hold is 1, want", "train x.npy --hold 1 -o m.ksp"},
		{`--selection is "best", want one of topk`, "train x.npy --selection best -o m.ksp"},
		{`--schedule is "fast", want one of constant`, "train x.npy --schedule fast -o m.ksp"},
		{"--patience is -1, want", "train x.npy --patience -1 -o m.ksp"},
		{"--batch is 3000000000, want at most 2147483647", "train x.npy --batch 3000000000 -o m.ksp"},
		{"--buffer is 3000000000, want at most 2147483647", "sweep x.npy --buffer 3000000000 -o s"},
		{"--aux-k is 25, more than the 24 latents", "train x.npy --latents 24 -k 3 --aux-k 25 -o m.ksp"},
		{"--patience looks at the rows held out", "train x.npy --patience 2 --hold 0 -o m.ksp"},
		{`--k is "many", want a whole number (`, "train x.npy -k many -o m.ksp"},
		{`--seed is "-1", want a whole number of 0 or more`, "train x.npy --seed -1 -o m.ksp"},
		{`--rates is "1,x", want numbers with commas`, "sweep x.npy --rates 1,x -o s"},
		{"-k is 9, more than the 4 latents", "train x.npy -k 9 --latents 4 -o m.ksp"},
		{"-k is 25, more than the 24 latents", "sweep x.npy -k 3,25 --latents 24 -o s"},
		{"want MODEL and DATA, got 1", "eval m.ksp"},
		{"want MODEL, got 0", "info"},
		{"want MODEL and CODES, got 1", "decode m.ksp -o y.npy"},
		{"want two models, got 1", "diff m.ksp"},
		{"want -o", "encode m.ksp x.npy"},
		{"ends in .ksc, .npz or .jsonl", "encode m.ksp x.npy -o codes.txt"},
		{`--values is "float8", want float64, float32 or float16`, "encode m.ksp x.npy -o codes.ksc --values float8"},
		{"--values float16 goes with a .ksc file", "encode m.ksp x.npy -o codes.npz --values float16"},
		{`--to is "onnx", want one of saelens`, "convert m.ksp -o out --to onnx"},
		{"--l0 is 0, want", "calibrate m.ksp x.npy -o out.ksp"},
		{"--most goes with DATA", "check m.ksp --most 5"},
		{"--targets goes with DATA", "check m.ksp --targets x.npy"},
		{"want -o FOLDER", "sweep x.npy"},
		{"--memory is -1, want", "sweep x.npy --memory -1 -o s"},
		{"want no arguments, got 1", "mnist x -o y.npy"},
	} {
		refuses(t, folder, misuse, c.want, strings.Fields(c.args)...)
	}
	if got := listed(t, folder); got != "x.npy" {
		t.Errorf("the folder has %s", got)
	}
}

// TestFailures: what fails ends with 1, in one line, and leaves nothing behind.
func TestFailures(t *testing.T) {
	folder := folderWithRows(t)
	works(t, folder, "train", "x.npy", "--latents", "24", "-k", "3", "--steps", "20", "-o", "m.ksp")
	writeNpy(t, filepath.Join(folder, "wide.npy"), 20, testCols+1, samples(20, testCols+1, 2))
	writeNpy(t, filepath.Join(folder, "one.npy"), 1, testCols, samples(1, testCols, 2))
	writeNpy(t, filepath.Join(folder, "equal.npy"), 40, 3, make([]float32, 120))
	if err := os.Mkdir(filepath.Join(folder, "folder"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"codes.jsonl": "{\"latents\":[5],\"values\":[1]}\n{\"latents\":[99],\"values\":[1]}",
		"twice.jsonl": `{"latents":[3,3],"values":[1,2]}`, "large.jsonl": `{"latents":[3,4],"values":[1e308,1e308]}`,
		"length.safetensors": "\xff\xff\xff\xff\xff\xff\xff\x7f{}", "vectors.fvecs": "\x01\x00\x00\x00\x00\x00\x80\x3f\x02\x00\x00\x00\x00\x00\x00\x40",
		"euro.csv": "-2,310;1,925\n2,565;1,021\n", "not.npy": "no array", "bad.jsonl": `{"latents":[1]}`} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	before := listed(t, folder)
	for _, c := range []struct{ want, args string }{
		{"nothing.npy", "train nothing.npy -o n.ksp"},
		{"not.npy", "train not.npy -o n.ksp"},
		{"m.ksp exists: --force replaces it", "train x.npy -o m.ksp"},
		{"holds out no row of 600", "train x.npy --hold 601 -o n.ksp"},
		{"--matryoshka", "train x.npy -k 5 --matryoshka 8,4 -o n.ksp"},
		{"x.npy has 600 rows, and the targets in wide.npy have 20", "train x.npy --targets wide.npy -o n.ksp"},
		{"x.npy has 600 rows, and the targets in wide.npy have 20", "eval m.ksp x.npy --targets wide.npy"},
		{"no.ksp", "eval no.ksp x.npy"},
		{"wide.npy has 17 numbers in a row, and the model takes 16", "encode m.ksp wide.npy -o codes.npz"},
		{"wide.npy has 17 numbers in a row, and the model takes 16", "compare m.ksp wide.npy"},
		{"wide.npy has 17 numbers in a row, and the model takes 16", "check m.ksp wide.npy"},
		{"wide.npy has 17 numbers in a row, and the model takes 16", "calibrate m.ksp wide.npy --l0 2 -o c.ksp"},
		{"m.ksp has 24 latents: codes.jsonl: line 2 has latent 99, want latents from 0 to 23", "decode m.ksp codes.jsonl -o y.npy"},
		{"twice.jsonl: row 0 (line 1): the latent 3 is there twice", "decode m.ksp twice.jsonl -o y.npy"},
		{"bad.jsonl: row 0 (line 1)", "decode m.ksp bad.jsonl -o y.npy"},
		{"x.npy exists", "decode m.ksp codes.jsonl -o x.npy"},
		{"values per row are positive", "calibrate m.ksp x.npy --l0 24 -o c.ksp"},
		{"no/c.ksp", "calibrate m.ksp x.npy --l0 2 -o no/c.ksp"},
		{"no/n.ksp", "train x.npy -o no/n.ksp"},
		{"not.npy", "sweep not.npy -o s"},
		{"m.ksp is a file, want a folder", "sweep x.npy -o m.ksp"},
		{"folder is a folder", "train x.npy -o folder --force"},
		{"folder is a folder", "mnist -o folder --force"},
		{"4 rows held out are all equal", "train equal.npy -o n.ksp"},
		{"40 rows of the training are all equal", "train equal.npy --hold 0 -o n.ksp"},
		{"one row to measure on", "train x.npy --hold 301 -o n.ksp"},
		{"wide.npy has 17 numbers in a row, and the model takes 16", "eval m.ksp wide.npy"},
		{"one row is too few to train on", "train one.npy -o n.ksp"},
		{"length.safetensors: a header of", "train length.safetensors -o n.ksp"},
		{"of the data: ", "train vectors.fvecs vectors.fvecs --hold 2 -o n.ksp"},
		{"a decimal comma: write numbers with decimal points, or choose the columns by --column", "train euro.csv -o n.ksp"},
		{strings.Repeat("n", 300) + ".ksp: ", "train x.npy -o " + strings.Repeat("n", 300) + ".ksp"},
		{`the address is "8080", want host:port`, "serve m.ksp --addr 8080"},
	} {
		refuses(t, folder, failed, c.want, strings.Fields(c.args)...)
	}
	if after := listed(t, folder); after != before {
		t.Errorf("the folder had %s, and has %s", before, after)
	}
}
