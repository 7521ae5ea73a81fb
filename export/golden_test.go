package export_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/export"
)

// golden reads a file of testdata, which holds what an engine's documentation shows: testdata/SOURCES.md says where.
func golden(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	must(t, err)
	return text
}

// narrow rounds the numbers of a JSON value to float32.
func narrow(v any) any {
	switch v := v.(type) {
	case float64:
		return float32(v)
	case []any:
		for i := range v {
			v[i] = narrow(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = narrow(v[key])
		}
	}
	return v
}

// sameJSON checks that two texts hold the same JSON values, one after the other, with numbers that are the same as float32.
func sameJSON(t *testing.T, what string, got, want []byte) {
	t.Helper()
	values := func(text []byte) (all []any) {
		d := json.NewDecoder(bytes.NewReader(text))
		for d.More() {
			var v any
			if err := d.Decode(&v); err != nil {
				t.Fatalf("%s: %v in %s", what, err, text)
			}
			all = append(all, narrow(v))
		}
		return all
	}
	if a, b := values(got), values(want); len(b) == 0 || !reflect.DeepEqual(a, b) {
		t.Errorf("%s:\n%s, the documentation has\n%s", what, got, want)
	}
}

// example is an example of an engine's documentation: codes, and the file, setup and query for them.
type example struct {
	format      export.Format
	file, setup string // of testdata
	query       string
	options     export.Options
	latents     int
	indices     [][]int32
	values      [][]float64
}

// examples are the examples whose rows are numbered without gaps, as exported ones are.
var examples = []example{
	{export.Qdrant, "qdrant_upsert.json", "qdrant_create.json", "qdrant_query.json", export.Options{Name: "c", Field: "text", FirstID: 1}, 8,
		[][]int32{{1, 3, 5, 7}}, [][]float64{{0.1, 0.2, 0.3, 0.4}}},
	{export.OpenSearchSeismic, "opensearch_bulk.ndjson", "", "opensearch_query.json", export.Options{Field: "sparse_embedding", FirstID: 1, Ceiling: 3}, 3000,
		[][]int32{{10, 23, 24, 78, 156}, {3, 19, 21, 300, 985}, {1055, 2931}}, [][]float64{{0.85, 1.92, 0.67, 2.54, 0.73}, {1.22, 0.11, 0.35, 1.74, 0.96}, {1.7, 2.3}}},
	{export.Milvus, "milvus_rows.json", "milvus_create.json", "milvus_search.json", export.Options{Name: "my_collection", Field: "sparse_vector"}, 2000,
		[][]int32{{1, 100, 500}, {10, 200, 1000}, {1, 50, 1000}}, [][]float64{{0.5, 0.3, 0.8}, {0.1, 0.7, 0.9}, {0.2, 0.4, 0.7}}},
	{export.PGVector, "pgvector_rows.txt", "", "", export.Options{Name: "items", Field: "embedding", FirstID: 1}, 5,
		[][]int32{{0, 2, 4}, {0, 2, 4}}, [][]float64{{1, 2, 3}, {4, 5, 6}}},
	{export.PGVectorBinary, "postgres_copy.bin", "", "", export.Options{FirstID: 1}, 5,
		[][]int32{{0, 2, 4}, {0, 2, 4}}, [][]float64{{1, 2, 3}, {4, 5, 6}}},
	{export.Elasticsearch, "elasticsearch_bulk.ndjson", "elasticsearch_mapping.json", "elasticsearch_query.json", export.Options{Name: "my-index", Field: "tokens", FirstID: 1}, 3,
		[][]int32{{0, 1, 2}, {0, 2}}, [][]float64{{0.12, 1.2, 3.0}, {2.5, 0.2}}},
	{export.Seismic, "seismic_documents.jsonl", "", "", export.Options{}, 3000,
		[][]int32{{2, 1037, 2001}, {7}}, [][]float64{{0.21922965347766876, 0.3883931338787079, 0.7389566898345947}, {2.45}}},
}

// TestGolden: files, setups and queries are as the documentation of the engines has them. The last row of an example that has a query is
// what it asks with.
func TestGolden(t *testing.T) {
	for _, e := range examples {
		c := newCodes(t, e.latents, e.indices, e.values)
		rows, what := len(e.indices), string(e.format)
		loaded := c
		if rows > 1 && e.query != "" {
			loaded = newCodes(t, e.latents, e.indices[:rows-1], e.values[:rows-1])
		}
		var b bytes.Buffer
		_, err := e.format.Write(context.Background(), &b, codefile.FromCodes(loaded), e.options)
		must(t, err)
		switch want := golden(t, e.file); e.format {
		case export.PGVector, export.PGVectorBinary:
			if !bytes.Equal(b.Bytes(), want) {
				t.Errorf("%s:\n%q, the documentation has\n%q", what, b.Bytes(), want)
			}
		default:
			sameJSON(t, what, b.Bytes(), want)
		}
		if e.setup != "" {
			s, err := e.format.Setup(e.latents, e.options)
			must(t, err)
			sameJSON(t, what+" setup", []byte(s.Create.Body), golden(t, e.setup))
		}
		if e.query != "" {
			r, err := e.format.Query(c, rows-1, 3, e.options)
			must(t, err)
			sameJSON(t, what+" query", []byte(r.Body), golden(t, e.query))
		}
	}
}

// TestSetups: what makes the place, and what loads the file.
func TestSetups(t *testing.T) {
	for f, want := range map[export.Format]string{
		export.Qdrant:        "PUT /collections/codes\n{\"sparse_vectors\":{\"code\":{}}}\nPUT /collections/codes/points?wait=true\n",
		export.Elasticsearch: "PUT /codes\n{\"mappings\":{\"properties\":{\"code\":{\"type\":\"sparse_vector\"}}}}\nPOST /codes/_bulk\n",
		export.OpenSearch:    "PUT /codes\n{\"mappings\":{\"properties\":{\"code\":{\"type\":\"rank_features\"}}}}\nPOST /codes/_bulk\n",
		export.OpenSearchSeismic: "PUT /codes\n{\"settings\":{\"index\":{\"sparse\":true}},\"mappings\":{\"properties\":{\"code\":{\"type\":\"sparse_vector\",\"method\":{\"name\":\"seismic\",\"parameters\":{" +
			"\"quantization_ceiling_ingest\":7.5,\"quantization_ceiling_search\":7.5}}}}}}\nPOST /codes/_bulk\n",
		export.PGVector: `CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE "codes" ("id" bigint PRIMARY KEY, "code" sparsevec(300) NOT NULL);
COPY "codes" ("id", "code") FROM STDIN;
CREATE INDEX ON "codes" USING hnsw ("code" sparsevec_ip_ops);
`,
		export.PGVectorBinary: `CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE "codes" ("id" bigint PRIMARY KEY, "code" sparsevec(300) NOT NULL);
COPY "codes" ("id", "code") FROM STDIN WITH (FORMAT binary);
CREATE INDEX ON "codes" USING hnsw ("code" sparsevec_ip_ops);
`,
		export.Seismic: "",
	} {
		s, err := f.Setup(300, export.Options{Ceiling: 7.5})
		must(t, err)
		if got := s.Create.String() + s.Load.String() + s.Index.String(); got != want {
			t.Errorf("%s:\n%s, want\n%s", f, got, want)
		}
	}
	s, err := export.Milvus.Setup(300, export.Options{})
	must(t, err)
	if want := "POST /v2/vectordb/jobs/import/create\n{\"collectionName\":\"codes\",\"files\":[[\"codes.json\"]]}\n"; s.Load.String() != want {
		t.Errorf("Milvus loads by %s", s.Load)
	}
}
