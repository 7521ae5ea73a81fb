//go:build !amd64 || purego

package kernel

type peak struct {
	name  string
	flops int
	run   func(n int)
}

func peaks() []peak { return nil }
