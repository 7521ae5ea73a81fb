package serve

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/search"
)

// listed is an index of codes of one latent each, which is searched by looking at all. Latents are those of the network
// that plain makes, so the rows are atoms times the value.
type listed struct {
	latents []int32
	values  []float64
	noRows  bool
	noTexts bool
	fails   error
	asked   search.Near // the last call of Nearest
}

// someRows returns an index of five rows: (2, 0), (0, 1), (1, 0), (0, 0.5) and (-4, -4).
func someRows() *listed {
	return &listed{latents: []int32{0, 1, 0, 1, 2}, values: []float64{2, 1, 1, 0.5, 4}}
}

// best returns the k IDs with the largest scores above 0.
func (l *listed) best(dst []search.Hit, k int, only *search.IDs, score func(i int) float64) ([]search.Hit, error) {
	for i := range l.latents {
		if s := score(i); s > 0 && (only == nil || only.Contains(int64(i))) {
			dst = append(dst, search.Hit{ID: int64(i), Score: s})
		}
	}
	slices.SortStableFunc(dst, func(a, b search.Hit) int { return cmp.Compare(b.Score, a.Score) })
	return dst[:min(k, len(dst))], l.fails
}

func (l *listed) ByCode(dst []search.Hit, latents []int32, values []float64, k int, only *search.IDs) ([]search.Hit, error) {
	return l.best(dst, k, only, func(i int) float64 {
		sum := 0.0
		for t, j := range latents {
			if j == l.latents[i] {
				sum += values[t] * l.values[i]
			}
		}
		return sum
	})
}

func (l *listed) Nearest(dst []search.Hit, q search.Near) ([]search.Hit, error) {
	l.asked = q
	return l.best(dst, q.K, q.Only, func(i int) float64 {
		atom := [][]float64{{1, 0}, {0, 1}, {-1, -1}}[l.latents[i]]
		return (q.Row[0]*atom[0] + q.Row[1]*atom[1]) / math.Hypot(q.Row[0], q.Row[1]) / math.Hypot(atom[0], atom[1])
	})
}

func (l *listed) Explain(id int64, latents []int32, values []float64) (shares []search.Share, err error) {
	for t, j := range latents {
		if j == l.latents[id] {
			shares = append(shares, search.Share{Latent: int(j), Query: values[t], Row: l.values[id], Product: values[t] * l.values[id]})
		}
	}
	return shares, nil
}

func (l *listed) Stats() search.Stats           { return search.Stats{Rows: len(l.latents)} }
func (l *listed) HasRows() bool                 { return !l.noRows }
func (l *listed) HasTexts() bool                { return !l.noTexts }
func (l *listed) Text(id int64) (string, error) { return fmt.Sprintf("<row %d>", id), nil }
func (l *listed) Name() string                  { return "atoms.index" }

// codesAlone is an index without rows and texts.
type codesAlone struct{ *search.Index }

func (codesAlone) HasTexts() bool                { return false }
func (codesAlone) Text(id int64) (string, error) { return "", nil }
func (codesAlone) Name() string                  { return "" }

// fourRows returns an index of package search of the codes of (1, 0), (0, 2), (3, 1) and (-1, -1).
func fourRows(t *testing.T) Index {
	t.Helper()
	codes, err := plain(t).Encode(mat.NewDense(4, 2, []float64{1, 0, 0, 2, 3, 1, -1, -1}))
	if err != nil {
		t.Fatal(err)
	}
	x, err := search.Build(t.Context(), codefile.FromCodes(codes), search.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return codesAlone{x}
}

// TestSearchTogether: requests at the same time get the answers that each gets alone.
func TestSearchTogether(t *testing.T) {
	s := server(t, plain(t), Options{Index: fourRows(t)})
	want := map[string]string{
		`{"rows":[[3,0],[0,2]],"k":2}`:                        `{"results":[{"hits":[{"id":2,"score":9},{"id":0,"score":3}]},{"hits":[{"id":1,"score":4}]}]}`,
		`{"rows":[[-2,-1]]}`:                                  `{"results":[{"hits":[{"id":3,"score":6}]}]}`,
		`{"codes":[{"latents":[0],"values":[2]}],"only":[0]}`: `{"results":[{"hits":[{"id":0,"score":2}]}]}`,
	}
	var group sync.WaitGroup
	for range 16 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 20 {
				for body, answer := range want {
					if w := post(s, "/search", body); w.Code != 200 || w.Body.String() != answer+"\n" {
						t.Errorf("%s: %d %s, want %s", body, w.Code, w.Body, answer)
					}
				}
			}
		}()
	}
	group.Wait()
}

// TestSearch: hits, computed by hand, byte for byte.
func TestSearch(t *testing.T) {
	s := server(t, plain(t), Options{Index: someRows()})
	for _, c := range []struct{ body, want string }{
		{`{"rows":[[3,0],[0,2]],"by":"code","k":2}`,
			`[{"hits":[{"id":0,"score":6,"text":"<row 0>"},{"id":2,"score":3,"text":"<row 2>"}]},` +
				`{"hits":[{"id":1,"score":2,"text":"<row 1>"},{"id":3,"score":1,"text":"<row 3>"}]}]`},
		{`{"by":"neighbours","k":3,"rows":[[3,4]]}`,
			`[{"hits":[{"id":1,"score":0.8,"text":"<row 1>"},{"id":3,"score":0.8,"text":"<row 3>"},{"id":0,"score":0.6,"text":"<row 0>"}]}]`},
		{`{"rows":[[3,4]],"k":1}`, `[{"hits":[{"id":1,"score":0.8,"text":"<row 1>"}]}]`},
		{` { "k" : 1 , "codes" : [ {"latents":[0,2],"values":[1,0.5]} , {"latents":[],"values":[]} ] , "explain" : true } `,
			`[{"hits":[{"id":0,"score":2,"text":"<row 0>","latents":[{"latent":0,"query":1,"row":2,"product":2}]}]},{"hits":[]}]`},
		{`{"only":[2,4,77],"codes":[{"latents":[0],"values":[3]}],"explain":false}`, `[{"hits":[{"id":2,"score":3,"text":"<row 2>"}]}]`},
		{`{"only":[],"codes":[{"latents":[0],"values":[3]}]}`, `[{"hits":[]}]`},
	} {
		w := post(s, "/search", c.body)
		if want := `{"results":` + c.want + "}\n"; w.Code != 200 || unescaped(w.Body.String()) != want || w.Header().Get("Content-Type") != jsonType {
			t.Errorf("%s: %d %s %s, want %s", c.body, w.Code, w.Header().Get("Content-Type"), w.Body, want)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: %s is no JSON", c.body, w.Body)
		}
	}
}

// unescaped returns JSON with the signs that some encoders write as numbers.
func unescaped(text string) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(text)
}

// TestSearchAsks: the index gets the row, its code, and what is wanted.
func TestSearchAsks(t *testing.T) {
	index := someRows()
	s := server(t, plain(t), Options{Index: index})
	for body, recall := range map[string]float64{`{"rows":[[3,1]],"recall":0.8,"k":7,"only":[4]}`: 0.8, `{"rows":[[3,1]],"k":7,"only":[4]}`: 0} {
		post(s, "/search", body)
		q := index.asked
		if !slices.Equal(q.Row, []float64{3, 1}) || !slices.Equal(q.Latents, []int32{0}) || !slices.Equal(q.Values, []float64{3}) || q.K != 7 || q.Recall != recall || q.Only.Len() != 1 || !q.Only.Contains(4) {
			t.Errorf("%s asks for %+v", body, q)
		}
	}
}

// TestSearchWithout: an index without texts or rows, and a server without an index.
func TestSearchWithout(t *testing.T) {
	index := someRows()
	index.noRows, index.noTexts = true, true
	s := server(t, plain(t), Options{Index: index})
	w := post(s, "/search", `{"rows":[[3,0]],"k":1}`)
	if want := `{"results":[{"hits":[{"id":0,"score":6}]}]}` + "\n"; w.Code != 200 || w.Body.String() != want {
		t.Errorf("%d %s, want %s", w.Code, w.Body, want)
	}
	refused(t, "no rows", post(s, "/search", `{"rows":[[3,0]],"by":"neighbours"}`), 501, "keeps no rows")
	refused(t, "no index", post(server(t, plain(t), Options{}), "/search", `{"rows":[[3,0]]}`), 501, "has no index")
	if w := ask(s, "GET", "/info", ""); !strings.Contains(w.Body.String(), `"index":{"name":"atoms.index","rows":5,"neighbours":false,"texts":false}`) || !strings.Contains(w.Body.String(), `"hits":1000}`) {
		t.Errorf("/info: %s", w.Body)
	}
}

// TestHostileSearch: bad requests are 400 in words, or 413, 415.
func TestHostileSearch(t *testing.T) {
	s := server(t, plain(t), Options{MaxRows: 2, MaxHits: 5, MaxBytes: 300, Index: someRows()})
	for _, c := range []struct {
		body   string
		status int
		words  string
	}{
		{``, 400, "the JSON ends at byte 0, want { there"},
		{`{}`, 400, "no rows and no codes"},
		{`{"k":3}`, 400, "no rows and no codes"},
		{`{"rows":[[1,2]],"codes":[{"latents":[0],"values":[1]}]}`, 400, "both rows and codes"},
		{`{"rows":[]}`, 400, "there are no rows"},
		{`{"codes":[]}`, 400, "there are no codes"},
		{`{"rows":[[1,2,3]]}`, 400, "row 0 has more than 2 numbers"},
		{`{"rows":[[1,NaN]]}`, 400, "row 0: number 1 is NaN"},
		{`{"rows":[[1,2],[1,2],[1,2]]}`, 413, "more than 2 rows"},
		{`{"rows":[[1,2]],"rows":[[1,2]]}`, 400, `the field "rows" twice`},
		{`{"rows":[[1,2]],"only":[1],"only":[1]}`, 400, `the field "only" twice`},
		{`{"rows":[[1,2]],"k":0}`, 400, "k is 0, want a whole number from 1 to 5"},
		{`{"rows":[[1,2]],"k":6}`, 400, "k is 6, want a whole number from 1 to 5"},
		{`{"rows":[[1,2]],"k":2.5}`, 400, "k is 2.5"},
		{`{"rows":[[1,2]],"k":99999999999999999999}`, 400, "k is 99999999999999999999"},
		{`{"rows":[[1,2]],"k":"3"}`, 400, "want a number for k there"},
		{`{"rows":[[1,2]],"recall":1.5}`, 400, "recall is 1.5, want a number above 0, up to 1"},
		{`{"rows":[[1,2]],"recall":0}`, 400, "recall is 0"},
		{`{"rows":[[1,2]],"recall":NaN}`, 400, "want a number for recall there"},
		{`{"rows":[[1,2]],"recall":1e999}`, 400, "recall is 1e999"},
		{`{"rows":[[1,2]],"by":"code","recall":0.9}`, 400, "recall is for neighbours"},
		{`{"rows":[[1,2]],"by":"rows"}`, 400, `want "code" or "neighbours" there`},
		{`{"rows":[[1,2]],"by":null}`, 400, `want "code" or "neighbours" there`},
		{`{"rows":[[1,2]],"explain":1}`, 400, "want true or false there"},
		{`{"rows":[[1,2]],"only":[-1]}`, 400, "ID 0 of only is -1"},
		{`{"rows":[[1,2]],"only":[3,1.5]}`, 400, "ID 1 of only is 1.5"},
		{`{"rows":[[1,2]],"only":5}`, 400, "want [ there"},
		{`{"rows":[[1,2]],"top":5}`, 400, `want "rows", "codes"`},
		{`{"rows":[[1,2]],}`, 400, `want "rows", "codes"`},
		{`{"rows":[[1,2]]`, 400, "the JSON ends at byte 15"},
		{`{"rows":[[1,2]]} x`, 400, "want nothing after the end"},
		{`{"codes":[{"latents":[0],"values":[1]}],"by":"neighbours"}`, 400, "neighbours are those of rows"},
		{`{"rows":[[1,2]],"only":[` + strings.Repeat("1,", 300) + `1]}`, 413, "longer than 300 bytes"},
	} {
		refused(t, c.body, post(s, "/search", c.body), c.status, c.words)
	}
	refused(t, "binary", ask(s, "POST", "/search", words(1., 2.), "Content-Type", binaryType), 415, "want application/json for a search")
}

// TestSearchFails: what fails in the index is 500, and says for which row.
func TestSearchFails(t *testing.T) {
	index := someRows()
	s := server(t, plain(t), Options{Index: index})
	index.fails = errors.New("no disk")
	refused(t, "failure", post(s, "/search", `{"rows":[[1,2]]}`), 500, "the server failed: row 0: no disk")
	index.fails = nil
	if w := post(s, "/search", `{"rows":[[1,2]]}`); w.Code != 200 {
		t.Errorf("after a failure: %d %s", w.Code, w.Body)
	}
}

// TestSearchMetrics: rows of searches and the time for them are counted.
func TestSearchMetrics(t *testing.T) {
	s := server(t, plain(t), Options{Index: someRows()})
	post(s, "/search", `{"rows":[[1,2],[3,4]],"by":"code"}`)
	w := ask(s, "GET", "/metrics", "")
	for _, want := range []string{"\nksparse_rows_total{route=\"/search\"} 2\n", "\nksparse_search_seconds_total{by=\"code\"} "} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("there is no %q in:\n%s", want, w.Body)
		}
	}
}
