package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// words returns every word that the generator writes for package kernel, by its text.
func words(t *testing.T) map[string]string {
	pattern := regexp.MustCompile(`WORD \$0x([0-9a-f]{8}) // (.*)`)
	found := map[string]string{}
	for _, f := range files {
		g := &gen{elem: f.elem}
		f.write(g)
		assembly, _ := g.file("")
		for _, m := range pattern.FindAllStringSubmatch(string(assembly), -1) {
			if other, ok := found[m[2]]; ok && other != m[1] {
				t.Errorf("%s: both %s and %s", m[2], m[1], other)
			}
			found[m[2]] = m[1]
		}
	}
	if len(found) < 1000 {
		t.Fatalf("only %d words found", len(found))
	}
	return found
}

// TestEncodings compares every word with what llvm-mc makes of its text, where that is
// installed.
func TestEncodings(t *testing.T) {
	if _, err := exec.LookPath("llvm-mc"); err != nil {
		t.Skip("llvm-mc is not installed")
	}
	found := words(t)
	var input strings.Builder
	for text := range found {
		fmt.Fprintln(&input, text)
	}
	command := exec.Command("llvm-mc", "-triple=aarch64", "-mattr=+dotprod,+i8mm", "-show-encoding")
	command.Stdin = strings.NewReader(input.String())
	out, err := command.Output()
	if err != nil {
		t.Fatalf("llvm-mc: %v\n%s", err, err.(*exec.ExitError).Stderr)
	}
	encoding := regexp.MustCompile(`encoding: \[0x(..),0x(..),0x(..),0x(..)\]`).FindAllStringSubmatch(string(out), -1)
	texts := strings.Split(strings.TrimSpace(input.String()), "\n")
	if len(encoding) != len(texts) {
		t.Fatalf("%d encodings of %d instructions", len(encoding), len(texts))
	}
	for i, text := range texts {
		e := encoding[i]
		if want := e[4] + e[3] + e[2] + e[1]; found[text] != want {
			t.Errorf("%s is %s, want %s", text, found[text], want)
		}
	}
}
