package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/export"
)

// awkward makes codes of the most latents that pgvector takes: a row without values, one of the most values that it takes, negative,
// denormal, largest and smallest ones, and one that becomes zero as float32.
func awkward() (*ksparse.Codes, error) {
	const latents = 1e9
	full, ones := make([]int32, 16000), make([]float64, 16000)
	for j := range full {
		full[j], ones[j] = int32(j), 1/float64(j+1)
	}
	return ksparse.NewCodes(latents,
		[][]int32{{}, full, {0, 1, 2, 3, 4, 5, 6}, {latents - 1}},
		[][]float64{{}, ones, {-0.5, 0, 1e-40, math.SmallestNonzeroFloat32, math.MaxFloat32, -math.MaxFloat32, 1e-60}, {1.0 / 3}})
}

// limitsPostgres loads awkward codes as text and as binary, and compares what the database prints for them with the
// text.
func limitsPostgres(ctx context.Context, w io.Writer, connection string) error {
	codes, err := awkward()
	if err != nil {
		return err
	}
	_, latents := codes.Dims()
	o := export.Options{Name: name}
	drop := fmt.Sprintf(`DROP TABLE IF EXISTS "%s";`, name)
	defer psql(context.WithoutCancel(ctx), connection, nil, drop)
	var text bytes.Buffer
	for _, f := range []export.Format{export.PGVector, export.PGVectorBinary} {
		setup, err := f.Setup(latents, o)
		if err != nil {
			return err
		}
		var file bytes.Buffer
		if _, err := f.Write(ctx, &file, codefile.FromCodes(codes), o); err != nil {
			return err
		}
		if f == export.PGVector {
			text.Write(file.Bytes())
		}
		if _, err := psql(ctx, connection, nil, "SET client_min_messages = warning;", drop, setup.Create.Body); err != nil {
			return err
		}
		if _, err := psql(ctx, connection, &file, setup.Load.Body); err != nil {
			return err
		}
		got, err := psql(ctx, connection, nil, fmt.Sprintf(`COPY (SELECT "id", "code" FROM "%s" ORDER BY "id") TO STDOUT;`, name))
		if err != nil {
			return err
		}
		if at := differ(got, strings.TrimSpace(text.String())); at >= 0 {
			return fmt.Errorf("%s: the database has another number at place %d of the awkward rows", f, at)
		}
	}
	_, err = fmt.Fprintln(w, "pgvector at its limits (1,000,000,000 latents, 16,000 values a row, none, negative, denormal, largest): both forms give what was written")
	return err
}

// differ returns the first number in which two texts of rows differ, as float32, by its place: the same number may be written in two
// ways. It returns -1 where there is none.
func differ(a, b string) int {
	x, y := strings.FieldsFunc(a, isPunctuation), strings.FieldsFunc(b, isPunctuation)
	for i := range max(len(x), len(y)) {
		if i < min(len(x), len(y)) && x[i] == y[i] {
			continue
		}
		if i >= min(len(x), len(y)) || !strings.ContainsAny(x[i], ".e") {
			return i
		}
		v, errV := strconv.ParseFloat(x[i], 32)
		w, errW := strconv.ParseFloat(y[i], 32)
		if errV != nil || errW != nil || v != w {
			return i
		}
	}
	return -1
}

// isPunctuation reports whether c stands between the numbers of a row.
func isPunctuation(c rune) bool { return strings.ContainsRune("{}:,/\t\n", c) }
