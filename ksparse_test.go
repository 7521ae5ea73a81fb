package ksparse_test

import (
	"context"
	"testing"

	"github.com/ksparse/ksparse"
)

// TestMoreLatentsExplainMore trains the whole thing for several k: what is left
// unexplained must fall as k grows, and every code must have exactly k entries.
func TestMoreLatentsExplainMore(t *testing.T) {
	x := dictionaryData(600, 16, 32, 3, 2)
	before := 1.0
	for _, k := range []int{1, 2, 4, 8} {
		net := autoencoder(t, 16, 48, k, ksparse.ReLU)
		if _, err := net.Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 30, BatchSize: 50, LearningRate: 0.005}); err != nil {
			t.Fatal(err)
		}
		out, err := net.Predict(x)
		if err != nil {
			t.Fatal(err)
		}
		fvu, err := ksparse.FVU(out, x)
		if err != nil {
			t.Fatal(err)
		}
		if fvu >= before {
			t.Errorf("k = %d leaves %v of the variance, fewer latents left %v", k, fvu, before)
		}
		before = fvu
		codes, err := net.Encode(x)
		if err != nil {
			t.Fatal(err)
		}
		if got := codes.Mask().Count(); got != k*600 {
			t.Errorf("k = %d: %d entries in 600 codes", k, got)
		}
	}
	if before > 0.1 {
		t.Errorf("k = 8 leaves %v of the variance of sums of 3 atoms", before)
	}
}
