module github.com/ksparse/ksparse/bench

go 1.24.0

require (
	github.com/ksparse/ksparse v0.0.0
	golang.org/x/sys v0.40.0
	gonum.org/v1/gonum v0.17.0
)

replace github.com/ksparse/ksparse => ../
