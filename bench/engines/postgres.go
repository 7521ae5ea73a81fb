package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/export"
)

// psql runs statements, or statements and commands of psql that come from input, and returns what is printed.
func psql(ctx context.Context, connection string, input io.Reader, statements ...string) (string, error) {
	args := []string{"-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", connection}
	for _, s := range statements {
		args = append(args, "-c", s)
	}
	command := exec.CommandContext(ctx, "psql", args...)
	var out, errs bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = input, &out, &errs
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, strings.TrimSpace(errs.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// checkPostgres loads codes by COPY, and asks by SQL.
func checkPostgres(ctx context.Context, w io.Writer, f export.Format, connection string, s size) error {
	codes, queries, err := samples(s)
	if err != nil {
		return err
	}
	o := export.Options{Name: name}
	setup, err := f.Setup(s.latents, o)
	if err != nil {
		return err
	}
	drop := fmt.Sprintf(`DROP TABLE IF EXISTS "%s";`, name)
	if _, err := psql(ctx, connection, nil, "SET client_min_messages = warning;", drop, setup.Create.Body); err != nil {
		return err
	}
	defer psql(context.WithoutCancel(ctx), connection, nil, drop)
	version, err := psql(ctx, connection, nil, "SELECT split_part(version(), ' on ', 1) || ', pgvector ' || extversion FROM pg_extension WHERE extname = 'vector';")
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if _, err := f.Write(ctx, &file, codefile.FromCodes(codes), o); err != nil {
		return err
	}
	length, begin := file.Len(), time.Now()
	if _, err := psql(ctx, connection, &file, setup.Load.Body); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s, %s: %d rows of %d latents, %d bytes, loaded in %.2g s\n", version, f, s.rows, s.latents, length, time.Since(begin).Seconds())
	if err := askPostgres(ctx, w, f, connection, codes, queries, s); err != nil {
		return err
	}
	return indexPostgres(ctx, w, connection, setup, codes, queries, s)
}

// askPostgres compares exact answers.
func askPostgres(ctx context.Context, w io.Writer, f export.Format, connection string, codes, queries *ksparse.Codes, s size) error {
	var script strings.Builder
	for q := range s.queries {
		r, err := f.Query(queries, q, s.hits, export.Options{Name: name})
		if err != nil {
			return err
		}
		script.WriteString(r.Body + "\n\\echo end\n")
	}
	answers, err := askScript(ctx, connection, script.String(), s)
	if err != nil {
		return err
	}
	return report(w, f, answers, codes, queries, s)
}

// indexPostgres says how many of the best rows an HNSW index finds.
func indexPostgres(ctx context.Context, w io.Writer, connection string, setup export.Setup, codes, queries *ksparse.Codes, s size) error {
	begin := time.Now()
	if _, err := psql(ctx, connection, nil, setup.Index.Body); err != nil {
		return err
	}
	built := time.Since(begin)
	var script strings.Builder
	script.WriteString("SET enable_seqscan = off;\n")
	for q := range s.queries {
		r, err := export.PGVector.Query(queries, q, s.hits, export.Options{Name: name})
		if err != nil {
			return err
		}
		vec := strings.Split(r.Body, "'")[1]
		fmt.Fprintf(&script, "SELECT \"id\", -(\"code\" <#> '%[1]s') FROM \"%[2]s\" ORDER BY \"code\" <#> '%[1]s' LIMIT %[3]d;\n\\echo end\n", vec, name, s.hits)
	}
	answers, err := askScript(ctx, connection, script.String(), s)
	if err != nil {
		return err
	}
	found, all := 0, 0
	for q, answer := range answers {
		scores, tolerance := products(export.PGVector, codes, queries, q)
		want := best(scores, s.hits)
		all += len(want)
		for _, a := range answer {
			if len(want) > 0 && scores[a.id] >= want[len(want)-1].score-2*tolerance && scores[a.id] > 0 {
				found++
			}
		}
	}
	_, err = fmt.Fprintf(w, "  HNSW index of default settings, built in %.2g s: %.3f of the best rows found\n", built.Seconds(), float64(found)/float64(max(all, 1)))
	return err
}

// askScript runs queries, after each of which the script prints a line "end".
func askScript(ctx context.Context, connection, script string, s size) ([][]hit, error) {
	out, err := psql(ctx, connection, strings.NewReader(script))
	if err != nil {
		return nil, err
	}
	return parseAnswers(out, s)
}

// parseAnswers reads lines "id|score", and "end" after those of a query.
func parseAnswers(out string, s size) ([][]hit, error) {
	answers := make([][]hit, 1, s.queries+1)
	for _, line := range strings.Split(out, "\n") {
		if line == "end" {
			answers = append(answers, nil)
			continue
		}
		first, second, _ := strings.Cut(line, "|")
		id, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the engine answers %q: %w", line, err)
		}
		score, err := strconv.ParseFloat(second, 64)
		if err != nil {
			return nil, fmt.Errorf("the engine answers %q: %w", line, err)
		}
		answers[len(answers)-1] = append(answers[len(answers)-1], hit{id, score})
	}
	if answers = answers[:len(answers)-1]; len(answers) != s.queries {
		return nil, fmt.Errorf("the engine answers %d queries of %d", len(answers), s.queries)
	}
	return answers, nil
}

// samples makes the codes to load and those to ask with.
func samples(s size) (codes, queries *ksparse.Codes, err error) {
	if codes, err = sample(s.rows, s, 1); err != nil {
		return nil, nil, err
	}
	queries, err = sample(s.queries, s, 2)
	return codes, queries, err
}
