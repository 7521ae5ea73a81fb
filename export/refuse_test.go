package export_test

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/export"
)

// wide is a source of rows of one value and any number of latents.
type wide struct{ rows, latents, of int }

// Dims returns the size.
func (w wide) Dims() (int, int) { return w.rows, w.latents }

// ReadCodes makes rows of of latents.
func (w wide) ReadCodes(dst *ksparse.Codes, lo, hi int) error {
	indices, values := make([][]int32, hi-lo), make([][]float64, hi-lo)
	for i := range indices {
		indices[i], values[i] = []int32{0}, []float64{1}
	}
	c, err := ksparse.NewCodes(w.of, indices, values)
	if err != nil {
		return err
	}
	return codefile.FromCodes(c).ReadCodes(dst, 0, hi-lo)
}

// lastRow makes codes whose row 1500 is the one given, among rows that every engine takes.
func lastRow(t *testing.T, latents int, indices []int32, values []float64) codefile.Source {
	allIndices, allValues := make([][]int32, 1500), make([][]float64, 1500)
	for i := range allIndices {
		allIndices[i], allValues[i] = []int32{0}, []float64{1}
	}
	return codefile.FromCodes(newCodes(t, latents, append(allIndices, indices), append(allValues, values)))
}

// TestRefused: codes that an engine cannot hold are refused by the engine's name and the row.
func TestRefused(t *testing.T) {
	long, ones := make([]int32, 16001), make([]float64, 16001)
	for j := range long {
		long[j], ones[j] = int32(j), 1
	}
	nan := newCodes(t, 4, [][]int32{{2}}, [][]float64{{1}})
	_, live := nan.Row(0)
	live[0] = math.NaN()
	for _, c := range []struct {
		formats []export.Format
		codes   codefile.Source
		cause   error
		text    string
	}{
		{[]export.Format{export.Elasticsearch}, lastRow(t, 8, []int32{3, 5}, []float64{1, -0.5}), ksparse.ErrRange, "row 1500 has -0.5 for latent 5, and Elasticsearch takes no values below 0"},
		{[]export.Format{export.OpenSearch}, lastRow(t, 8, []int32{3}, []float64{-1}), ksparse.ErrRange, "row 1500 has -1 for latent 3, and OpenSearch takes no values below 0"},
		{[]export.Format{export.Milvus}, lastRow(t, 8, []int32{3}, []float64{-1}), ksparse.ErrRange, "Milvus takes no values below 0"},
		{[]export.Format{export.Seismic}, lastRow(t, 8, []int32{3}, []float64{-1}), ksparse.ErrRange, "Seismic takes no values below 0"},
		{[]export.Format{export.Seismic}, lastRow(t, 8, []int32{3}, []float64{65505}), ksparse.ErrRange, "row 1500 has 65505 for latent 3, and Seismic takes 65504 at most"},
		{[]export.Format{export.Milvus}, lastRow(t, 8, []int32{3}, []float64{math.MaxFloat32}), ksparse.ErrRange, "and Milvus takes 3.4028233e+38 at most"},
		{export.Formats(), lastRow(t, 8, []int32{3}, []float64{1e39}), ksparse.ErrRange, "row 1500 has 1e+39 for latent 3"},
		{export.Formats(), codefile.FromCodes(nan), ksparse.ErrNotFinite, "row 0 has NaN for latent 2"},
		{[]export.Format{export.PGVector, export.PGVectorBinary}, lastRow(t, 20000, long, ones), ksparse.ErrRange, "row 1500 has 16001 values other than 0, and pgvector takes 16000 at most"},
		{[]export.Format{export.PGVector, export.PGVectorBinary}, wide{2, 1e9 + 1, 1e9 + 1}, ksparse.ErrRange, "the codes have 1000000001 latents, and pgvector takes 1000000000 at most"},
		{[]export.Format{export.OpenSearchSeismic}, wide{2, 32769, 32769}, ksparse.ErrRange, "32769 latents, and OpenSearch's seismic method takes 32768 at most"},
		{export.Formats(), wide{0, 5, 5}, ksparse.ErrEmpty, "there are no codes to write (0 rows of 5 latents)"},
		{export.Formats(), wide{3, 6, 5}, ksparse.ErrShape, "the source gave codes of 3 rows by 5 latents for the rows 0 to 3, want 3 by 6"},
		{export.Formats(), nil, ksparse.ErrEmpty, "the codes to write are nil"},
		{[]export.Format{"solr"}, wide{1, 1, 1}, ksparse.ErrRange, `there is no export format "solr", want one of [elasticsearch`},
	} {
		for _, f := range c.formats {
			_, err := f.Write(context.Background(), io.Discard, c.codes, export.Options{})
			if !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: error %v, want %q", f, err, c.text)
			}
		}
	}
}

// TestLimitsAreTaken: what is at a limit is no error.
func TestLimitsAreTaken(t *testing.T) {
	full, ones := make([]int32, 16000), make([]float64, 16000)
	for j := range full {
		full[j], ones[j] = int32(j), 1
	}
	for f, codes := range map[export.Format]codefile.Source{
		export.PGVector:          lastRow(t, 16000, full, ones),
		export.PGVectorBinary:    wide{2, 1e9, 1e9},
		export.OpenSearchSeismic: wide{2, 32768, 32768},
		export.Seismic:           lastRow(t, 3, []int32{1}, []float64{65504}),
		export.Elasticsearch:     lastRow(t, 3, []int32{1}, []float64{math.MaxFloat32}),
		export.Milvus:            lastRow(t, 3, []int32{1}, []float64{0x1.fffffcp127}),
	} {
		if _, err := f.Write(context.Background(), io.Discard, codes, export.Options{FirstID: math.MaxInt64 - 1501}); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// TestNames: a name that would need quotes or escapes in a path, in JSON or in SQL is refused, everywhere.
func TestNames(t *testing.T) {
	q := newCodes(t, 3, [][]int32{{1}}, [][]float64{{2}})
	bad := []string{`a"b`, `a'b`, "a b", "a/b", "a;b", `a\b`, "a.b", "a\nb", "ä", "1234567890123456789012345678901234567890123456789012345678901234", "$1", "..", "a%00"}
	check := func(f export.Format, o export.Options, want string) {
		t.Helper()
		o.Ceiling = 1
		_, write := f.Write(context.Background(), io.Discard, codefile.FromCodes(q), o)
		_, setup := f.Setup(3, o)
		_, query := f.Query(q, 0, 1, o)
		for _, err := range []error{write, setup, query} {
			if want == "" && err != nil || want != "" && (!errors.Is(err, ksparse.ErrRange) || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s %+v: error %v", f, o, err)
			}
		}
	}
	for _, f := range export.Formats() {
		for _, name := range bad {
			check(f, export.Options{Name: name}, "Options.Name is")
			check(f, export.Options{Field: name}, "Options.Field is")
		}
		check(f, export.Options{Field: "id"}, `and not "id"`)
		check(f, export.Options{Name: "codes_2", Field: "Order"}, "")
	}
	for _, f := range []export.Format{export.Elasticsearch, export.OpenSearch, export.OpenSearchSeismic} {
		check(f, export.Options{Name: "Codes"}, "small letters")
		check(f, export.Options{Name: "_codes"}, "a letter or digit first")
		check(f, export.Options{Name: "my-codes"}, "")
	}
	check(export.Qdrant, export.Options{Name: "My-codes"}, "")
	check(export.PGVector, export.Options{Name: "my-codes"}, "Options.Name is")
	check(export.Milvus, export.Options{Name: "2codes"}, "no digit first")
}

// TestOptionsRefused: numbers that make no sense.
func TestOptionsRefused(t *testing.T) {
	src := wide{2, 3, 3}
	for want, o := range map[string]export.Options{
		"Options.FirstID is -1": {FirstID: -1},
		"Options.FirstID is 9223372036854775806, want 0 or more, and no number of a row above": {FirstID: math.MaxInt64 - 1},
		"Options.Batch is -5": {Batch: -5},
	} {
		if _, err := export.Qdrant.Write(context.Background(), io.Discard, src, o); !errors.Is(err, ksparse.ErrRange) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v", o, err)
		}
	}
	for _, ceiling := range []float64{0, -1, 1e39, math.NaN(), math.Inf(1)} {
		if _, err := export.OpenSearchSeismic.Setup(3, export.Options{Ceiling: ceiling}); !errors.Is(err, ksparse.ErrRange) || !strings.Contains(err.Error(), "Options.Ceiling is") {
			t.Errorf("ceiling %v: error %v", ceiling, err)
		}
	}
	for _, latents := range []int{0, -1} {
		if _, err := export.Milvus.Setup(latents, export.Options{}); !errors.Is(err, ksparse.ErrRange) {
			t.Errorf("%d latents: error %v", latents, err)
		}
	}
	if _, err := export.PGVector.Setup(2e9, export.Options{}); !errors.Is(err, ksparse.ErrRange) {
		t.Errorf("2e9 latents: error %v", err)
	}
}
