package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/export"
)

// stand is a server in place of an engine, which answers as the engine's documentation says. It finds rows by computing all
// products, and keeps as many of the query's latents as cut says, 0 for all.
type stand struct {
	format export.Format
	cut    int
	rows   map[int64]map[string]float64
	asked  int
}

// sparse is a vector of Qdrant.
type sparse struct {
	Indices []int
	Values  []float64
}

// object returns the vector by latents.
func (s sparse) object() map[string]float64 {
	o := make(map[string]float64)
	for i, j := range s.Indices {
		o[strconv.Itoa(j)] = s.Values[i]
	}
	return o
}

// ServeHTTP answers a request.
func (s *stand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = s.answer(w, r.Method+" "+r.URL.Path, body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// answer answers a request.
func (s *stand) answer(w io.Writer, what string, body []byte) error {
	path, lucene := "/collections/"+name, s.format != export.Qdrant
	if lucene {
		path = "/" + name
	}
	switch what {
	case "DELETE " + path:
		s.rows = nil
	case "PUT " + path:
		if s.rows != nil {
			return fmt.Errorf("it is there")
		}
		s.rows = make(map[int64]map[string]float64)
	case "PUT " + path + "/points":
		var upsert struct {
			Points []struct {
				ID     int64
				Vector map[string]sparse
			}
		}
		if err := json.Unmarshal(body, &upsert); err != nil {
			return err
		}
		for _, p := range upsert.Points {
			s.rows[p.ID] = p.Vector["code"].object()
		}
	case "POST " + path + "/_bulk":
		if err := s.bulk(body); err != nil {
			return err
		}
	case "POST " + path + "/_refresh":
	case "POST " + path + "/points/query", "POST " + path + "/_search":
		return s.search(w, body)
	default:
		return fmt.Errorf("there is no %s", what)
	}
	_, err := io.WriteString(w, "{}")
	return err
}

// bulk indexes documents.
func (s *stand) bulk(body []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(body))
	for lines.Scan() {
		var action struct {
			Index struct {
				ID string `json:"_id"`
			}
		}
		var document struct{ Code map[string]float64 }
		if err := json.Unmarshal(lines.Bytes(), &action); err != nil {
			return err
		}
		lines.Scan()
		if err := json.Unmarshal(lines.Bytes(), &document); err != nil {
			return err
		}
		id, err := strconv.ParseInt(action.Index.ID, 10, 64)
		if err != nil {
			return err
		}
		s.rows[id] = document.Code
	}
	return lines.Err()
}

// search answers a query.
func (s *stand) search(w io.Writer, body []byte) error {
	var q struct {
		Limit, Size int
		Query       struct {
			sparse
			SparseVector struct {
				QueryVector map[string]float64 `json:"query_vector"`
				Prune       *bool
			} `json:"sparse_vector"`
			NeuralSparse struct {
				Code struct {
					QueryTokens map[string]float64 `json:"query_tokens"`
				}
			} `json:"neural_sparse"`
		}
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return err
	}
	weights, k := q.Query.object(), q.Limit
	switch s.format {
	case export.Elasticsearch:
		if p := q.Query.SparseVector.Prune; p == nil || *p {
			return fmt.Errorf("the query is pruned")
		}
		weights, k = q.Query.SparseVector.QueryVector, q.Size
	case export.OpenSearch:
		weights, k = q.Query.NeuralSparse.Code.QueryTokens, q.Size
	}
	for j := range weights {
		if s.cut > 0 && len(weights) > s.cut {
			delete(weights, j)
		}
	}
	s.asked++
	scores := make([]float64, len(s.rows))
	for id, code := range s.rows {
		for j, v := range code {
			scores[id] += weights[j] * stored(s.format, v)
		}
	}
	var all []string
	for _, h := range best(scores, k) {
		if s.format == export.Qdrant {
			all = append(all, fmt.Sprintf(`{"id":%d,"version":3,"score":%g}`, h.id, float32(h.score)))
		} else {
			all = append(all, fmt.Sprintf(`{"_index":%q,"_id":"%d","_score":%g}`, name, h.id, float32(h.score)))
		}
	}
	form := `{"result":{"points":[%s]},"status":"ok"}`
	if s.format != export.Qdrant {
		form = `{"hits":{"hits":[%s]}}`
	}
	_, err := fmt.Fprintf(w, form, strings.Join(all, ","))
	return err
}

// TestCheckHTTP: an engine that answers as documented passes, one that leaves latents out of queries does not, and nothing is
// left behind.
func TestCheckHTTP(t *testing.T) {
	s := size{rows: 300, latents: 200, k: 6, queries: 20, hits: 5}
	for _, f := range []export.Format{export.Qdrant, export.Elasticsearch, export.OpenSearch} {
		engine := &stand{format: f}
		server := httptest.NewServer(engine)
		var out bytes.Buffer
		err := checkHTTP(context.Background(), &out, f, server.URL, s)
		if err != nil || engine.asked != 20 || !strings.Contains(out.String(), "20 queries") || engine.rows != nil {
			t.Errorf("%s: %v after %d queries: %s", f, err, engine.asked, out.String())
		}
		engine.cut = 3
		if err := checkHTTP(context.Background(), io.Discard, f, server.URL+"/", s); err == nil {
			t.Errorf("%s: queries without latents pass", f)
		}
		server.Close()
	}
}

// TestTally: what is equal up to rounding passes, and what is not does not.
func TestTally(t *testing.T) {
	scores := []float64{3, 1, 2, 2, 0}
	for _, c := range []struct {
		answer     []hit
		same, ties int
		fails      bool
	}{
		{[]hit{{0, 3}, {2, 2}, {3, 2}}, 1, 0, false},
		{[]hit{{0, 3}, {3, 2}, {2, 2}}, 0, 1, false},
		{[]hit{{0, 3}, {2, 2}, {1, 1}}, 0, 0, true},   // row 3 is better
		{[]hit{{0, 3}, {2, 2}}, 0, 0, true},           // too few
		{[]hit{{0, 3.1}, {2, 2}, {3, 2}}, 0, 0, true}, // another score
		{[]hit{{0, 3}, {2, 2}, {2, 2}}, 0, 0, true},   // twice
		{[]hit{{9, 3}, {2, 2}, {3, 2}}, 0, 0, true},
	} {
		var got tally
		err := got.add(0, c.answer, scores, 1e-6, 3)
		if (err != nil) != c.fails || got.same != c.same || got.ties != c.ties {
			t.Errorf("%v: %v, %+v", c.answer, err, got)
		}
	}
}

// TestStored: Lucene keeps nine significant bits, the engines of float32 all.
func TestStored(t *testing.T) {
	v := 1 + 0x1p-8 + 0x1p-9 // ten significant bits
	if got := stored(export.Elasticsearch, v); got != 1+0x1p-8 {
		t.Errorf("Elasticsearch keeps %v", got)
	}
	if got := stored(export.Qdrant, v); got != v {
		t.Errorf("Qdrant keeps %v", got)
	}
}

// TestSample: as many values as asked for, uneven, and the same each time.
func TestSample(t *testing.T) {
	s := size{rows: 500, latents: 1000, k: 8}
	a, err := sample(500, s, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := sample(500, s, 1)
	for i := range 500 {
		indices, values := a.Row(i)
		again, valuesAgain := b.Row(i)
		if len(indices) != 8 || !slices.Equal(indices, again) || !slices.Equal(values, valuesAgain) {
			t.Fatalf("row %d: %v %v, then %v %v", i, indices, values, again, valuesAgain)
		}
	}
	f := a.Frequency()
	slices.Sort(f)
	if f[999] < 10*f[500] {
		t.Errorf("the most frequent latent has %v, the middle one %v", f[999], f[500])
	}
}
