// Package search finds rows by their sparse codes.
package search

import (
	"context"
	"errors"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/data"
)

var errNotYet = errors.New("ksparse: search: not there yet")

// An Index is immutable.
type Index struct{}

// A Model encodes rows: a *ksparse.Frozen or a *ksparse.Network.
type Model interface {
	In() int
	EncodeInto(dst *ksparse.Codes, x mat.Matrix) error
}

// Options says how an index is built.
type Options struct {
	Rows     data.Source
	Model    Model
	Progress func(done, rows int)
}

// A Hit is a row that was found.
type Hit struct {
	ID    int64
	Score float64
}

// A Share is what one latent adds to a score.
type Share struct {
	Latent              int
	Query, Row, Product float64
}

// IDs is a set of IDs.
type IDs struct{}

// NewIDs returns a set.
func NewIDs(ids ...int64) *IDs { return new(IDs) }

// Add adds IDs.
func (s *IDs) Add(ids ...int64) {}

// Contains reports whether id is in the set.
func (s *IDs) Contains(id int64) bool { return false }

// Len returns how many there are.
func (s *IDs) Len() int { return 0 }

// Stats describes an index.
type Stats struct {
	Rows, Deleted, Segments, Latents int
	Entries, Bytes                   int64
	Skew, Postings                   float64 // Postings: that a query reads, on average
	Longest                          []List
	Warnings                         []string
}

// A List is the postings of a latent.
type List struct {
	Latent, Rows int
	Share        float64
}

// Build builds an index.
func Build(ctx context.Context, codes codefile.Source, o Options) (*Index, error) {
	return nil, errNotYet
}

// Open opens an index.
func Open(path string) (*Index, error) { return nil, errNotYet }

// ByCode finds rows by their code.
func (x *Index) ByCode(dst []Hit, latents []int32, values []float64, k int, only *IDs) ([]Hit, error) {
	return dst, errNotYet
}

// Explain says which latents carry the score.
func (x *Index) Explain(id int64, latents []int32, values []float64) ([]Share, error) {
	return nil, errNotYet
}

// Code sets dst to the code of a row.
func (x *Index) Code(dst *ksparse.Codes, id int64) error { return errNotYet }

// Add returns an index with more rows.
func (x *Index) Add(ctx context.Context, codes codefile.Source, o Options) (*Index, error) {
	return nil, errNotYet
}

// Delete returns an index without these rows, and how many of them were there.
func (x *Index) Delete(ids *IDs) (*Index, int, error) { return nil, 0, errNotYet }

// Merge returns an index of one segment.
func (x *Index) Merge(ctx context.Context, progress func(done, rows int)) (*Index, error) {
	return nil, errNotYet
}

// Save writes the index to a folder.
func (x *Index) Save(path string) error { return errNotYet }

// Close releases the files.
func (x *Index) Close() error { return errNotYet }

// Stats describes the index.
func (x *Index) Stats() Stats { return Stats{} }
