package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/export"
)

// luceneProgram is a program that indexes and asks.
//
//go:embed Lucene.java
var luceneProgram []byte

// checkLucene has Lucene, by the jar file of its core, index the file for Elasticsearch and answer the queries for it.
func checkLucene(ctx context.Context, w io.Writer, jar string, s size) error {
	codes, queries, err := samples(s)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", name)
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	program, documents, questions := filepath.Join(folder, "Lucene.java"), filepath.Join(folder, "documents.ndjson"), filepath.Join(folder, "queries")
	if err := os.WriteFile(program, luceneProgram, 0o600); err != nil {
		return err
	}
	if _, err := export.Elasticsearch.WriteFile(ctx, documents, codefile.FromCodes(codes), export.Options{}); err != nil {
		return err
	}
	var lines strings.Builder
	for q := range s.queries {
		r, err := export.Elasticsearch.Query(queries, q, s.hits, export.Options{})
		if err != nil {
			return err
		}
		lines.WriteString(r.Body + "\n")
	}
	if err := os.WriteFile(questions, []byte(lines.String()), 0o600); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, "java", "-cp", jar, program, documents, questions, strconv.Itoa(s.hits))
	var errs bytes.Buffer
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		return fmt.Errorf("java: %w: %.500s", err, errs.String())
	}
	answers, err := parseAnswers(strings.TrimSpace(string(out)), s)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "Lucene of %s: %d rows of %d latents\n", filepath.Base(jar), s.rows, s.latents)
	if err := report(w, export.Elasticsearch, answers, codes, queries, s); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "  of the best rows by all bits, %.4f are among the best by 9 bits\n", kept(codes, queries, s))
	return err
}

// kept returns which share of the best rows by float32 values is among the best by values of 9 bits.
func kept(codes, queries *ksparse.Codes, s size) float64 {
	found, all := 0, 0
	for q := range s.queries {
		exact, _ := products(export.Qdrant, codes, queries, q)
		cut, _ := products(export.Elasticsearch, codes, queries, q)
		among := make(map[int64]bool)
		for _, h := range best(cut, s.hits) {
			among[h.id] = true
		}
		for _, h := range best(exact, s.hits) {
			all++
			if among[h.id] {
				found++
			}
		}
	}
	return float64(found) / float64(max(all, 1))
}
