package search_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/search"
)

// Example builds an index of codes, searches it, says why a row was found, changes it and keeps it on disk.
func Example() {
	codes, err := ksparse.NewCodes(6,
		[][]int32{{0, 2, 5}, {2, 3}, {1, 4}, {0, 5}},
		[][]float64{{1, 2, 3}, {4, 1}, {2, 2}, {5, 1}})
	if err != nil {
		log.Fatal(err)
	}
	x, err := search.Build(context.Background(), codefile.FromCodes(codes), search.Options{})
	if err != nil {
		log.Fatal(err)
	}
	latents, values := codes.Row(0)
	hits, err := x.ByCode(nil, latents, values, 3, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, h := range hits {
		fmt.Println("row", h.ID, "score", h.Score)
	}
	shares, err := x.Explain(hits[2].ID, latents, values)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range shares {
		fmt.Printf("row %d: latent %d adds %g x %g\n", hits[2].ID, s.Latent, s.Query, s.Row)
	}

	// A change gives a new index.
	smaller, _, err := x.Delete(search.NewIDs(0))
	if err != nil {
		log.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	if err := smaller.Save(filepath.Join(folder, "index")); err != nil {
		log.Fatal(err)
	}
	opened, err := search.Open(filepath.Join(folder, "index"))
	if err != nil {
		log.Fatal(err)
	}
	defer opened.Close()
	hits, err = opened.ByCode(hits[:0], latents, values, 3, search.NewIDs(0, 1, 2))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(hits)
	// Output:
	// row 0 score 14
	// row 1 score 8
	// row 3 score 8
	// row 3: latent 0 adds 1 x 5
	// row 3: latent 5 adds 3 x 1
	// [{1 8}]
}

// Any number of goroutines may search one index: each has its own memory for the answer.
func ExampleIndex_ByCode_goroutines() {
	r := rand.New(rand.NewPCG(1, 1))
	var rows [][]int32
	var all [][]float64
	for range 1000 {
		j := int32(r.IntN(90))
		rows, all = append(rows, []int32{j, j + 3, j + 7}), append(all, []float64{r.Float64(), r.Float64(), r.Float64()})
	}
	codes, err := ksparse.NewCodes(100, rows, all)
	if err != nil {
		log.Fatal(err)
	}
	x, err := search.Build(context.Background(), codefile.FromCodes(codes), search.Options{})
	if err != nil {
		log.Fatal(err)
	}
	best := make([]search.Hit, len(rows))
	var wg sync.WaitGroup
	const workers = 8
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var hits []search.Hit
			for i := w; i < len(rows); i += workers {
				latents, values := codes.Row(i)
				var err error
				if hits, err = x.ByCode(hits[:0], latents, values, 1, nil); err != nil {
					log.Fatal(err)
				}
				best[i] = hits[0]
			}
		}()
	}
	wg.Wait()
	fmt.Println(len(best), "best rows, none with a score of 0 or less:", best[0].Score > 0)
	// Output: 1000 best rows, none with a score of 0 or less: true
}
