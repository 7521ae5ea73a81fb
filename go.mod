module github.com/ksparse/ksparse

go 1.24.0

require (
	golang.org/x/sys v0.40.0
	gonum.org/v1/gonum v0.17.0
)
