package serve

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/search"
)

// Index is what a server needs of an index: an *indexes.Index is one. Its methods are called from several goroutines
// at once.
type Index interface {
	ByCode(dst []search.Hit, latents []int32, values []float64, k int, only *search.IDs) ([]search.Hit, error)
	Nearest(dst []search.Hit, q search.Near) ([]search.Hit, error)
	Explain(id int64, latents []int32, values []float64) ([]search.Share, error)
	Stats() search.Stats
	HasRows() bool                 // whether there is Nearest
	HasTexts() bool                // whether rows have texts
	Text(id int64) (string, error) // of a row, "" where it has none
	Name() string                  // what /info calls it
}

// answerSearch answers rows or codes with the rows of the index that are nearest to them.
func (s *Server) answerSearch(x *exchange) error {
	if s.options.Index == nil {
		return refuse(http.StatusNotImplemented, "the server has no index: ksparse serve MODEL --index INDEX has one")
	}
	isBinary, err := s.readBody(x)
	switch {
	case err != nil:
		return err
	case isBinary:
		return refuse(http.StatusUnsupportedMediaType, "Content-Type is %q, want %s for a search", binaryType, jsonType)
	}
	if err := s.parseSearch(x, x.body.Bytes()); err != nil {
		return err
	}
	q := &x.query
	if q.by == "" {
		q.by = searchCode
		if q.hasRows && s.options.Index.HasRows() {
			q.by = searchRows
		}
	}
	switch {
	case q.by == searchRows && !s.options.Index.HasRows():
		return refuse(http.StatusNotImplemented, "the index keeps no rows, so it is searched by code only")
	case q.by == searchRows && !q.hasRows:
		return bad("neighbours are those of rows, and the request has codes")
	case q.by == searchCode && q.recall != 0:
		return bad("recall is for neighbours: a search by code finds all")
	}
	if q.hasRows {
		if err := s.encoder.do(x); err != nil {
			return err
		}
	}
	return s.searchEach(x)
}

// searchEach searches for each row or code of x, and makes the answer.
func (s *Server) searchEach(x *exchange) error {
	q := &x.query
	var only *search.IDs
	if q.only {
		only = search.NewIDs(q.ids...)
	}
	start := time.Now()
	defer func() { s.metrics.search.WithLabelValues(q.by).Add(time.Since(start).Seconds()) }()
	latents, values := x.codes.views()
	x.contentType, x.answer = jsonType, append(x.answer[:0], `{"results":[`...)
	for i := range x.n {
		err := x.r.Context().Err()
		if err != nil {
			return err
		}
		if q.by == searchRows {
			row := x.rows[i*s.in : (i+1)*s.in]
			x.hits, err = s.options.Index.Nearest(x.hits[:0], search.Near{Row: row, Latents: latents[i], Values: values[i], K: q.k, Recall: q.recall, Only: only})
		} else {
			x.hits, err = s.options.Index.ByCode(x.hits[:0], latents[i], values[i], q.k, only)
		}
		if err == nil {
			x.answer = append(separate(x.answer, i), `{"hits":[`...)
			err = s.appendHits(x, latents[i], values[i])
			x.answer = append(x.answer, `]}`...)
		}
		if err != nil {
			return fault.Errorf(err, "row %d: %s", i, say.Text(fault.Text(err)))
		}
	}
	x.answer = append(x.answer, "]}\n"...)
	return nil
}

// appendHits appends the hits of x, with commas between them.
func (s *Server) appendHits(x *exchange, latents []int32, values []float64) error {
	for i, h := range x.hits {
		x.answer = append(separate(x.answer, i), `{"id":`...)
		x.answer = strconv.AppendInt(x.answer, h.ID, 10)
		x.answer = appendNumber(x.answer, "score", h.Score)
		if s.options.Index.HasTexts() {
			text, err := s.options.Index.Text(h.ID)
			if err != nil {
				return err
			}
			quoted, err := json.Marshal(text)
			if err != nil {
				return err
			}
			x.answer = append(append(x.answer, `,"text":`...), quoted...)
		}
		if x.query.explain {
			shares, err := s.options.Index.Explain(h.ID, latents, values)
			if err != nil {
				return err
			}
			x.answer = appendShares(append(x.answer, `,"latents":`...), shares)
		}
		x.answer = append(x.answer, '}')
	}
	return nil
}

// appendShares appends what the latents add to a score.
func appendShares(dst []byte, shares []search.Share) []byte {
	dst = append(dst, '[')
	for i, share := range shares {
		dst = append(separate(dst, i), `{"latent":`...)
		dst = strconv.AppendInt(dst, int64(share.Latent), 10)
		dst = appendNumber(dst, "query", share.Query)
		dst = appendNumber(dst, "row", share.Row)
		dst = append(appendNumber(dst, "product", share.Product), '}')
	}
	return append(dst, ']')
}

// appendNumber appends a field after others.
func appendNumber(dst []byte, name string, v float64) []byte {
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return strconv.AppendFloat(dst, v, 'g', -1, 64)
}
