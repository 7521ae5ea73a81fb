package serve

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
)

// plain is a network whose answers can be computed by hand: latents (1, 0), (0, 1) and (-1, -1),
// of which the largest product is active, and decoders that are the same three.
func plain(t testing.TB) *ksparse.Frozen {
	t.Helper()
	return frozen(t, ksparse.Config{
		Classic: true, Tied: true, K: 1, Activation: ksparse.ReLU,
		Encoder: ksparse.Weights{Rows: 3, Cols: 2, Float32: []float32{1, 0, 0, 1, -1, -1}},
	})
}

// frozen makes a network for serving.
func frozen(t testing.TB, cfg ksparse.Config) *ksparse.Frozen {
	t.Helper()
	net, err := ksparse.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f, err := net.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// server makes a server.
func server(t testing.TB, m Model, o Options) *Server {
	t.Helper()
	s, err := New(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask sends a request to h. Header has names and values by turns.
func ask(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// post is ask for a JSON body.
func post(h http.Handler, path, body string, header ...string) *httptest.ResponseRecorder {
	return ask(h, "POST", path, body, append([]string{"Content-Type", jsonType}, header...)...)
}

// words returns numbers of 4 bytes, little-endian: int as unsigned integers, float64 as float32.
func words(numbers ...any) string {
	var b []byte
	for _, n := range numbers {
		switch n := n.(type) {
		case int:
			b = binary.LittleEndian.AppendUint32(b, uint32(n))
		case float64:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(n)))
		}
	}
	return string(b)
}

// TestAnswers: what the model gives for rows and codes, computed by hand, in every combination
// of JSON and binary, byte for byte.
func TestAnswers(t *testing.T) {
	s := server(t, plain(t), Options{})
	rows := map[string]string{jsonType: ` { "rows" : [ [3, 1.0],[1e0,2],
		[-1,-2.0e+0] ] } `, binaryType: words(3., 1., 1., 2., -1., -2.)}
	codes := map[string]string{
		jsonType:   `{"codes":[{"latents":[0],"values":[3]},{"latents":[1],"values":[2]},{"latents":[2],"values":[3]}]}` + "\n",
		binaryType: words(3, 1, 1, 1, 0, 1, 2, 3., 2., 3.),
	}
	outputs := map[string]string{jsonType: `{"rows":[[3,0],[0,2],[-3,-3]]}` + "\n", binaryType: words(3., 0., 0., 2., -3., -3.)}
	for _, c := range []struct {
		path     string
		in, want map[string]string
	}{{"/encode", rows, codes}, {"/decode", codes, outputs}, {"/reconstruct", rows, outputs}} {
		for from, body := range c.in {
			for to, want := range c.want {
				w := ask(s.Handler(), "POST", c.path, body, "Content-Type", from, "Accept", to)
				if got := w.Body.String(); w.Code != 200 || got != want || w.Header().Get("Content-Type") != to {
					t.Errorf("%s from %s to %s: %d %s %q, want %q", c.path, from, to, w.Code, w.Header().Get("Content-Type"), got, want)
				}
			}
		}
	}
}

// TestCodesInAnyOrder: the two lists of a code may change places, and be empty.
func TestCodesInAnyOrder(t *testing.T) {
	s := server(t, plain(t), Options{})
	w := post(s, "/decode", `{"codes":[{"values":[0.5,2],"latents":[0,1]},{"latents":[],"values":[]}]}`)
	if got, want := w.Body.String(), "{\"rows\":[[0.5,2],[0,0]]}\n"; w.Code != 200 || got != want {
		t.Errorf("%d %q, want %q", w.Code, got, want)
	}
}

// TestAccept: an answer is binary where Accept names that first.
func TestAccept(t *testing.T) {
	s := server(t, plain(t), Options{})
	for accept, want := range map[string]string{
		"": jsonType, "*/*": jsonType, "text/html": jsonType, "application/json": jsonType,
		"application/octet-stream":                          binaryType,
		"Application/Octet-Stream;q=1":                      binaryType,
		"text/html, application/octet-stream":               binaryType,
		"application/octet-stream, application/json":        binaryType,
		"application/json; q=0.9, application/octet-stream": jsonType,
	} {
		w := post(s, "/encode", `{"rows":[[1,2]]}`, "Accept", accept)
		if got := w.Header().Get("Content-Type"); w.Code != 200 || got != want {
			t.Errorf("Accept %q: %d %s, want %s", accept, w.Code, got, want)
		}
	}
}

// TestExact: numbers in JSON come and go without rounding.
func TestExact(t *testing.T) {
	s := server(t, plain(t), Options{})
	numbers := []float64{0.1, 1.0 / 3, math.Pi * 1e-300, math.SmallestNonzeroFloat64, 1e21, 123456789.123456789, 1e300}
	for _, v := range numbers {
		body, err := json.Marshal(map[string][][]float64{"rows": {{v, 0}}})
		if err != nil {
			t.Fatal(err)
		}
		w := post(s, "/encode", string(body))
		var got struct {
			Codes []struct {
				Latents []int32
				Values  []float64
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Codes) != 1 || !reflect.DeepEqual(got.Codes[0].Values, []float64{v}) {
			t.Errorf("%v came back as %s", v, w.Body)
		}
	}
	w := post(s, "/encode", `{"rows":[[1e300,0]]}`, "Accept", binaryType)
	if w.Code != http.StatusNotAcceptable {
		t.Errorf("1e300 in float32: %d %s, want %d", w.Code, w.Body, http.StatusNotAcceptable)
	}
}

// TestInfo: the model's size and the limits.
func TestInfo(t *testing.T) {
	w := ask(server(t, plain(t), Options{Name: "atoms.ksp", MaxRows: 7}), "GET", "/info", "")
	var got info
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := info{Name: "atoms.ksp", Model: plain(t).String(), Inputs: 2, Outputs: 2, Latents: 3, Decodes: true, Limits: limits{Rows: 7, Bytes: 4096 + 25*7*2, Requests: 64}}
	if w.Code != 200 || got != want {
		t.Errorf("%d %+v, want %+v", w.Code, got, want)
	}
}

// TestEncoderOnly: a model without a decoder encodes, and says what it cannot do.
func TestEncoderOnly(t *testing.T) {
	s := server(t, frozen(t, ksparse.Config{Classic: true, K: 1, Encoder: ksparse.Weights{Rows: 2, Cols: 2, Float64: []float64{1, 0, 0, 1}}}), Options{})
	if w := post(s, "/encode", `{"rows":[[1,2]]}`); w.Code != 200 {
		t.Errorf("/encode: %d %s", w.Code, w.Body)
	}
	for path, body := range map[string]string{"/reconstruct": `{"rows":[[1,2]]}`, "/decode": `{"codes":[{"latents":[0],"values":[3]}]}`} {
		if w := post(s, path, body); w.Code != http.StatusNotImplemented || !strings.Contains(w.Body.String(), "no decoder") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := ask(s, "GET", "/info", ""); !strings.Contains(w.Body.String(), `"decodes":false`) {
		t.Errorf("/info: %s", w.Body)
	}
}

// TestHealth: the probes, and requests by HEAD.
func TestHealth(t *testing.T) {
	s := server(t, plain(t), Options{})
	for path, want := range map[string]string{"/healthz": `{"status":"running"}`, "/readyz": `{"status":"ready"}`} {
		if w := ask(s, "GET", path, ""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%s: %d %s, want %s", path, w.Code, w.Body, want)
		}
	}
	web := httptest.NewServer(s)
	defer web.Close()
	answer, err := http.Head(web.URL + "/info")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != 200 || len(body) != 0 || answer.ContentLength < 10 {
		t.Errorf("HEAD: %d, length %d, %d bytes, error %v", answer.StatusCode, answer.ContentLength, len(body), err)
	}
	s.stopping.Store(true)
	if w := ask(s, "GET", "/readyz", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("/readyz of a server that stops: %d %s", w.Code, w.Body)
	}
}

// TestMetrics: what was done is counted.
func TestMetrics(t *testing.T) {
	s := server(t, plain(t), Options{Requests: 5})
	post(s, "/encode", `{"rows":[[1,2],[3,4],[5,6]]}`)
	post(s, "/encode", `{"rows":[[1,2]]}`)
	post(s, "/encode", `{"rows":[[1]]}`)
	post(s, "/nothing", ``)
	w := ask(s, "GET", "/metrics", "")
	for _, line := range []string{
		`ksparse_requests_total{route="/encode",status="200"} 2`,
		`ksparse_requests_total{route="/encode",status="400"} 1`,
		`ksparse_requests_total{route="other",status="404"} 1`,
		`ksparse_rows_total{route="/encode"} 4`,
		`ksparse_request_seconds_count{route="/encode"} 3`,
		`ksparse_batch_rows_bucket{call="encode",le="1"} 1`,
		`ksparse_batch_rows_bucket{call="encode",le="4"} 2`,
		`ksparse_batch_rows_sum{call="encode"} 4`,
		`ksparse_requests_in_work 0`,
		`ksparse_requests_in_work_limit 5`,
	} {
		if !bytes.Contains(w.Body.Bytes(), []byte("\n"+line+"\n")) {
			t.Errorf("there is no line %s in:\n%s", line, w.Body)
		}
	}
}
