package codefile_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
)

// Codes are written, some are added, and rows are read anywhere.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "codes.ksc")
	ctx := context.Background()
	codes, err := ksparse.NewCodes(1000, [][]int32{{3, 17}, {17, 999}}, [][]float64{{0.5, 1.25}, {2, 1}})
	if err != nil {
		log.Fatal(err)
	}
	// Of a model: codefile.Encode(frozen, rows) in place of FromCodes.
	sum, err := codefile.Write(ctx, path, codefile.FromCodes(codes), codefile.Options{Values: codefile.Float16})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sum.Rows, "rows,", sum.Entries, "entries, relative error", sum.Error)
	if _, err := codefile.Append(ctx, path, codefile.FromCodes(codes), codefile.Options{}); err != nil {
		log.Fatal(err)
	}

	f, err := codefile.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	fmt.Println(f)
	var read ksparse.Codes
	if err := f.ReadCodes(&read, 1, 3); err != nil {
		log.Fatal(err)
	}
	fmt.Println(read.At(0, 999), read.At(1, 17))
	latents, values, err := f.ReadRow(nil, nil, 3)
	fmt.Println(latents, values, err)
	// Output:
	// 2 rows, 4 entries, relative error 0
	// 1 .ksc file, values of several precisions, 4 rows of 1,000 latents, 8 entries
	// 1 1.25
	// [17 999] [2 1] <nil>
}
