package serve

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ksparse/ksparse"
)

// A route is what can be asked for.
type route struct {
	method, path string
	open         bool // without a token
	place        bool // takes one of the places while it is in work
	answer       func(s *Server, x *exchange) error
}

// routes are all that there are. openapi.json describes them: a test compares the two.
var routes = []route{
	{method: http.MethodPost, path: "/encode", place: true, answer: (*Server).answerEncode},
	{method: http.MethodPost, path: "/decode", place: true, answer: (*Server).answerDecode},
	{method: http.MethodPost, path: "/reconstruct", place: true, answer: (*Server).answerReconstruct},
	{method: http.MethodPost, path: "/search", place: true, answer: (*Server).answerSearch},
	{method: http.MethodGet, path: "/info", answer: (*Server).answerInfo},
	{method: http.MethodGet, path: "/healthz", open: true, answer: (*Server).answerHealth},
	{method: http.MethodGet, path: "/readyz", open: true, answer: (*Server).answerReady},
	{method: http.MethodGet, path: "/metrics", answer: (*Server).answerMetrics},
	{method: http.MethodGet, path: "/openapi.json", answer: (*Server).answerDescription},
}

// refusal is an error with the status that tells it to the client.
type refusal struct {
	status int
	text   string
}

// Error returns the text for the client.
func (r *refusal) Error() string { return r.text }

// refuse makes a refusal.
func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// statusGone is the status in the metrics for a client that did not wait for its answer.
const statusGone = 499

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	x := s.exchange(w, r)
	rt := s.routes[r.URL.Path]
	status := s.handle(rt, x)
	s.metrics.count(rt, status, x.n, time.Since(start))
	s.giveBack(x)
}

// handle answers a request for rt, nil where there is no such route, and returns the status.
func (s *Server) handle(rt *route, x *exchange) int {
	if err := s.admit(rt, x); err != nil {
		return s.reply(x, err)
	}
	if rt.place {
		select {
		case s.places <- struct{}{}:
			defer func() { <-s.places }()
		default:
			x.w.Header().Set("Retry-After", "1")
			return s.reply(x, refuse(http.StatusServiceUnavailable, "%d requests are in work already, try again in a second", cap(s.places)))
		}
	}
	return s.reply(x, rt.answer(s, x))
}

// admit returns an error where the route is not for this caller, is not there, or is not for
// this method.
func (s *Server) admit(rt *route, x *exchange) error {
	r := x.r
	if rt == nil || !rt.open {
		if !s.tokenFits(r) {
			x.w.Header().Set("WWW-Authenticate", `Bearer realm="ksparse"`)
			return refuse(http.StatusUnauthorized, "the request needs the header Authorization: Bearer TOKEN with the server's token")
		}
		if s.local.Load() && !isLocal(r.Host) {
			return refuse(http.StatusForbidden, "the host is %q: without a token this server answers only to localhost and numeric addresses", r.Host)
		}
	}
	switch {
	case rt == nil:
		return refuse(http.StatusNotFound, "there is nothing at %q, /openapi.json lists what there is", r.URL.Path)
	case r.Method == rt.method, r.Method == http.MethodHead && rt.method == http.MethodGet:
		return nil
	}
	x.w.Header().Set("Allow", rt.method)
	return refuse(http.StatusMethodNotAllowed, "%s is for %s, not for %q", rt.path, rt.method, r.Method)
}

// tokenFits reports whether the request has the server's token, or needs none. The time that
// it takes does not depend on where the tokens differ, nor on the length of the right one.
func (s *Server) tokenFits(r *http.Request) bool {
	if s.options.TokenFile == "" {
		return true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return subtle.ConstantTimeCompare(sum[:], s.token[:]) == 1 && strings.EqualFold(scheme, "Bearer")
}

// isLocal reports whether host, with or without a port, is localhost or a numeric address. A web
// page can make a browser call any server of the browser's machine, by a name of the page's own
// that suddenly leads there. It cannot do so by these.
func isLocal(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.EqualFold(host, "localhost") || net.ParseIP(strings.Trim(host, "[]")) != nil
}

// reply writes the answer of x, or err instead, and returns the status.
func (s *Server) reply(x *exchange, err error) int {
	if x.written {
		return http.StatusOK
	}
	status := http.StatusOK
	if err != nil {
		var text string
		status, text = explain(err)
		if status == http.StatusInternalServerError {
			s.options.Log.Error("a request failed", "path", x.r.URL.Path, "error", err)
		}
		x.setJSON(map[string]string{"error": text})
	}
	header := x.w.Header()
	header.Set("Content-Type", x.contentType)
	header.Set("Content-Length", strconv.Itoa(len(x.answer)))
	x.control().SetWriteDeadline(time.Now().Add(s.options.WriteTimeout))
	x.w.WriteHeader(status)
	x.w.Write(x.answer) // an error is a client that is gone, or too slow: the connection ends
	return status
}

// explain returns the status for err, and its text for the client.
func explain(err error) (status int, text string) {
	var r *refusal
	text = strings.TrimPrefix(err.Error(), "ksparse: ")
	switch {
	case errors.As(err, &r):
		return r.status, r.text
	case errors.Is(err, context.Canceled):
		return statusGone, "the client did not wait"
	case errors.Is(err, ksparse.ErrNoDecoder):
		return http.StatusNotImplemented, "the model has no decoder: it can only encode"
	case errors.Is(err, ksparse.ErrNotFinite), errors.Is(err, ksparse.ErrShape), errors.Is(err, ksparse.ErrRange), errors.Is(err, ksparse.ErrEmpty):
		return http.StatusBadRequest, text
	}
	return http.StatusInternalServerError, "the server failed: " + text
}
