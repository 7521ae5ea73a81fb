package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/indexes"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/models"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/serve"
)

// serveCommand returns the command serve.
func serveCommand() *cobra.Command {
	var (
		open  models.Options
		index string
		o     serve.Options
	)
	c := &cobra.Command{
		Use:   "serve MODEL",
		Short: "Serve a model over HTTP: encode, decode, reconstruct, search",
		Long: `serve answers HTTP requests with MODEL, in JSON and in binary: doc/serving.md says what goes over the wire, and
/openapi.json describes it. With --index it searches an index too, which must be of MODEL. It serves this machine alone unless
--addr says otherwise; then it wants a token and TLS. Requests for which there is no room get 503 and Retry-After. Ctrl-C and
SIGTERM finish the requests that it has, and end.`,
		Example: `  ksparse serve sae.ksp
  ksparse serve sae.ksp --index activations.index
  ksparse serve sae.ksp --addr :8443 --token-file token --cert cert.pem --key key.pem`,
		Args: wantArgs(1, 1, "MODEL"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Name = args[0]
			o.Log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
			return serveModel(c.Context(), args[0], open, index, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Addr, "addr", "127.0.0.1:8080", "`host:port` to serve; port 0 is a free one")
	f.StringVar(&index, "index", "", "the `folder` of an index that /search searches")
	f.StringVar(&o.TokenFile, "token-file", "", "`file` with the token that callers must send")
	f.StringVar(&o.CertFile, "cert", "", "PEM `file` of the certificate, for TLS")
	f.StringVar(&o.KeyFile, "key", "", "PEM `file` of its key")
	f.BoolVar(&o.Insecure, "insecure", false, "serve other machines without token or TLS")
	f.IntVar(&o.Requests, "requests", 0, "`requests` in work at a time; others get 503 (default 64)")
	f.IntVar(&o.MaxRows, "max-rows", 0, "`rows` of a request (default 256)")
	f.IntVar(&o.MaxHits, "max-hits", 0, "`hits` of a row or code in /search (default 1000)")
	f.Int64Var(&o.MaxBytes, "max-bytes", 0, "`bytes` of a request's body (default: enough for the rows)")
	f.DurationVar(&o.HeaderTimeout, "header-timeout", 0, "time for a request's header to arrive (default 5s)")
	f.DurationVar(&o.BodyTimeout, "body-timeout", 0, "time for its body to arrive (default 30s)")
	f.DurationVar(&o.WriteTimeout, "write-timeout", 0, "time for the client to take the answer (default 30s)")
	f.DurationVar(&o.IdleTimeout, "idle-timeout", 0, "time for the next request on a connection (default 2m)")
	f.DurationVar(&o.StopTimeout, "stop-timeout", 0, "time for requests to be finished at the end (default 30s)")
	f.DurationVar(&o.DrainTime, "drain", 0, "time that it still takes requests, not ready any more, before it ends")
	open.AddFlags(f)
	return c
}

// serveModel serves the model at path, and an index of it where index is not "", until ctx is done.
func serveModel(ctx context.Context, path string, open models.Options, index string, o serve.Options) error {
	m, err := models.Open(path, open)
	if err != nil {
		return err
	}
	frozen, err := m.Freeze()
	if err != nil {
		return models.InFlags(path, err)
	}
	if index != "" {
		x, err := indexes.Open(index)
		if err != nil {
			return err
		}
		defer x.Close() // read only
		if err := x.Check(path, m); err != nil {
			return err
		}
		o.Index = x
	}
	s, err := serve.New(frozen, o)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}
