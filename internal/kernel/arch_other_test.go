//go:build (!amd64 && !arm64) || purego

package kernel

// peak is a kernel that works on registers only: there is none here.
type peak struct {
	name  string
	flops int
	run   func(n int)
}

func peaks() []peak { return nil }

func variants() []path { return nil }
