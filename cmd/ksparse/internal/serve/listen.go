package serve

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// shortestToken is the least number of characters of a token. Random ones of that length
// cannot be guessed.
const shortestToken = 16

// readSecrets reads the token and the certificate, where the options name them.
func (s *Server) readSecrets() error {
	o := &s.options
	if o.TokenFile != "" {
		content, err := os.ReadFile(o.TokenFile)
		if err != nil {
			return fmt.Errorf("the token cannot be read: %w", err)
		}
		token := strings.TrimSpace(string(content))
		if len(token) < shortestToken || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
			return fmt.Errorf("%s does not hold a token: want one line of at least %d letters, digits or signs, without spaces", o.TokenFile, shortestToken)
		}
		s.token = sha256.Sum256([]byte(token))
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return errors.New("TLS needs a certificate (--cert) and its key (--key), only one of them is given")
	}
	if o.CertFile != "" {
		certificate, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return fmt.Errorf("the certificate %s with the key %s cannot be used: %w", o.CertFile, o.KeyFile, err)
		}
		s.certificates = []tls.Certificate{certificate}
	}
	return nil
}

// Listen opens the address, so that Addr knows it. Run does it where it was not done. An
// address that other machines can reach is refused without a token and TLS, unless the options
// say Insecure.
func (s *Server) Listen() error {
	if s.listener.Load() != nil {
		return nil
	}
	if _, _, err := net.SplitHostPort(s.options.Addr); err != nil {
		return fmt.Errorf("the address is %q, want host:port, such as 127.0.0.1:8080", s.options.Addr)
	}
	l, err := net.Listen("tcp", s.options.Addr)
	if err != nil {
		return fmt.Errorf("%s cannot be served: %w", s.options.Addr, err)
	}
	if err := s.mayListen(l.Addr()); err != nil {
		l.Close()
		return err
	}
	s.local.Store(isLoopback(l.Addr()) && s.options.TokenFile == "")
	s.listener.Store(&l)
	return nil
}

// mayListen returns an error where addr may not be served with the secrets that there are.
// It is asked about the address that was opened, so no name can hide where it leads.
func (s *Server) mayListen(addr net.Addr) error {
	if isLoopback(addr) || s.options.Insecure || s.options.TokenFile != "" && s.certificates != nil {
		return nil
	}
	return fmt.Errorf("%v can be reached from other machines: that needs a token (--token-file) and TLS (--cert and --key), or --insecure, which does without", addr)
}

// isLoopback reports whether only this machine can reach addr.
func isLoopback(addr net.Addr) bool {
	a, ok := addr.(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

// Addr returns the address that is listened to, nil before Listen and Run.
func (s *Server) Addr() net.Addr {
	if l := s.listener.Load(); l != nil {
		return (*l).Addr()
	}
	return nil
}

// Handler returns the server's routes, for a server of one's own.
func (s *Server) Handler() http.Handler { return s }

// Run listens and serves until ctx is done. Then it stops: it accepts no more connections,
// finishes the requests that it has, and returns nil. An error says that it could not listen or
// serve, or that requests were not finished within StopTimeout and were cut off. A server runs
// once.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Listen(); err != nil {
		return err
	}
	o := &s.options
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: o.HeaderTimeout,
		ReadTimeout:       o.HeaderTimeout + o.BodyTimeout,
		WriteTimeout:      o.HeaderTimeout + o.BodyTimeout + o.WriteTimeout, // reply sets a closer one
		IdleTimeout:       o.IdleTimeout,
		MaxHeaderBytes:    16 << 10,
		TLSConfig:         &tls.Config{Certificates: s.certificates, MinVersion: tls.VersionTLS12},
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() {
		if s.certificates != nil {
			failed <- server.ServeTLS(*s.listener.Load(), "", "")
		} else {
			failed <- server.Serve(*s.listener.Load())
		}
	}()
	o.Log.Info("serving", "address", s.Addr().String(), "tls", s.certificates != nil, "token", o.TokenFile != "")
	select {
	case err := <-failed:
		return fmt.Errorf("serving %v ended: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	return s.stop(server)
}

// stop stops the server as Run says.
func (s *Server) stop(server *http.Server) error {
	s.options.Log.Info("stopping", "requests", len(s.places))
	s.stopping.Store(true)
	time.Sleep(s.options.DrainTime)
	ctx, cancel := context.WithTimeout(context.Background(), s.options.StopTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		cut := len(s.places)
		server.Close()
		return fmt.Errorf("%d requests were not finished within %v and were cut off", cut, s.options.StopTimeout)
	}
	s.options.Log.Info("stopped")
	return nil
}
