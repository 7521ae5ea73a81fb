// Package raw leads from the *ksparse.Codes of a caller to the memory inside, for packages of
// this module that fill or read codes in bulk. No program can import it, so package ksparse
// exports no way to make codes that break its rules.
package raw

import (
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/sparse"
)

// Codes returns the entries of c, a *ksparse.Codes that is not nil, and the numbers by which its
// rows were normalised: one of each for a row, or none. Both are live. Package ksparse sets it. Who
// changes them keeps what NewCodes checks: latents ascend within a row and lie in [0, latents), and
// values are finite.
var Codes func(c any) (*sparse.Codes, *normal.Scales)
