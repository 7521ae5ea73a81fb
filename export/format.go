package export

import (
	"math"

	"github.com/ksparse/ksparse/internal/fault"
)

// A Format is a form in which an engine takes sparse codes.
type Format string

// The formats.
const (
	Qdrant            Format = "qdrant"             // bodies of requests that upsert points, one a line
	Elasticsearch     Format = "elasticsearch"      // bulk lines, for a field sparse_vector
	OpenSearch        Format = "opensearch"         // bulk lines, for a field rank_features: exact
	OpenSearchSeismic Format = "opensearch-seismic" // bulk lines, for a field sparse_vector: approximate, from version 3.3 on
	PGVector          Format = "pgvector"           // what COPY reads as text, for a column sparsevec
	PGVectorBinary    Format = "pgvector-binary"    // what COPY reads as binary
	Milvus            Format = "milvus"             // a JSON list of rows, for an import job
	Seismic           Format = "seismic"            // JSON lines of documents
)

// Formats returns all formats, in the order of the engines' names.
func Formats() []Format {
	return []Format{Elasticsearch, Milvus, OpenSearch, OpenSearchSeismic, PGVector, PGVectorBinary, Qdrant, Seismic}
}

// engine is what the engine of a format takes, and how its file is made.
type engine struct {
	name     string  // of the engine, for errors
	latents  int     // it takes at most; 0 is any number
	entries  int     // it takes at most in a row; 0 is any number
	hits     int     // it gives at most; 0 is any number
	negative bool    // it takes values below zero
	smallest float32 // magnitude other than zero that it takes
	largest  float32 // magnitude that it takes
	bodies   bool    // the file is complete requests, so rows are kept until one is full

	begin func(x *exporter)           // writes what stands before the rows
	row   func(x *exporter, id int64) // writes the row at hand
	end   func(x *exporter)           // writes what stands after the rows
	setup func(p place, latents int) Setup
	query func(p place, q *entries, latents, k int) Request
}

// Limits of the engines. Where they stand is in doc/export.md.
const (
	postgresLatents = 1e9
	postgresEntries = 16000
	seismicLatents  = 32768 // OpenSearch folds larger numbers into 15 bits
	luceneHits      = 10000 // index.max_result_window of a new index
	milvusHits      = 16384
	mostFloat16     = 65504
	leastNormal     = 0x1p-126 // of float32
	leastFloat32    = math.SmallestNonzeroFloat32
	mostFloat32     = math.MaxFloat32
	mostMilvus      = 0x1.fffffcp127 // the decimal of the largest float32 is above it, and refused
)

// engine returns what is known of the format.
func (f Format) engine() (engine, error) {
	switch f {
	case Qdrant:
		return engine{name: "Qdrant", negative: true, smallest: leastFloat32, largest: mostFloat32, bodies: true,
			begin: nothing, row: (*exporter).point, end: (*exporter).endBody, setup: qdrantSetup, query: qdrantQuery}, nil
	case Elasticsearch:
		return engine{name: "Elasticsearch", smallest: leastNormal, largest: mostFloat32, hits: luceneHits,
			begin: nothing, row: (*exporter).bulk, end: nothing, setup: elasticSetup, query: elasticQuery}, nil
	case OpenSearch:
		return engine{name: "OpenSearch", smallest: leastNormal, largest: mostFloat32, hits: luceneHits,
			begin: nothing, row: (*exporter).bulk, end: nothing, setup: openSearchSetup, query: openSearchQuery}, nil
	case OpenSearchSeismic:
		return engine{name: "OpenSearch's seismic method", latents: seismicLatents, smallest: leastNormal, largest: mostFloat32, hits: luceneHits,
			begin: nothing, row: (*exporter).bulk, end: nothing, setup: openSeismicSetup, query: openSeismicQuery}, nil
	case PGVector:
		return engine{name: "pgvector", latents: postgresLatents, entries: postgresEntries, negative: true, smallest: leastFloat32, largest: mostFloat32,
			begin: nothing, row: (*exporter).copyText, end: nothing, setup: textSetup, query: sqlQuery}, nil
	case PGVectorBinary:
		return engine{name: "pgvector", latents: postgresLatents, entries: postgresEntries, negative: true, smallest: leastFloat32, largest: mostFloat32,
			begin: (*exporter).beginBinary, row: (*exporter).copyBinary, end: (*exporter).endBinary, setup: binarySetup, query: sqlQuery}, nil
	case Milvus:
		return engine{name: "Milvus", smallest: leastFloat32, largest: mostMilvus, hits: milvusHits,
			begin: (*exporter).beginList, row: (*exporter).listed, end: (*exporter).endList, setup: milvusSetup, query: milvusQuery}, nil
	case Seismic:
		return engine{name: "Seismic", smallest: leastFloat32, largest: mostFloat16,
			begin: nothing, row: (*exporter).document, end: nothing, setup: noSetup, query: seismicQuery}, nil
	}
	return engine{}, fault.Errorf(fault.ErrRange, "there is no export format %.100q, want one of %v", string(f), Formats())
}

// nothing writes nothing.
func nothing(*exporter) {}
