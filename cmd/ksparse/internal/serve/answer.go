package serve

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/sparse"
	"gonum.org/v1/gonum/mat"
)

// description is the OpenAPI description of the routes.
//
//go:embed openapi.json
var description []byte

// answerEncode answers rows with their codes.
func (s *Server) answerEncode(x *exchange) error {
	err := s.readRows(x)
	if err == nil {
		err = s.encoder.do(x)
	}
	if err != nil {
		return err
	}
	if x.wantsBinary() {
		return x.codesBinary()
	}
	x.contentType, x.answer = jsonType, appendCodes(x.answer[:0], &x.codes)
	return nil
}

// answerReconstruct answers rows with their outputs.
func (s *Server) answerReconstruct(x *exchange) error {
	if !s.decodes {
		return ksparse.ErrNoDecoder
	}
	err := s.readRows(x)
	if err == nil {
		err = s.reconstruct.do(x)
	}
	if err != nil {
		return err
	}
	return x.outputsAnswer()
}

// answerDecode answers codes with their outputs. It uses only the weights of the latents that
// are there, so a batch would not make it faster.
func (s *Server) answerDecode(x *exchange) error {
	if !s.decodes {
		return ksparse.ErrNoDecoder
	}
	if err := s.readCodes(x); err != nil {
		return err
	}
	indices, values := x.codes.views()
	c, err := ksparse.NewCodes(s.latents, indices, values)
	if err != nil {
		return err
	}
	shape(&x.outputs, x.n, s.out)
	if err := s.model.DecodeInto(&x.outputs, c); err != nil {
		return err
	}
	return x.outputsAnswer()
}

// outputsAnswer makes an answer of the outputs.
func (x *exchange) outputsAnswer() error {
	if x.wantsBinary() {
		return x.outputsBinary()
	}
	x.contentType, x.answer = jsonType, appendRows(x.answer[:0], &x.outputs)
	return nil
}

// wantsBinary reports whether the client asks for a binary answer: whether the header Accept
// names that, and does not name JSON before it.
func (x *exchange) wantsBinary() bool {
	for _, header := range x.r.Header["Accept"] {
		for kind := range strings.SplitSeq(header, ",") {
			kind, _, _ = strings.Cut(kind, ";")
			switch kind = strings.TrimSpace(kind); {
			case strings.EqualFold(kind, binaryType):
				return true
			case strings.EqualFold(kind, jsonType):
				return false
			}
		}
	}
	return false
}

// appendCodes appends the codes in the form that parseCodes reads.
func appendCodes(dst []byte, c *codes) []byte {
	dst = append(dst, `{"codes":[`...)
	at := 0
	for i, n := range c.counts {
		dst = separate(dst, i)
		dst = sparse.AppendJSON(dst, c.latents[at:at+n], c.values[at:at+n])
		at += n
	}
	return append(dst, "]}\n"...)
}

// appendRows appends the rows of m in the form that parseRows reads.
func appendRows(dst []byte, m *mat.Dense) []byte {
	dst = append(dst, `{"rows":[`...)
	rows, _ := m.Dims()
	for i := range rows {
		dst = append(separate(dst, i), '[')
		dst = append(sparse.AppendFloats(dst, m.RawRowView(i)), ']')
	}
	return append(dst, "]}\n"...)
}

// separate appends what stands before element i of a list.
func separate(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return dst
}

// codesBinary makes an answer of the codes: numbers of 4 bytes, little-endian. They are the
// number of rows; for each row how many latents it has; the latents of all rows, one row after
// another; and as many values, in float32. The others are unsigned integers.
func (x *exchange) codesBinary() error {
	dst := binary.LittleEndian.AppendUint32(x.answer[:0], uint32(x.n))
	for _, n := range x.codes.counts {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	}
	for _, j := range x.codes.latents {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(j))
	}
	return x.binary(dst, x.codes.values)
}

// outputsBinary makes an answer of the outputs: float32, little-endian, row after row.
func (x *exchange) outputsBinary() error {
	return x.binary(x.answer[:0], x.outputs.RawMatrix().Data)
}

// binary makes an answer of dst and the numbers after it, in float32.
func (x *exchange) binary(dst []byte, numbers []float64) error {
	dst = slices.Grow(dst, 4*len(numbers))
	for _, v := range numbers {
		narrow := float32(v)
		if math.IsInf(float64(narrow), 0) {
			return refuse(http.StatusNotAcceptable, "the answer holds %v, which is too large for float32: ask for %s", v, jsonType)
		}
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(narrow))
	}
	x.contentType, x.answer = binaryType, dst
	return nil
}

// info is what /info says.
type info struct {
	Name    string     `json:"name,omitempty"`
	Model   string     `json:"model,omitempty"`
	Inputs  int        `json:"inputs"`
	Outputs int        `json:"outputs"`
	Latents int        `json:"latents"`
	Decodes bool       `json:"decodes"`
	Index   *indexInfo `json:"index,omitempty"`
	Limits  limits     `json:"limits"`
}

// indexInfo is what /info says of an index.
type indexInfo struct {
	Name       string `json:"name,omitempty"`
	Rows       int    `json:"rows"`
	Neighbours bool   `json:"neighbours"`
	Texts      bool   `json:"texts"`
}

// limits are those of requests.
type limits struct {
	Rows     int   `json:"rows"`
	Bytes    int64 `json:"bytes"`
	Requests int   `json:"requests"`
	Hits     int   `json:"hits,omitempty"`
}

// answerInfo says what the model is, and the limits.
func (s *Server) answerInfo(x *exchange) error {
	i := info{
		Name: s.options.Name, Inputs: s.in, Outputs: s.out, Latents: s.latents, Decodes: s.decodes,
		Limits: limits{Rows: s.options.MaxRows, Bytes: s.options.MaxBytes, Requests: s.options.Requests},
	}
	if index := s.options.Index; index != nil {
		i.Index = &indexInfo{index.Name(), index.Stats().Rows, index.HasRows(), index.HasTexts()}
		i.Limits.Hits = s.options.MaxHits
	}
	if m, ok := s.model.(interface{ String() string }); ok {
		i.Model = m.String()
	}
	x.setJSON(i)
	return nil
}

// setJSON makes an answer of v, which has nothing that JSON has not.
func (x *exchange) setJSON(v any) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // cannot fail: v has strings, numbers and truths
	x.contentType, x.answer = jsonType, text.Bytes()
}

// answerHealth says that the server runs.
func (s *Server) answerHealth(x *exchange) error {
	x.contentType, x.answer = jsonType, append(x.answer[:0], "{\"status\":\"running\"}\n"...)
	return nil
}

// answerReady says whether new requests should come here: not when the server stops.
func (s *Server) answerReady(x *exchange) error {
	if s.stopping.Load() {
		return refuse(http.StatusServiceUnavailable, "the server stops")
	}
	x.contentType, x.answer = jsonType, append(x.answer[:0], "{\"status\":\"ready\"}\n"...)
	return nil
}

// answerMetrics writes the metrics.
func (s *Server) answerMetrics(x *exchange) error {
	s.metrics.handler.ServeHTTP(x.w, x.r)
	x.written = true
	return nil
}

// answerDescription writes the OpenAPI description.
func (s *Server) answerDescription(x *exchange) error {
	x.contentType, x.answer = jsonType, append(x.answer[:0], description...)
	return nil
}
