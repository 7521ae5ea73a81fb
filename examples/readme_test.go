package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadme runs the program in the README and compares what it prints with what the README says that it prints.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "```go\n")
	program, after, ends := strings.Cut(after, "```\n")
	_, after, prints := strings.Cut(after, "It prints:\n\n```\n")
	want, _, closed := strings.Cut(after, "```\n")
	if !found || !ends || !prints || !closed {
		t.Fatal("the README has no program, or does not say what it prints")
	}
	folder, err := os.MkdirTemp(".", "_readme-") // in this module, which knows where ksparse is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	path := filepath.Join(folder, "main.go")
	if err := os.WriteFile(path, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "go", "run", path)
	var stderr strings.Builder
	command.Stderr = &stderr
	got, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if string(got) != want {
		t.Errorf("the program prints\n%s\nthe README says\n%s", got, want)
	}
}
