// Package export writes sparse codes for search engines: Qdrant, Elasticsearch, OpenSearch,
// PostgreSQL with pgvector, Milvus and Seismic, each in the form in which the engine loads many
// rows. A Format is one such form. Its method Write writes the file, Setup says what makes the
// place for it and what loads it, and Query says what asks for the rows that are like a code:
//
//	summary, err := export.PGVector.WriteFile(ctx, "codes.txt", src, export.Options{})
//	setup, err := export.PGVector.Setup(summary.Latents, export.Options{})
//	query, err := export.PGVector.Query(codes, 0, 10, export.Options{})
//	fmt.Printf("%v%v%v", setup.Create, setup.Load, query)
//
// The score of all these engines is the product of two codes. That is not how near the rows are
// that were encoded: see doc/search.md. Package search of this module finds both.
//
// Values become float32, each as the shortest decimal that gives it. A selected latent of value zero is
// left out. Where an engine cannot hold codes, because they have negative values, say, or too many
// latents, the error names the row and the engine. doc/export.md has for each engine how to load
// and ask, and what it changes in the answers.
package export
