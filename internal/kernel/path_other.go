//go:build !amd64 || purego

package kernel

func archPaths() []path { return nil }
