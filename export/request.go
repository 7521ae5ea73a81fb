package export

import (
	"fmt"
	"math"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/fault"
)

// A Request is what is sent to an engine: a request of HTTP, or SQL.
type Request struct {
	Method string // of HTTP; "" for SQL, and for a query of Seismic
	Path   string // with a slash before it
	Body   string // JSON, or SQL; "" where a file is the body
}

// String returns the request as the engines' consoles take it: the method and path on a line, then the body.
func (r Request) String() string {
	switch {
	case r == Request{}:
		return ""
	case r.Method == "":
		return r.Body + "\n"
	case r.Body == "":
		return r.Method + " " + r.Path + "\n"
	}
	return r.Method + " " + r.Path + "\n" + r.Body + "\n"
}

// Setup is what is sent to an engine beside the file.
type Setup struct {
	// Create makes the collection, index or table. It is the zero Request for Seismic, which needs
	// none.
	Create Request
	// Load takes the file: Qdrant a line of it as a body, Elasticsearch and OpenSearch an even
	// number of lines, PostgreSQL all of it as standard input. Milvus names the file, which must
	// lie in its storage. It is the zero Request for Seismic.
	Load Request
	// Index makes an HNSW index, for pgvector alone. It takes rows of at most 1,000 values, and what
	// uses it is approximate. Query does not use it.
	Index Request
}

// Setup returns what makes the place for codes of so many latents, and what loads the file there.
//
// Errors wrap ksparse.ErrRange: the engine takes fewer latents, or an option makes no sense.
func (f Format) Setup(latents int, o Options) (Setup, error) {
	e, err := f.engine()
	if err != nil {
		return Setup{}, err
	}
	if latents < 1 || latents > math.MaxInt32 {
		return Setup{}, fault.Errorf(fault.ErrRange, "the codes have %d latents, want 1 to %d", latents, math.MaxInt32)
	}
	if err := e.checkLatents(latents); err != nil {
		return Setup{}, err
	}
	p, err := o.place(f)
	if err != nil {
		return Setup{}, err
	}
	return e.setup(p, latents), nil
}

// Query returns what asks the engine for the k rows whose codes have the largest product with row i
// of q, in the form in which the engine leaves out none that it could find. For Seismic it is a line of
// its file of queries.
//
// Errors wrap ksparse.ErrRange where the engine cannot ask with the code, or does not give k rows, or
// an option makes no sense, or there is no row i; ksparse.ErrNotFinite for a value that is NaN or
// an infinity; ksparse.ErrEmpty where the code has no values: its product with every row is 0.
func (f Format) Query(q *ksparse.Codes, i, k int, o Options) (Request, error) {
	e, err := f.engine()
	if err != nil {
		return Request{}, err
	}
	p, err := o.place(f)
	if err != nil {
		return Request{}, err
	}
	rows, latents := q.Dims()
	if i < 0 || i >= rows {
		return Request{}, fault.Errorf(fault.ErrRange, "there is no row %d of codes to ask with, they have %d", i, rows)
	}
	if k < 1 || e.hits > 0 && k > e.hits {
		if e.hits == 0 {
			return Request{}, fault.Errorf(fault.ErrRange, "%d rows are asked for, want 1 or more", k)
		}
		return Request{}, fault.Errorf(fault.ErrRange, "%d rows are asked for, and %s gives 1 to %d", k, e.name, e.hits)
	}
	if err := e.checkLatents(latents); err != nil {
		return Request{}, err
	}
	var r entries
	indices, values := q.Row(i)
	if err := r.take(&e, i, indices, values); err != nil {
		return Request{}, err
	}
	if len(r.values) == 0 {
		return Request{}, fault.Errorf(fault.ErrEmpty, "row %d of the codes to ask with has no value other than 0", i)
	}
	return e.query(p, &r, latents, k), nil
}

// post returns a request of HTTP, whose body format and args make.
func post(method, path, format string, args ...any) Request {
	return Request{method, path, fmt.Sprintf(format, args...)}
}
