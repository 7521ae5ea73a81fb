//go:build !amd64 || purego

package kernel

func vectorPaths() []vectorPath { return nil }
