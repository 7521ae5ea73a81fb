package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// refused checks the status of an answer and that its error has the words.
func refused(t *testing.T, what string, w *httptest.ResponseRecorder, status int, words string) {
	t.Helper()
	var got map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got) != 1 {
		t.Errorf("%s: %q is no JSON error: %v", what, w.Body, err)
	}
	if w.Code != status || !strings.Contains(got["error"], words) || words == "" {
		t.Errorf("%s: %d %q, want %d with %q", what, w.Code, got["error"], status, words)
	}
}

// TestHostileRows: bad rows are 400 with the row's number, or 413.
func TestHostileRows(t *testing.T) {
	s := server(t, plain(t), Options{MaxRows: 3, MaxBytes: 200})
	inf := words(1., 2.)[:4] + "\x00\x00\x80\x7f"
	nan := words(1., 2.) + words(1., 2.)[:4] + "\x01\x00\xc0\xff"
	for _, c := range []struct {
		kind, body string
		status     int
		words      string
	}{
		{jsonType, ``, 400, "the JSON ends at byte 0, want { there"},
		{jsonType, `{"rows":[]}`, 400, "there are no rows"},
		{jsonType, `{"rows":[[]]}`, 400, "row 0 has 0 numbers, want 2"},
		{jsonType, `{"rows":[[1,2],[1]]}`, 400, "row 1 has 1 numbers, want 2"},
		{jsonType, `{"rows":[[1,2,3]]}`, 400, "row 0 has more than 2 numbers"},
		{jsonType, `{"rows":[[1,2],[NaN,2]]}`, 400, "row 1: number 0 is NaN, want a finite number"},
		{jsonType, `{"rows":[[1,-Infinity]]}`, 400, "row 0: number 1 is -Infinity"},
		{jsonType, `{"rows":[[1,Infinity]]}`, 400, "row 0: number 1 is Infinity"},
		{jsonType, `{"rows":[[1,1e400]]}`, 400, "row 0: number 1 is 1e400, which is too large"},
		{jsonType, `{"rows":[[1,null]]}`, 400, `the JSON has "n" at byte 12, want a number`},
		{jsonType, `{"rows":[[1,"2"]]}`, 400, `want a number`},
		{jsonType, `{"rows":[[1,01]]}`, 400, `want a number`},
		{jsonType, `{"rows":[[1,+1]]}`, 400, `want a number`},
		{jsonType, `{"rows":[[1,.5]]}`, 400, `want a number`},
		{jsonType, `{"rows":[[1,0x10]]}`, 400, `the JSON has "x" at byte 13, want , or ] there`},
		{jsonType, `{"rows":[[1,1_0]]}`, 400, `want , or ]`},
		{jsonType, `{"rows":[[1,1.]]}`, 400, `want a digit`},
		{jsonType, `{"rows":[[1,1e]]}`, 400, `want a digit`},
		{jsonType, `{"rows":[[1,2],]}`, 400, "want ["},
		{jsonType, `{"rows":[[1,2]`, 400, "the JSON ends at byte 14"},
		{jsonType, `{"rows":[[1,2]]`, 400, "want }"},
		{jsonType, `{"rows":[[1,2]]} x`, 400, "want nothing after the end"},
		{jsonType, `{"rows":[[1,2]],"k":1}`, 400, "want }"},
		{jsonType, `{"row":[[1,2]]}`, 400, `want "rows"`},
		{jsonType, `[[1,2]]`, 400, "want {"},
		{jsonType, strings.Repeat("[", 150), 400, "want {"},
		{jsonType, `{"rows":[[1,2],[1,2],[1,2],[1,2]]}`, 413, "more than 3 rows"},
		{jsonType, `{"rows":[[1,2` + strings.Repeat(" ", 200), 413, "longer than 200 bytes"},
		{jsonType, "{\"rows\":[[1,\xff]]}", 400, `has "\xff" at byte 12`},
		{binaryType, ``, 400, "the body is empty"},
		{binaryType, `123`, 400, "the body has 3 bytes, want rows of 2 float32 numbers, which is 8 bytes for each row"},
		{binaryType, inf, 400, "row 0: number 1 is +Inf"},
		{binaryType, nan, 400, "row 1: number 1 is NaN"},
		{binaryType, strings.Repeat("\x00", 32), 413, "more than 3 rows"},
		{binaryType, strings.Repeat("\x00", 208), 413, "longer than 200 bytes"},
		{"text/plain", `{"rows":[[1,2]]}`, 415, `Content-Type is "text/plain"`},
		{"", `{"rows":[[1,2]]}`, 415, `want application/json or application/octet-stream`},
	} {
		for _, path := range []string{"/encode", "/reconstruct"} {
			w := ask(s, "POST", path, c.body, "Content-Type", c.kind)
			refused(t, fmt.Sprintf("%s %q", path, c.body), w, c.status, c.words)
		}
	}
	refused(t, "gzip", post(s, "/encode", `{"rows":[[1,2]]}`, "Content-Encoding", "gzip"), 415, "not compressed")
	if w := post(s, "/encode", `{"rows":[[1,2]]}`, "Content-Type", "Application/JSON; charset=utf-8"); w.Code != 200 {
		t.Errorf("a type with a parameter: %d %s", w.Code, w.Body)
	}
}

// TestHostileCodes: bad codes are 400 in words, or 413.
func TestHostileCodes(t *testing.T) {
	s := server(t, plain(t), Options{MaxRows: 2})
	for _, c := range []struct {
		kind, body string
		status     int
		words      string
	}{
		{jsonType, `{"codes":[]}`, 400, "there are no codes"},
		{jsonType, `{"codes":[{}]}`, 400, `want "latents" or "values"`},
		{jsonType, `{"codes":[{"latents":[0]}]}`, 400, `want ,`},
		{jsonType, `{"codes":[{"latents":[0],"latents":[1]}]}`, 400, "row 0 has 2 latents and 0 values"},
		{jsonType, `{"codes":[{"latents":[0],"values":[1],"x":2}]}`, 400, "want }"},
		{jsonType, `{"codes":[{"latents":[0],"values":[1,2]}]}`, 400, "row 0 has 1 latents and 2 values"},
		{jsonType, `{"codes":[{"latents":[0,1,2,3],"values":[1]}]}`, 400, "row 0 has more than 3 latents"},
		{jsonType, `{"codes":[{"latents":[3],"values":[1]}]}`, 400, "row 0 has index 3, want indices from 0 to 2"},
		{jsonType, `{"codes":[{"latents":[-1],"values":[1]}]}`, 400, "latent 0 is -1, want a whole number from 0"},
		{jsonType, `{"codes":[{"latents":[1.0],"values":[1]}]}`, 400, "latent 0 is 1.0"},
		{jsonType, `{"codes":[{"latents":[4294967296],"values":[1]}]}`, 400, "latent 0 is 4294967296"},
		{jsonType, `{"codes":[{"latents":[1,0],"values":[1,2]}]}`, 400, "want ascending indices"},
		{jsonType, `{"codes":[{"latents":[1],"values":[NaN]}]}`, 400, "row 0: number 0 is NaN"},
		{jsonType, `{"codes":[{"latents":[],"values":[]},{"latents":[],"values":[]},{"latents":[],"values":[]}]}`, 413, "more than 2 rows"},
		{binaryType, ``, 400, "the body has 0 bytes"},
		{binaryType, `12345`, 400, "the body has 5 bytes"},
		{binaryType, words(0), 400, "there are no codes"},
		{binaryType, words(2), 400, "the body ends after 4 bytes, before the numbers of latents of 2 codes"},
		{binaryType, words(3, 0, 0, 0), 413, "more than 2 rows"},
		{binaryType, words(-1), 413, "more than 2 rows"},
		{binaryType, words(1, 1, 0), 400, "the body has 12 bytes, want 16 for 1 codes with 1 latents in all"},
		{binaryType, words(1, 1, 0, 1., 1.), 400, "the body has 20 bytes, want 16"},
		{binaryType, words(2, -1, -1, 0), 400, "with 8589934590 latents in all"},
		{binaryType, words(1, 1, 3, 1.), 400, "index 3"},
		{binaryType, words(1, 1, -1, 1.), 400, "latent 4294967295 is out of range"},
		{binaryType, words(1, 2, 1, 1, 1., 1.), 400, "ascending"},
		{binaryType, words(1, 1, 0, 0x7fc00000), 400, "row 0 holds NaN"},
	} {
		w := ask(s, "POST", "/decode", c.body, "Content-Type", c.kind)
		refused(t, fmt.Sprintf("%q", c.body), w, c.status, c.words)
	}
}

// TestNoRoute: what is not there, and what is there for another method.
func TestNoRoute(t *testing.T) {
	s := server(t, plain(t), Options{})
	refused(t, "no route", ask(s, "GET", "/", ""), 404, "/openapi.json lists")
	refused(t, "below a route", ask(s, "POST", "/encode/", ""), 404, "/encode/")
	for _, rt := range routes {
		other := map[string]string{"GET": "POST", "POST": "GET"}[rt.method]
		w := ask(s, other, rt.path, "")
		refused(t, rt.path, w, 405, "is for "+rt.method)
		if allow := w.Header().Get("Allow"); allow != rt.method {
			t.Errorf("%s: Allow %q", rt.path, allow)
		}
	}
}

// TestOverflow: numbers that are too large for the model are the client's, not the server's.
func TestOverflow(t *testing.T) {
	s := server(t, plain(t), Options{})
	w := post(s, "/encode", `{"rows":[[1,2],[-1.7e308,-1.7e308]]}`)
	refused(t, "overflow", w, 400, "row 1")
	if strings.Contains(w.Body.String(), "ksparse:") {
		t.Errorf("the error names the package: %s", w.Body)
	}
}

// brokenModel is a model that fails.
type brokenModel struct {
	*ksparse.Frozen
	err error
}

func (b *brokenModel) EncodeInto(dst *ksparse.Codes, x mat.Matrix) error {
	return errors.Join(b.err, b.Frozen.EncodeInto(dst, x))
}

// TestFailure: what is not the client's fault is 500, and the server goes on.
func TestFailure(t *testing.T) {
	m := &brokenModel{Frozen: plain(t)}
	s := server(t, m, Options{})
	m.err = errors.New("no power")
	refused(t, "failure", post(s, "/encode", `{"rows":[[1,2]]}`), 500, "the server failed: no power")
	m.err = nil
	if w := post(s, "/encode", `{"rows":[[1,2]]}`); w.Code != 200 {
		t.Errorf("after a failure: %d %s", w.Code, w.Body)
	}
}

// TestNewRefuses: models and options that cannot be served.
func TestNewRefuses(t *testing.T) {
	m := plain(t)
	for what, c := range map[string]struct {
		m     Model
		o     Options
		words string
	}{
		"no model":        {nil, Options{}, "no model"},
		"empty model":     {new(ksparse.Frozen), Options{}, "0 inputs"},
		"no power":        {&brokenModel{m, errors.New("no power")}, Options{}, "the model cannot be served: no power"},
		"requests":        {m, Options{Requests: -1}, "the limit of requests at a time is -1"},
		"rows":            {m, Options{MaxRows: -2}, "the limit of rows of a request is -2"},
		"hits":            {m, Options{MaxHits: -1}, "the limit of hits of a row is -1"},
		"bytes":           {m, Options{MaxBytes: -3}, "the limit of bytes of a body is -3"},
		"body time":       {m, Options{BodyTimeout: -time.Second}, "the time for the body is -1s"},
		"drain time":      {m, Options{DrainTime: -1}, "the time for the drain is -1ns"},
		"no token file":   {m, Options{TokenFile: t.TempDir() + "/none"}, "the token cannot be read"},
		"key without":     {m, Options{KeyFile: "key.pem"}, "only one of them is given"},
		"no certificates": {m, Options{KeyFile: "key.pem", CertFile: "none.pem"}, "the certificate none.pem"},
	} {
		if s, err := New(c.m, c.o); s != nil || err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: error %v, want %q", what, err, c.words)
		}
	}
	if s := server(t, m, Options{}); s.options.MaxBytes != 4096+25*256*2 || s.options.HeaderTimeout != 5*time.Second || cap(s.places) != 64 {
		t.Errorf("defaults: %+v", s.options)
	}
}

// TestHost: without a token, pages that reach this machine by another name are refused.
func TestHost(t *testing.T) {
	s := server(t, plain(t), Options{Addr: "127.0.0.1:0"})
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	defer (*s.listener.Load()).Close()
	for host, status := range map[string]int{
		"localhost": 200, "localhost:80": 200, "LocalHost:80": 200, "127.0.0.1:8080": 200, "[::1]:8080": 200, "[::1]": 200, "10.0.0.1": 200,
		"evil.example": 403, "evil.example:8080": 403, "localhost.evil.example": 403, "": 403,
	} {
		for path, want := range map[string]int{"/info": status, "/healthz": 200} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Host = host
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%s at host %q: %d, want %d", path, host, w.Code, want)
			}
		}
	}
}
