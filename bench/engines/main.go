// Command engines loads codes into search engines that run, by the files and requests of package export, and
// compares their answers with products that it computes itself.
//
//	go -C bench run ./engines -postgres "host=localhost dbname=postgres"
//	go -C bench run ./engines -qdrant http://localhost:6333
//	go -C bench run ./engines -elasticsearch http://localhost:9200
//	go -C bench run ./engines -opensearch http://localhost:9200
//	go -C bench run ./engines -lucene /usr/share/java/lucene-core-8.7.0.jar
//
// PostgreSQL has the extension pgvector, 0.7 or later, and psql must be in PATH. Lucene is that of Debian's liblucene8-java, with Java 11
// or later. In each other engine the program makes,
// and removes, a table, collection or index called ksparse_export_check. It exits with 1 where an answer
// differs by more than the rounding of the engine.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/ksparse/ksparse/export"
)

// name is that of what the program makes in an engine.
const name = "ksparse_export_check"

// main checks the engines that the flags name.
func main() {
	var s size
	var addresses struct{ postgres, qdrant, elasticsearch, opensearch, lucene string }
	flag.StringVar(&addresses.postgres, "postgres", "", "check pgvector in the database that psql finds by this `connection` string")
	flag.StringVar(&addresses.qdrant, "qdrant", "", "check Qdrant at this `URL`")
	flag.StringVar(&addresses.elasticsearch, "elasticsearch", "", "check Elasticsearch at this `URL`")
	flag.StringVar(&addresses.opensearch, "opensearch", "", "check OpenSearch at this `URL`")
	flag.StringVar(&addresses.lucene, "lucene", "", "check Lucene, which computes the scores of Elasticsearch and OpenSearch, by this jar `file` of its core and java")
	flag.IntVar(&s.rows, "rows", 20000, "rows to load")
	flag.IntVar(&s.latents, "latents", 4096, "latents of the codes")
	flag.IntVar(&s.k, "k", 16, "values of a row")
	flag.IntVar(&s.queries, "queries", 200, "codes to ask with")
	flag.IntVar(&s.hits, "hits", 10, "rows to ask for")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	var checks []func(context.Context) error
	if a := addresses.postgres; a != "" {
		checks = append(checks,
			func(ctx context.Context) error { return checkPostgres(ctx, os.Stdout, export.PGVector, a, s) },
			func(ctx context.Context) error { return checkPostgres(ctx, os.Stdout, export.PGVectorBinary, a, s) },
			func(ctx context.Context) error { return limitsPostgres(ctx, os.Stdout, a) })
	}
	for f, a := range map[export.Format]string{export.Qdrant: addresses.qdrant, export.Elasticsearch: addresses.elasticsearch, export.OpenSearch: addresses.opensearch} {
		if a != "" {
			checks = append(checks, func(ctx context.Context) error { return checkHTTP(ctx, os.Stdout, f, a, s) })
		}
	}
	if a := addresses.lucene; a != "" {
		checks = append(checks, func(ctx context.Context) error { return checkLucene(ctx, os.Stdout, a, s) })
	}
	if len(checks) == 0 {
		fmt.Fprintln(os.Stderr, "name an engine: -postgres, -qdrant, -elasticsearch, -opensearch or -lucene (-help says what they take)")
		os.Exit(2)
	}
	for _, check := range checks {
		if err := check(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "engines:", err)
			os.Exit(1)
		}
	}
}
