module github.com/ksparse/ksparse/cmd/ksparse

go 1.24.0

require (
	github.com/goccy/go-yaml v1.19.2
	github.com/ksparse/ksparse v0.0.0
	github.com/ksparse/ksparse/columnar v0.0.0
	github.com/ksparse/ksparse/examples v0.0.0
	github.com/prometheus/client_golang v1.23.2
	github.com/spf13/cobra v1.10.2
	github.com/spf13/pflag v1.0.10
	golang.org/x/term v0.28.0
	gonum.org/v1/gonum v0.17.0
	gonum.org/v1/plot v0.17.0
)

replace (
	github.com/ksparse/ksparse => ../..
	github.com/ksparse/ksparse/columnar => ../../columnar
	github.com/ksparse/ksparse/examples => ../../examples
)
