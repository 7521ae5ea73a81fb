package ksparse_test

import (
	"fmt"
	"math/bits"
	"reflect"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
)

// batchesOf returns which samples each step used.
func batchesOf(t *testing.T, samples, epochs int, cfg ksparse.TrainConfig) [][]uint64 {
	net, x, y := telling(t, samples)
	batches := make([][]uint64, epochs)
	size := func(p train.Progress) int {
		done := (p.Step - 1) % (p.Steps / p.Epochs) * cfg.BatchSize
		return min(cfg.BatchSize, samples-done)
	}
	cfg.Epochs, cfg.Optimizer = epochs, scripted{}
	cfg.Callback = func(p train.Progress) error {
		batches[p.Epoch-1] = append(batches[p.Epoch-1], told(t, p.Loss, size(p)))
		return nil
	}
	trainOn(t, net, x, y, cfg)
	return batches
}

// TestTrainUsesEverySampleOnce: in each epoch, the last batch with what is left,
// in an order that depends on the epoch and the seed.
func TestTrainUsesEverySampleOnce(t *testing.T) {
	const samples, size, epochs = 23, 5, 6
	first := batchesOf(t, samples, epochs, ksparse.TrainConfig{BatchSize: size, Seed: 1})
	orders := map[string]bool{}
	for epoch, batches := range first {
		if len(batches) != 5 {
			t.Fatalf("epoch %d has %d batches, want 4 of 5 samples and one of 3", epoch+1, len(batches))
		}
		all := uint64(0)
		for _, b := range batches {
			if all&b != 0 {
				t.Errorf("epoch %d uses the samples %b twice", epoch+1, all&b)
			}
			all |= b
		}
		if all != 1<<samples-1 {
			t.Errorf("epoch %d uses the samples %b, want all %d", epoch+1, all, samples)
		}
		orders[fmt.Sprint(batches)] = true
	}
	if len(orders) != epochs {
		t.Errorf("%d different orders in %d epochs", len(orders), epochs)
	}
	if again := batchesOf(t, samples, epochs, ksparse.TrainConfig{BatchSize: size, Seed: 1}); !reflect.DeepEqual(again, first) {
		t.Error("the same seed gives another order")
	}
	if other := batchesOf(t, samples, epochs, ksparse.TrainConfig{BatchSize: size, Seed: 2}); reflect.DeepEqual(other[0], first[0]) {
		t.Error("another seed gives the same order")
	}
}

// TestTrainShuffleIsFair: from one epoch to the next, each of the 6 ways to reorder
// three samples is as likely as any other.
func TestTrainShuffleIsFair(t *testing.T) {
	const epochs = 3001
	counts := map[[3]int]int{}
	var before [3]int // the place of each sample in the epoch before
	for epoch, batches := range batchesOf(t, 3, epochs, ksparse.TrainConfig{BatchSize: 1}) {
		var moved, place [3]int
		for i, b := range batches {
			sample := bits.TrailingZeros64(b)
			moved[i], place[sample] = before[sample], i
		}
		if before = place; epoch > 0 {
			counts[moved]++
		}
	}
	if len(counts) != 6 {
		t.Errorf("%d different moves, want 6", len(counts))
	}
	for move, n := range counts {
		// Binomial with p = 1/6: five standard deviations are 5·sqrt(3000·5/36) = 102.
		if n < 500-102 || n > 500+102 {
			t.Errorf("move %v in %d of %d epochs, want about a sixth", move, n, epochs-1)
		}
	}
}

func TestTrainValidationFractionHoldsOut(t *testing.T) {
	const samples = 20
	heldOut := map[uint64]bool{}
	for seed := range uint64(4) {
		for _, c := range []struct {
			fraction float64
			held     int
		}{{0.25, 5}, {0.0001, 1}, {0.99, 19}} {
			net, x, y := telling(t, samples)
			h := trainOn(t, net, x, y, ksparse.TrainConfig{Epochs: 5, Optimizer: scripted{}, Validation: ksparse.Validation{Fraction: c.fraction}, Seed: seed})
			for _, e := range h.Epochs {
				trained, held := told(t, e.TrainLoss, samples-c.held), told(t, e.ValidationLoss, c.held)
				if trained&held != 0 || trained|held != 1<<samples-1 {
					t.Errorf("fraction %v: trained on %b, validated on %b", c.fraction, trained, held)
				}
				if first := told(t, h.Epochs[0].ValidationLoss, c.held); held != first {
					t.Errorf("fraction %v: other rows are held out in epoch %d", c.fraction, e.Epoch)
				}
				if c.held == 5 {
					heldOut[held] = true
				}
			}
		}
	}
	if len(heldOut) < 3 {
		t.Errorf("four seeds hold out %d different sets of rows", len(heldOut))
	}
}
