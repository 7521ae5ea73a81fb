// Package serve answers HTTP requests with a network: it encodes rows, decodes codes, reconstructs
// rows, and searches an index, in JSON and in binary. doc/serving.md says what goes over the wire.
//
// A request goes through the files in this order. route.go finds what is asked for, checks
// the token and gives the request one of a limited number of places. request.go and json.go
// read its body. batch.go runs the rows of all requests that wait through the model together.
// answer.go writes the answer. listen.go has the life of the server around that.
package serve

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// Model is what a server needs of a network. A *ksparse.Frozen is one. Its methods are called
// from several goroutines at once.
type Model interface {
	In() int                                               // numbers in a row
	Out() int                                              // numbers in an output
	EncodeInto(dst *ksparse.Codes, x mat.Matrix) error     // the codes of rows
	DecodeInto(dst *mat.Dense, codes *ksparse.Codes) error // the outputs for codes
	PredictInto(dst *mat.Dense, x mat.Matrix) error        // the outputs for rows
}

// Options says where and how to serve. The zero value serves this machine alone, at
// 127.0.0.1:8080. A limit or time-out of 0 is the default that is named beside it.
type Options struct {
	Addr string // host:port; "" is 127.0.0.1:8080, port 0 is a free port
	Name string // what /info calls the model, for example its file

	TokenFile         string // file of the token that callers must send; "" asks for none
	CertFile, KeyFile string // PEM files of a certificate and its key, for TLS; "" and "" is plain HTTP
	Insecure          bool   // other machines may be served without token or without TLS

	Index Index // what /search searches; nil for none

	Requests int   // requests that are read, computed or answered at a time; further ones get 503; 64
	MaxRows  int   // rows of a request; 256
	MaxHits  int   // hits of a row or code in /search; 1000
	MaxBytes int64 // bytes of a request's body; 4096 + 25 for each number of MaxRows rows

	HeaderTimeout time.Duration // for a request's header to arrive; 5 s
	BodyTimeout   time.Duration // for its body to arrive; 30 s
	WriteTimeout  time.Duration // for the client to take the answer; 30 s
	IdleTimeout   time.Duration // for the next request on a connection; 2 min
	StopTimeout   time.Duration // for requests to be finished when the server stops; 30 s
	DrainTime     time.Duration // how long a server that stops still takes requests while /readyz says 503; 0

	Log *slog.Logger // start, stop and failures; nil for none
}

// Server serves a model. New makes one, Run runs it.
type Server struct {
	model                Model
	options              Options
	in, out, latents     int
	decodes              bool // the model has a decoder
	token                [sha256.Size]byte
	certificates         []tls.Certificate
	routes               map[string]*route
	places               chan struct{} // holds one element for each request in work
	encoder, reconstruct *batcher
	metrics              *metrics
	spare                sync.Pool // of *exchange
	stopping             atomic.Bool
	local                atomic.Bool // only this machine can reach it, and needs no token
	listener             atomic.Pointer[net.Listener]
}

// New makes a server for m. It reads the token and the certificate, and runs one row of zeros
// through m. An error says what is wrong with the options, the files or the model: an error of
// the model wraps the model's own.
func New(m Model, o Options) (*Server, error) {
	if m == nil {
		return nil, errors.New("there is no model to serve")
	}
	if m.In() < 1 || m.Out() < 1 {
		return nil, fmt.Errorf("the model has %d inputs and %d outputs, want at least 1 of each", m.In(), m.Out())
	}
	s := &Server{model: m, in: m.In(), out: m.Out()}
	var err error
	if s.options, err = o.complete(s.in); err != nil {
		return nil, err
	}
	if err := s.readSecrets(); err != nil {
		return nil, err
	}
	if err := s.probe(); err != nil {
		return nil, fmt.Errorf("the model cannot be served: %w", err)
	}
	s.places = make(chan struct{}, s.options.Requests)
	s.routes = make(map[string]*route, len(routes))
	for i := range routes {
		s.routes[routes[i].path] = &routes[i]
	}
	s.metrics = newMetrics(s)
	s.encoder, s.reconstruct = newEncoder(s), newReconstructor(s)
	return s, nil
}

// complete returns o with the defaults where it has zeros, for a model of in inputs.
func (o Options) complete(in int) (Options, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:8080"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for _, l := range []struct {
		name  string
		value *int
		usual int
	}{{"requests at a time", &o.Requests, 64}, {"rows of a request", &o.MaxRows, 256}, {"hits of a row", &o.MaxHits, 1000}} {
		if *l.value < 0 {
			return o, fmt.Errorf("the limit of %s is %d, want 1 or more, or 0 for %d", l.name, *l.value, l.usual)
		}
		if *l.value == 0 {
			*l.value = l.usual
		}
	}
	if o.MaxBytes < 0 {
		return o, fmt.Errorf("the limit of bytes of a body is %d, want 1 or more, or 0 for the default", o.MaxBytes)
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 4096 + 25*int64(o.MaxRows)*int64(in) // "-1.2345678901234567e-123,"
	}
	for _, l := range []struct {
		name  string
		value *time.Duration
		usual time.Duration
	}{
		{"header", &o.HeaderTimeout, 5 * time.Second},
		{"body", &o.BodyTimeout, 30 * time.Second},
		{"answer", &o.WriteTimeout, 30 * time.Second},
		{"next request", &o.IdleTimeout, 2 * time.Minute},
		{"stop", &o.StopTimeout, 30 * time.Second},
		{"drain", &o.DrainTime, 0},
	} {
		if *l.value < 0 {
			return o, fmt.Errorf("the time for the %s is %v, want 0 or more", l.name, *l.value)
		}
		if *l.value == 0 {
			*l.value = l.usual
		}
	}
	return o, nil
}

// probe runs a row of zeros through the model. It finds a model that cannot be used, counts
// its latents, and learns whether it has a decoder.
func (s *Server) probe() error {
	row := mat.NewDense(1, s.in, nil)
	codes := new(ksparse.Codes)
	if err := s.model.EncodeInto(codes, row); err != nil {
		return err
	}
	_, s.latents = codes.Dims()
	err := s.model.PredictInto(new(mat.Dense), row)
	if errors.Is(err, ksparse.ErrNoDecoder) {
		return nil
	}
	s.decodes = err == nil
	return err
}
