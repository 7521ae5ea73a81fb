package export_test

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/export"
)

// get returns what lies under keys in JSON.
func get(t *testing.T, text string, keys ...string) json.RawMessage {
	t.Helper()
	raw := json.RawMessage(text)
	for _, key := range keys {
		var object map[string]json.RawMessage
		unmarshal(t, raw, &object)
		if raw = object[key]; raw == nil {
			t.Fatalf("there is no %q of %v in %s", key, keys, text)
		}
	}
	return raw
}

// weights returns the code that a query asks with, and the factor of the whole query.
func weights(t *testing.T, f export.Format, r export.Request) (code, float32) {
	t.Helper()
	object := make(map[string]float32)
	boost := float32(1)
	switch f {
	case export.Qdrant:
		c := readQdrant(t, []byte(`{"points":[{"id":0,"vector":{"q":`+string(get(t, r.Body, "query"))+"}}]}\n"), "q")
		return c[0], 1
	case export.Elasticsearch:
		unmarshal(t, get(t, r.Body, "query", "sparse_vector", "query_vector"), &object)
	case export.OpenSearch, export.OpenSearchSeismic:
		unmarshal(t, get(t, r.Body, "query", "neural_sparse", "code", "query_tokens"), &object)
		if strings.Contains(r.Body, "boost") {
			unmarshal(t, get(t, r.Body, "query", "neural_sparse", "code", "boost"), &boost)
		}
	case export.Milvus:
		var data []map[string]float32
		unmarshal(t, get(t, r.Body, "data"), &data)
		object = data[0]
	case export.Seismic:
		unmarshal(t, get(t, r.Body, "vector"), &object)
	default:
		_, after, _ := strings.Cut(r.Body, "'")
		vec, _, _ := strings.Cut(after, "'")
		return parseSparsevec(t, vec), 1
	}
	return byLatent(t, object), boost
}

// TestQueryAsksWithTheCode: every query has all values of the code other than zero, as float32.
func TestQueryAsksWithTheCode(t *testing.T) {
	c := randomCodes(t, 200, 60, 12)
	for _, f := range export.Formats() {
		want := expected(c, 0, least(f))
		asked := 0
		for i := range 200 {
			r, err := f.Query(c, i, 10, export.Options{Ceiling: 60000})
			if len(want[int64(i)]) == 0 {
				if !errors.Is(err, ksparse.ErrEmpty) {
					t.Errorf("%s: row %d has no values: error %v", f, i, err)
				}
				continue
			}
			must(t, err)
			got, boost := weights(t, f, r)
			for j, v := range got {
				got[j] = v * boost
				if (f == export.OpenSearch || f == export.OpenSearchSeismic) && v > 64 {
					t.Errorf("%s: row %d: latent %d has the weight %v", f, i, j, v)
				}
			}
			if boost > 1 { // what became denormal is rounded
				maps.DeleteFunc(got, func(_ int, v float32) bool { return v < 1e-30 })
				maps.DeleteFunc(want[int64(i)], func(_ int, v float32) bool { return v < 1e-30 })
			}
			if !maps.Equal(got, want[int64(i)]) {
				t.Errorf("%s: row %d: %v, want %v", f, i, got, want[int64(i)])
			}
			asked++
		}
		if asked < 100 {
			t.Errorf("%s: %d queries", f, asked)
		}
	}
}

// TestQueryForms: where a query goes, how many rows it asks for, and what keeps the engine from leaving latents out.
func TestQueryForms(t *testing.T) {
	c := newCodes(t, 16, [][]int32{{}, {7, 9, 15}}, [][]float64{{}, {0.5, 0, 100}})
	o := export.Options{Name: "rows", Ceiling: 12.5}
	for f, want := range map[export.Format]export.Request{
		export.Qdrant: {Method: "POST", Path: "/collections/rows/points/query",
			Body: `{"query":{"indices":[7,15],"values":[0.5,100]},"using":"code","limit":3}`},
		export.Elasticsearch: {Method: "POST", Path: "/rows/_search",
			Body: `{"query":{"sparse_vector":{"field":"code","query_vector":{"7":0.5,"15":100},"prune":false}},"size":3,"_source":false}`},
		export.OpenSearch: {Method: "POST", Path: "/rows/_search",
			Body: `{"query":{"neural_sparse":{"code":{"query_tokens":{"7":0.25,"15":50},"boost":2}}},"size":3,"_source":false}`},
		export.OpenSearchSeismic: {Method: "POST", Path: "/rows/_search",
			Body: `{"query":{"neural_sparse":{"code":{"query_tokens":{"7":0.0625,"15":12.5},"method_parameters":{"k":3,"top_n":2},"boost":8}}},"size":3,"_source":false}`},
		export.Milvus: {Method: "POST", Path: "/v2/vectordb/entities/search",
			Body: `{"collectionName":"rows","data":[{"7":0.5,"15":100}],"annsField":"code","limit":3,"outputFields":["id"]}`},
		export.Seismic: {Body: `{"id":0,"vector":{"7":0.5,"15":100}}`},
		export.PGVector: {Body: `WITH products AS MATERIALIZED (SELECT "id", -("code" <#> '{8:0.5,16:100}/16') AS score FROM "rows")
SELECT "id", score FROM products WHERE score > 0 ORDER BY score DESC, "id" LIMIT 3;`},
	} {
		got, err := f.Query(c, 1, 3, o)
		must(t, err)
		if got != want {
			t.Errorf("%s:\n%v, want\n%v", f, got, want)
		}
	}
}

// TestQueryRefused: questions that make no sense, or that the engine does not answer.
func TestQueryRefused(t *testing.T) {
	c := newCodes(t, 4, [][]int32{{1}, {2}, {3}}, [][]float64{{1}, {-1}, {0}})
	for _, q := range []struct {
		f     export.Format
		row   int
		k     int
		cause error
		text  string
	}{
		{export.Qdrant, 3, 1, ksparse.ErrRange, "there is no row 3 of codes to ask with, they have 3"},
		{export.Qdrant, -1, 1, ksparse.ErrRange, "there is no row -1"},
		{export.Qdrant, 0, 0, ksparse.ErrRange, "0 rows are asked for, want 1 or more"},
		{export.Elasticsearch, 0, 10001, ksparse.ErrRange, "10001 rows are asked for, and Elasticsearch gives 1 to 10000"},
		{export.Milvus, 0, 16385, ksparse.ErrRange, "Milvus gives 1 to 16384"},
		{export.OpenSearch, 1, 1, ksparse.ErrRange, "row 1 has -1 for latent 2, and OpenSearch takes no values below 0"},
		{export.PGVector, 2, 1, ksparse.ErrEmpty, "row 2 of the codes to ask with has no value other than 0"},
		{"x", 0, 1, ksparse.ErrRange, "no export format"},
	} {
		if _, err := q.f.Query(c, q.row, q.k, export.Options{}); !errors.Is(err, q.cause) || !strings.Contains(err.Error(), q.text) {
			t.Errorf("%s row %d k %d: error %v", q.f, q.row, q.k, err)
		}
	}
	if _, err := export.Qdrant.Query(nil, 0, 1, export.Options{}); !errors.Is(err, ksparse.ErrRange) {
		t.Errorf("nil codes: error %v", err)
	}
}

// TestQueryExtremes: the largest weights shrink to what OpenSearch takes, and none becomes zero.
func TestQueryExtremes(t *testing.T) {
	c := newCodes(t, 4, [][]int32{{0, 3}}, [][]float64{{0x1p-126, math.MaxFloat32}})
	for f, ceiling := range map[export.Format]float64{export.OpenSearch: 0, export.OpenSearchSeismic: 1e-3} {
		r, err := f.Query(c, 0, 1, export.Options{Ceiling: ceiling})
		must(t, err)
		got, boost := weights(t, f, r)
		if len(got) != 2 || !(got[0] > 0) || got[3] > 64 || boost > math.MaxFloat32 || got[3]*boost != math.MaxFloat32 {
			t.Errorf("%s: weights %v times %v", f, got, boost)
		}
	}
}

// TestRequestString: as a console takes it.
func TestRequestString(t *testing.T) {
	for want, r := range map[string]export.Request{
		"":                     {},
		"SELECT 1;\n":          {Body: "SELECT 1;"},
		"PUT /a\n":             {Method: "PUT", Path: "/a"},
		"PUT /a\n{\"b\":{}}\n": {Method: "PUT", Path: "/a", Body: `{"b":{}}`},
	} {
		if got := r.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
