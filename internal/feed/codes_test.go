package feed

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
)

// codesOf returns the rows of m as codes without its zeros.
func codesOf(m matrix.Rows) sparse.Rows {
	c := new(sparse.Codes)
	c.Clear(m.Cols)
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			if v != 0 {
				c.Indices, c.Values = append(c.Indices, int32(j)), append(c.Values, v)
			}
		}
		c.EndRow()
	}
	return sparse.Rows{Codes: c}
}

// TestCodes: a Feed of codes hands out, as codes, what one of the same rows does: the same samples in the
// same order, held out, left out for their norm and used for figures.
func TestCodes(t *testing.T) {
	x := random(4, 70, 12)
	for i := range x.Data {
		if i%3 > 0 || i/12%5 == 2 {
			x.Data[i] = 0
		}
	}
	y := numbered(70)
	for _, s := range []Settings{{Seed: 1}, {Seed: 2, MaxNorm: 5}, {Seed: 3, MaxNorm: 2, Few: true}, {Seed: 4, MaxNorm: 3, FromMiddle: true}} {
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
			want, got := fromMemory(s, x, y), FromMemory(s, codesOf(x), y)
			wantX, wantY, errWant := want.HoldOut(0.2)
			gotX, gotY, errGot := got.HoldOut(0.2)
			if errWant != nil || errGot != nil || !slices.Equal(values(gotX.Gathered(matrix.Rows{}, upTo(gotX.Len()))), values(wantX.Dense)) || !slices.Equal(gotY.Data, wantY.Data) {
				t.Errorf("other samples held out, errors %v, %v", errWant, errGot)
			}
			far, of := want.Far(Settings{MaxNorm: 2})
			if f, o := got.Far(Settings{MaxNorm: 2}); f != far || o != of {
				t.Errorf("%d of %d are far, want %d of %d", f, o, far, of)
			}
			sum := func(x, y []float64) []float64 { return []float64{x[0] + x[11] + y[0]} }
			a, errA := want.Variance(sum)
			b, errB := got.Variance(sum)
			if a != b || errA != nil || errB != nil || got.LeftOut() != want.LeftOut() || got.LargestInput() != want.LargestInput() || got.Samples() != want.Samples() {
				t.Errorf("variance %v, %d left out, largest %v; want %v, %d, %v", b, got.LeftOut(), got.LargestInput(), a, want.LeftOut(), want.LargestInput())
			}
			sameEpochs(t, got, want)
		})
	}
}

// upTo returns the numbers from 0 to n-1.
func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

// sameEpochs compares two epochs, and the first inputs in them, of codes with those of dense rows.
func sameEpochs(t *testing.T, got, want *Feed) {
	t.Helper()
	ctx := context.Background()
	got.SetBatchSize(9)
	want.SetBatchSize(9)
	for range 2 {
		if err := got.Begin(ctx); err != nil {
			t.Fatal(err)
		}
		if err := want.Begin(ctx); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(values(inputs(t, got, 20)), values(inputs(t, want, 20))) {
			t.Error("other first inputs")
		}
		for last := false; !last; {
			x, y, end, err := next(ctx, want)
			gotX, gotY, gotEnd, gotErr := got.Next(ctx)
			if err != nil || gotErr != nil || end != gotEnd || gotX.Codes == nil {
				t.Fatalf("a batch: errors %v, %v, last %v, want %v", err, gotErr, gotEnd, end)
			}
			if !slices.Equal(values(gotX.Gathered(matrix.Rows{}, upTo(gotX.Len()))), values(x)) || !slices.Equal(values(gotY), values(y)) {
				t.Error("another batch")
			}
			last = end
		}
	}
}
