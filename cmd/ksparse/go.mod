module github.com/ksparse/ksparse/cmd/ksparse

go 1.24.0

require (
	github.com/ksparse/ksparse v0.0.0
	github.com/prometheus/client_golang v1.23.2
	gonum.org/v1/gonum v0.17.0
)

replace github.com/ksparse/ksparse => ../..
