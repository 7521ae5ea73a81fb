package export_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/export"
)

// Codes become a table of PostgreSQL, and the code of row 1 a query of it.
func ExampleFormat_Write() {
	codes, err := ksparse.NewCodes(16, [][]int32{{7, 9}, {2, 7}}, [][]float64{{0.5, 1.25}, {3, 0.1}})
	if err != nil {
		log.Fatal(err)
	}
	o := export.Options{Name: "rows"}
	summary, err := export.PGVector.Write(context.Background(), os.Stdout, codefile.FromCodes(codes), o)
	if err != nil {
		log.Fatal(err)
	}
	setup, err := export.PGVector.Setup(summary.Latents, o)
	if err != nil {
		log.Fatal(err)
	}
	query, err := export.PGVector.Query(codes, 1, 10, o)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v%v%v", setup.Create, setup.Load, query)
	// Output:
	// 0	{8:0.5,10:1.25}/16
	// 1	{3:3,8:0.1}/16
	// CREATE EXTENSION IF NOT EXISTS vector;
	// CREATE TABLE "rows" ("id" bigint PRIMARY KEY, "code" sparsevec(16) NOT NULL);
	// COPY "rows" ("id", "code") FROM STDIN;
	// WITH products AS MATERIALIZED (SELECT "id", -("code" <#> '{3:3,8:0.1}/16') AS score FROM "rows")
	// SELECT "id", score FROM products WHERE score > 0 ORDER BY score DESC, "id" LIMIT 10;
}
