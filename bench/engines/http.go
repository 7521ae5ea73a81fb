package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/export"
)

// mostBody is about how large a bulk request is.
const mostBody = 8 << 20

// client sends requests to an engine.
type client struct {
	ctx  context.Context
	base string
}

// send returns the body of the answer. Any status but 2xx is an error.
func (c client) send(method, path, kind string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(c.ctx, method, strings.TrimRight(c.base, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", kind)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %.500s", method, path, response.Status, text)
	}
	return text, err
}

// json sends a request of package export.
func (c client) json(r export.Request) ([]byte, error) {
	return c.send(r.Method, r.Path, "application/json", []byte(r.Body))
}

// checkHTTP loads codes into an engine, asks, and compares.
func checkHTTP(ctx context.Context, w io.Writer, f export.Format, base string, s size) error {
	codes, queries, err := samples(s)
	if err != nil {
		return err
	}
	o := export.Options{Name: name}
	setup, err := f.Setup(s.latents, o)
	if err != nil {
		return err
	}
	c := client{ctx, base}
	remove := export.Request{Method: "DELETE", Path: setup.Create.Path}
	c.json(remove) // that of an earlier run; mostly there is none
	if _, err := c.json(setup.Create); err != nil {
		return err
	}
	defer client{context.WithoutCancel(ctx), base}.json(remove)
	var file bytes.Buffer
	if _, err := f.Write(ctx, &file, codefile.FromCodes(codes), o); err != nil {
		return err
	}
	length, begin := file.Len(), time.Now()
	if err := c.load(f, setup, &file); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s at %s: %d rows of %d latents, %d bytes, loaded in %.2g s\n", f, base, s.rows, s.latents, length, time.Since(begin).Seconds())
	answers := make([][]hit, s.queries)
	for q := range answers {
		r, err := f.Query(queries, q, s.hits, o)
		if err != nil {
			return err
		}
		text, err := c.json(r)
		if err != nil {
			return err
		}
		if answers[q], err = hits(f, text); err != nil {
			return err
		}
	}
	return report(w, f, answers, codes, queries, s)
}

// load sends the file: to Qdrant a line a request, to the others pairs of lines.
func (c client) load(f export.Format, setup export.Setup, file io.Reader) error {
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<20), 64<<20)
	var body []byte
	for count := 1; lines.Scan(); count++ {
		body = append(append(body, lines.Bytes()...), '\n')
		if f == export.Qdrant || count%2 == 0 && len(body) > mostBody {
			if err := c.loadBody(f, setup, body); err != nil {
				return err
			}
			body = body[:0]
		}
	}
	if len(body) > 0 {
		if err := c.loadBody(f, setup, body); err != nil {
			return err
		}
	}
	if f != export.Qdrant {
		if _, err := c.send("POST", setup.Create.Path+"/_refresh", "application/json", nil); err != nil {
			return err
		}
	}
	return lines.Err()
}

// loadBody sends one request. A bulk request whose rows are refused is answered with 200, and says so inside.
func (c client) loadBody(f export.Format, setup export.Setup, body []byte) error {
	kind := "application/x-ndjson"
	if f == export.Qdrant {
		kind = "application/json"
	}
	text, err := c.send(setup.Load.Method, setup.Load.Path, kind, body)
	if err != nil {
		return err
	}
	var answer struct{ Errors bool }
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	if answer.Errors {
		return fmt.Errorf("rows are refused: %.500s", text)
	}
	return nil
}

// hits reads an answer.
func hits(f export.Format, text []byte) ([]hit, error) {
	var qdrant struct {
		Result struct {
			Points []struct {
				ID    int64
				Score float64
			}
		}
	}
	var lucene struct {
		Hits struct {
			Hits []struct {
				ID    string  `json:"_id"`
				Score float64 `json:"_score"`
			}
		}
	}
	var all []hit
	if f == export.Qdrant {
		if err := json.Unmarshal(text, &qdrant); err != nil {
			return nil, err
		}
		for _, p := range qdrant.Result.Points {
			all = append(all, hit{p.ID, p.Score})
		}
		return all, nil
	}
	if err := json.Unmarshal(text, &lucene); err != nil {
		return nil, err
	}
	for _, h := range lucene.Hits.Hits {
		id, err := strconv.ParseInt(h.ID, 10, 64)
		if err != nil {
			return nil, err
		}
		all = append(all, hit{id, h.Score})
	}
	return all, nil
}
