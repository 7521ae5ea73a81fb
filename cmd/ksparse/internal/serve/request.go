package serve

import (
	"encoding/binary"
	"errors"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// readRows reads the rows of a request.
func (s *Server) readRows(x *exchange) error {
	isBinary, err := s.readBody(x)
	if err != nil {
		return err
	}
	if isBinary {
		x.rows, err = parseRowsBinary(x.rows[:0], x.body.Bytes(), s.in, s.options.MaxRows)
	} else {
		x.rows, err = parseRows(x.rows[:0], x.body.Bytes(), s.in, s.options.MaxRows)
	}
	x.n = len(x.rows) / s.in
	return err
}

// readCodes reads the codes of a request. The library checks them when it takes them.
func (s *Server) readCodes(x *exchange) error {
	isBinary, err := s.readBody(x)
	if err != nil {
		return err
	}
	if isBinary {
		err = parseCodesBinary(&x.codes, x.body.Bytes(), s.options.MaxRows)
	} else {
		err = parseCodes(&x.codes, x.body.Bytes(), s.latents, s.options.MaxRows)
	}
	x.n = len(x.codes.counts)
	return err
}

// readBody reads the body of a request, in the time and within the size that it may have, and
// reports whether it is binary.
func (s *Server) readBody(x *exchange) (isBinary bool, err error) {
	kind, _, _ := strings.Cut(x.r.Header.Get("Content-Type"), ";")
	kind = strings.TrimSpace(kind)
	isBinary = strings.EqualFold(kind, binaryType)
	if !isBinary && !strings.EqualFold(kind, jsonType) {
		return false, refuse(http.StatusUnsupportedMediaType, "Content-Type is %q, want %s or %s", kind, jsonType, binaryType)
	}
	if e := x.r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return false, refuse(http.StatusUnsupportedMediaType, "Content-Encoding is %q, want a body that is not compressed", e)
	}
	most := s.options.MaxBytes
	if x.r.ContentLength > most {
		return false, tooLong(most)
	}
	control := x.control()
	control.SetReadDeadline(time.Now().Add(s.options.BodyTimeout))
	x.body.Reset()
	_, err = x.body.ReadFrom(http.MaxBytesReader(x.w, x.r.Body, most))
	var long *http.MaxBytesError
	switch {
	case err == nil:
		control.SetReadDeadline(time.Time{}) // else it would end the connection while the model works
		return isBinary, nil
	case errors.As(err, &long):
		return false, tooLong(most)
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.w.Header().Set("Connection", "close")
		return false, refuse(http.StatusRequestTimeout, "the body did not arrive within %v", s.options.BodyTimeout)
	}
	return false, refuse(http.StatusBadRequest, "the body ended early: %v", err)
}

// tooLong is the error for a body of more than most bytes.
func tooLong(most int64) error {
	return refuse(http.StatusRequestEntityTooLarge, "the body is longer than %d bytes: send fewer rows in a request, or fewer IDs in \"only\", or start the server with a larger --max-bytes", most)
}

// tooMany is the error for a request of more than most rows.
func tooMany(most int) error {
	return refuse(http.StatusRequestEntityTooLarge, "the request has more than %d rows: send fewer in a request", most)
}

// bad is the error for a body that is not what it should be.
func bad(format string, args ...any) error { return refuse(http.StatusBadRequest, format, args...) }

// parseRowsBinary appends the rows in body to dst: float32, little-endian, row after row, cols
// in each, and nothing else.
func parseRowsBinary(dst []float64, body []byte, cols, most int) ([]float64, error) {
	size := 4 * cols
	switch {
	case len(body) == 0:
		return dst, bad("the body is empty, want rows of %d float32 numbers", cols)
	case len(body)%size != 0:
		return dst, bad("the body has %d bytes, want rows of %d float32 numbers, which is %d bytes for each row", len(body), cols, size)
	case len(body)/size > most:
		return dst, tooMany(most)
	}
	dst = slices.Grow(dst, len(body)/4)
	for at := 0; at < len(body); at += 4 {
		v := float64(math.Float32frombits(binary.LittleEndian.Uint32(body[at:])))
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return dst, bad("row %d: number %d is %v, want a finite number", at/size, at%size/4, v)
		}
		dst = append(dst, v)
	}
	return dst, nil
}

// parseCodesBinary sets dst to the codes in body: see appendCodesBinary.
func parseCodesBinary(dst *codes, body []byte, most int) error {
	dst.clear()
	if len(body) < 4 || len(body)%4 != 0 {
		return bad("the body has %d bytes, want a number of codes, how many latents each has, the latents and the values, 4 bytes each", len(body))
	}
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(body[4*i:]) }
	words, rows := len(body)/4, int64(word(0))
	switch {
	case rows == 0:
		return bad("there are no codes")
	case rows > int64(most):
		return tooMany(most)
	case rows >= int64(words):
		return bad("the body ends after %d bytes, before the numbers of latents of %d codes", len(body), rows)
	}
	entries, first := int64(0), 1+int(rows)
	for i := 1; i < first; i++ {
		entries += int64(word(i))
	}
	if int64(first)+2*entries != int64(words) {
		return bad("the body has %d bytes, want %d for %d codes with %d latents in all", len(body), 4*(int64(first)+2*entries), rows, entries)
	}
	for i := range int(entries) {
		j := word(first + i)
		if j > math.MaxInt32 {
			return bad("latent %d is out of range", j)
		}
		dst.latents = append(dst.latents, int32(j))
		dst.values = append(dst.values, float64(math.Float32frombits(word(first+int(entries)+i))))
	}
	for i := 1; i < first; i++ {
		dst.counts = append(dst.counts, int(word(i)))
	}
	return nil
}
