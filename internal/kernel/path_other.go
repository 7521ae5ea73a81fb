//go:build (!amd64 && !arm64) || purego

package kernel

// archPaths lists no path: plain Go is all that this architecture has.
func archPaths() []path { return nil }
