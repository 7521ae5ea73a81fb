package screen

import (
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/topk"
)

// request is what an Encode or EncodeAbove was asked for.
type request struct {
	x      matrix.Rows
	packed *Packed
	w      matrix.Weights
	bias   []float64
	f      activation

	// Of an Encode.
	k   int
	out topk.Selected

	threshold []float64 // of an EncodeAbove; nil in an Encode
}
