//go:build !amd64 || purego

package kernel

// wideningArch is plain Go: this build has no assembly that widens.
var wideningArch = wideningGeneric
