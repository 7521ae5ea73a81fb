package search_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/search"
)

// An index that was built with rows finds those with the largest cosines. Calibrate measures what that takes on its own
// rows.
func ExampleIndex_Nearest() {
	r := rand.New(rand.NewPCG(1, 1))
	rows := make([]float32, 2000*16)
	for i := range rows {
		rows[i] = float32(r.NormFloat64())
	}
	src, err := data.FromFloat32(rows, 2000, 16)
	if err != nil {
		log.Fatal(err)
	}
	net, err := ksparse.New(ksparse.Config{Inputs: 16, Latents: 128, K: 4})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if _, err := net.TrainSource(ctx, src, ksparse.TrainConfig{Steps: 50}); err != nil {
		log.Fatal(err)
	}
	model, err := net.Freeze()
	if err != nil {
		log.Fatal(err)
	}
	codes, err := codefile.Encode(model, src)
	if err != nil {
		log.Fatal(err)
	}
	x, err := search.Build(ctx, codes, search.Options{Rows: src, Model: model})
	if err != nil {
		log.Fatal(err)
	}
	if x, err = x.Calibrate(ctx, 100, nil); err != nil {
		log.Fatal(err)
	}
	row := make([]float64, 16)
	if err := src.ReadRows(row, 7, 8); err != nil {
		log.Fatal(err)
	}
	hits, err := x.Nearest(nil, search.Near{Row: row, K: 3, Recall: 0.9})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d rows, the nearest is row %d with the cosine %.3f\n", len(hits), hits[0].ID, hits[0].Score)
	// Output: 3 rows, the nearest is row 7 with the cosine 1.000
}
