package serve

import (
	"bytes"
	"net/http"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse/search"
)

// The layouts of bodies.
const (
	jsonType   = "application/json"
	binaryType = "application/octet-stream"
)

// An exchange is a request and its answer, and the memory for both, which the next request
// uses again.
type exchange struct {
	w http.ResponseWriter
	r *http.Request

	body    bytes.Buffer
	n       int       // rows, or codes
	rows    []float64 // n x inputs
	codes   codes     // n
	outputs mat.Dense // n x outputs
	query   query     // of /search, beside rows or codes
	hits    []search.Hit

	contentType string
	answer      []byte
	written     bool // the answer went to w already

	turn chan error // what the batcher says: see batcher.do
	err  error      // what came of the rows
}

// codes are sparse codes one after another: row i has counts[i] latents and as many values.
type codes struct {
	counts  []int
	latents []int32
	values  []float64

	latentRows [][]int32 // see views
	valueRows  [][]float64
}

// clear empties c.
func (c *codes) clear() {
	c.counts, c.latents, c.values = c.counts[:0], c.latents[:0], c.values[:0]
}

// add adds a row.
func (c *codes) add(latents []int32, values []float64) {
	c.counts = append(c.counts, len(latents))
	c.latents, c.values = append(c.latents, latents...), append(c.values, values...)
}

// views returns the latents and the values row by row.
func (c *codes) views() ([][]int32, [][]float64) {
	c.latentRows, c.valueRows = c.latentRows[:0], c.valueRows[:0]
	at := 0
	for _, n := range c.counts {
		c.latentRows = append(c.latentRows, c.latents[at:at+n])
		c.valueRows = append(c.valueRows, c.values[at:at+n])
		at += n
	}
	return c.latentRows, c.valueRows
}

// mostKept is how many bytes an exchange may keep for the next request. What large requests
// needed goes back to the garbage collector.
const mostKept = 1 << 20

// exchange returns an exchange for a request.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request) *exchange {
	x, _ := s.spare.Get().(*exchange)
	if x == nil {
		x = &exchange{turn: make(chan error, 1)}
	}
	x.w, x.r = w, r
	return x
}

// giveBack keeps the memory of x, which nobody uses any more.
func (s *Server) giveBack(x *exchange) {
	outputs := x.outputs.RawMatrix().Data
	numbers := cap(x.rows) + cap(outputs) + 2*cap(x.codes.values) + 6*cap(x.codes.counts) + cap(x.query.ids) + 2*cap(x.hits) // of 8 bytes, roughly
	if x.body.Cap()+cap(x.answer)+8*numbers > mostKept {
		return
	}
	x.w, x.r, x.err = nil, nil, nil
	x.n, x.contentType, x.answer, x.written = 0, "", x.answer[:0], false
	x.rows = x.rows[:0]
	x.codes.clear()
	s.spare.Put(x)
}

// control returns what sets the time-outs of the exchange's connection.
func (x *exchange) control() *http.ResponseController { return http.NewResponseController(x.w) }

// shape makes m a matrix of rows x cols in its own memory, or in new memory where that is too
// small. Its numbers are any.
func shape(m *mat.Dense, rows, cols int) {
	data := m.RawMatrix().Data
	if n := rows * cols; cap(data) < n {
		data = make([]float64, n)
	}
	over(m, data[:rows*cols], rows, cols)
}

// over makes m a matrix of rows x cols whose numbers are data.
func over(m *mat.Dense, data []float64, rows, cols int) {
	m.SetRawMatrix(blas64.General{Rows: rows, Cols: cols, Stride: cols, Data: data})
}
