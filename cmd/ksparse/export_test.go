package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// someCodes makes a folder with codes of three rows.
func someCodes(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	lines := `{"latents":[7,19],"values":[0.5,1.25]}
{"latents":[],"values":[]}
{"latents":[2],"values":[3]}
`
	if err := os.WriteFile(filepath.Join(folder, "codes.jsonl"), []byte(lines), 0o666); err != nil {
		t.Fatal(err)
	}
	return folder
}

// TestExport: each format's file is what the engine takes, and what is printed goes with it.
func TestExport(t *testing.T) {
	folder := someCodes(t)
	for format, want := range map[string]string{
		"pgvector": "5\t{8:0.5,20:1.25}/64\n6\t{}/64\n7\t{3:3}/64\n",
		"qdrant": `{"points":[{"id":5,"vector":{"code":{"indices":[7,19],"values":[0.5,1.25]}}},{"id":6,"vector":{"code":{"indices":[],"values":[]}}}]}
{"points":[{"id":7,"vector":{"code":{"indices":[2],"values":[3]}}}]}
`,
		"elasticsearch": `{"index":{"_id":"5"}}
{"code":{"7":0.5,"19":1.25}}
{"index":{"_id":"6"}}
{}
{"index":{"_id":"7"}}
{"code":{"2":3}}
`,
		"milvus": `[
{"id":5,"code":{"7":0.5,"19":1.25}},
{"id":6,"code":{}},
{"id":7,"code":{"2":3}}
]
`,
		"seismic": `{"id":5,"vector":{"7":0.5,"19":1.25}}
{"id":7,"vector":{"2":3}}
`,
	} {
		out := works(t, folder, "export", "codes.jsonl", "--to", format, "-o", format+".json", "--first-id", "5", "--batch", "2", "--latents", "64")
		if out != "3 rows of 64 latents, 3 values, in "+format+".json\n" {
			t.Errorf("%s: %s", format, out)
		}
		if got, err := os.ReadFile(filepath.Join(folder, format+".json")); err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s", format, err, got)
		}
	}
}

// TestExportPrints: setup and query, with a file or without.
func TestExportPrints(t *testing.T) {
	folder := someCodes(t)
	out := works(t, folder, "export", "codes.jsonl", "--to", "pgvector-binary", "--name", "rows", "--print-setup", "--print-query", "2", "-k", "4")
	for _, want := range []string{`CREATE TABLE "rows" ("id" bigint PRIMARY KEY, "code" sparsevec(20) NOT NULL);`, `COPY "rows" ("id", "code") FROM STDIN WITH (FORMAT binary);`, `'{3:3}/20'`, "LIMIT 4;"} {
		if !strings.Contains(out, want) {
			t.Errorf("without %s:\n%s", want, out)
		}
	}
	out = works(t, folder, "export", "codes.jsonl", "--to", "opensearch-seismic", "--print-setup")
	if !strings.Contains(out, `"quantization_ceiling_ingest":3,`) || strings.Count(out, "\n") != 3 {
		t.Errorf("OpenSearch's seismic:\n%s", out)
	}
	out = works(t, folder, "export", "codes.jsonl", "--to", "opensearch-seismic", "-o", "s.ndjson", "--print-query", "0")
	if !strings.HasPrefix(out, "3 rows of 20 latents, 3 values, in s.ndjson\nPOST /codes/_search\n") || !strings.Contains(out, `"query_tokens":{"7":0.5,"19":1.25},"method_parameters":{"k":10,"top_n":2}`) {
		t.Errorf("OpenSearch's seismic:\n%s", out)
	}
}

// TestExportRefuses: mistakes are named in the words of the command.
func TestExportRefuses(t *testing.T) {
	folder := someCodes(t)
	refuses(t, folder, misuse, "want CODES, got 0", "export", "--to", "milvus")
	refuses(t, folder, misuse, `--to is "solr", want one of elasticsearch, milvus`, "export", "codes.jsonl", "--to", "solr", "-o", "x")
	refuses(t, folder, misuse, "want -o, where to write", "export", "codes.jsonl", "--to", "qdrant")
	refuses(t, folder, misuse, "ends in .json", "export", "codes.jsonl", "--to", "milvus", "-o", "x.jsonl")
	refuses(t, folder, failed, `--name is "a b"`, "export", "codes.jsonl", "--to", "pgvector", "-o", "x", "--name", "a b")
	refuses(t, folder, failed, "--first-id is -2", "export", "codes.jsonl", "--to", "pgvector", "-o", "x", "--first-id", "-2")
	refuses(t, folder, failed, "codes.jsonl exists: --force replaces it", "export", "codes.jsonl", "--to", "seismic", "-o", "codes.jsonl")
	refuses(t, folder, failed, "-o is codes.jsonl, one of the files that are read", "export", "codes.jsonl", "--to", "seismic", "-o", "codes.jsonl", "--force")
	refuses(t, folder, misuse, "--print-query is -5, want the number of a row", "export", "codes.jsonl", "--to", "seismic", "--print-query", "-5")
	refuses(t, folder, failed, "--print-query is 3, and there are 3 rows", "export", "codes.jsonl", "--to", "seismic", "--print-query", "3")
	refuses(t, folder, failed, "row 1 of the codes to ask with has no value other than 0", "export", "codes.jsonl", "--to", "seismic", "--print-query", "1")
	refuses(t, folder, failed, "line 1 has latent 19, want latents from 0 to 2", "export", "codes.jsonl", "--to", "pgvector", "-o", "x", "--latents", "3")
	if err := os.WriteFile(filepath.Join(folder, "signed.jsonl"), []byte(`{"latents":[1],"values":[-1]}`+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	refuses(t, folder, failed, "row 0 has -1 for latent 1, and Milvus takes no values below 0", "export", "signed.jsonl", "--to", "milvus", "-o", "x.json")
	if _, err := os.Stat(filepath.Join(folder, "x.json")); err == nil {
		t.Error("a file was left")
	}
}
