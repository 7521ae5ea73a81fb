//go:build !race

package serve

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
)

// sink is where an answer goes that nobody reads.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(int)             {}

// TestGarbage: a request makes no garbage for its rows, whether it has 1 or 100: what it makes is
// for the headers of the answer, the time-outs of the connection, and the goroutines of the model.
func TestGarbage(t *testing.T) {
	s := server(t, plain(t), Options{})
	for _, kind := range []string{jsonType, binaryType} {
		for _, path := range []string{"/encode", "/reconstruct"} {
			for _, n := range []int{1, 100} {
				body := strings.Repeat(words(1.5, -2.), n)
				if kind == jsonType {
					body = `{"rows":[[1.5,-2]` + strings.Repeat(`,[1.5,-2]`, n-1) + `]}`
				}
				reader := strings.NewReader(body)
				r := httptest.NewRequest("POST", path, nil)
				r.Header.Set("Content-Type", kind)
				r.Header.Set("Accept", kind)
				w := &sink{make(http.Header)}
				made := testing.AllocsPerRun(200, func() {
					reader.Reset(body)
					r.Body = io.NopCloser(reader)
					s.ServeHTTP(w, r)
				})
				if made > 16 {
					t.Errorf("%s of %d rows, %s: %v allocations, want at most 16", path, n, kind, made)
				}
			}
		}
	}
}

// TestSearchGarbage: a search makes no garbage for its rows and hits, whether they are few or many.
func TestSearchGarbage(t *testing.T) {
	s := server(t, plain(t), Options{Index: fourRows(t)})
	for _, n := range []int{1, 100} {
		body := `{"k":3,"rows":[[1.5,-2]` + strings.Repeat(`,[1.5,-2]`, n-1) + `]}`
		reader := strings.NewReader(body)
		r := httptest.NewRequest("POST", "/search", nil)
		r.Header.Set("Content-Type", jsonType)
		w := &sink{make(http.Header)}
		made := testing.AllocsPerRun(200, func() {
			reader.Reset(body)
			r.Body = io.NopCloser(reader)
			s.ServeHTTP(w, r)
		})
		if made > 32 {
			t.Errorf("%d rows: %v allocations, want at most 32", n, made)
		}
	}
}

// BenchmarkRequest: one row of 768 numbers through everything but the connection and the model,
// which is a small one.
func BenchmarkRequest(b *testing.B) {
	f := frozen(b, ksparse.Config{Classic: true, Inputs: 768, Latents: 64, K: 32})
	s := server(b, f, Options{})
	text, raw := largeBody()
	for kind, body := range map[string][]byte{jsonType: text, binaryType: raw} {
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			r := httptest.NewRequest("POST", "/encode", nil)
			r.Header.Set("Content-Type", kind)
			r.Header.Set("Accept", kind)
			w := &sink{make(http.Header)}
			for range b.N {
				r.Body = io.NopCloser(bytes.NewReader(body))
				s.ServeHTTP(w, r)
			}
		})
	}
}
