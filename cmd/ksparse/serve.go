package main

import (
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/models"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/serve"
)

// serveCommand returns the command serve.
func serveCommand() *cobra.Command {
	var (
		open models.Options
		o    serve.Options
	)
	c := &cobra.Command{
		Use:   "serve MODEL",
		Short: "Serve a model over HTTP: encode, decode, reconstruct",
		Long: `serve answers HTTP requests with MODEL, in JSON and in binary: doc/serving.md says what goes over the wire, and /openapi.json describes
it. It serves this machine alone unless --addr says otherwise; then it wants a token and TLS. Requests for which
there is no room get 503 and Retry-After. Ctrl-C and SIGTERM finish the requests that it has, and end.`,
		Example: `  ksparse serve sae.ksp
  ksparse serve sae.ksp --addr :8443 --token-file token --cert cert.pem --key key.pem`,
		Args: wantArgs(1, 1, "MODEL"),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := models.Open(args[0], open)
			if err != nil {
				return err
			}
			frozen, err := m.Freeze()
			if err != nil {
				return models.InFlags(args[0], err)
			}
			o.Name = args[0]
			o.Log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
			s, err := serve.New(frozen, o)
			if err != nil {
				return err
			}
			return s.Run(c.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&o.Addr, "addr", "127.0.0.1:8080", "`host:port` to serve; port 0 is a free one")
	f.StringVar(&o.TokenFile, "token-file", "", "`file` with the token that callers must send")
	f.StringVar(&o.CertFile, "cert", "", "PEM `file` of the certificate, for TLS")
	f.StringVar(&o.KeyFile, "key", "", "PEM `file` of its key")
	f.BoolVar(&o.Insecure, "insecure", false, "serve other machines without token or TLS")
	f.IntVar(&o.Requests, "requests", 0, "`requests` in work at a time; others get 503 (default 64)")
	f.IntVar(&o.MaxRows, "max-rows", 0, "`rows` of a request (default 256)")
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
