package feed

import (
	"context"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/matrix"
)

// inputs is Feed.Inputs, without an error.
func inputs(t *testing.T, f *Feed, count int) matrix.Rows {
	t.Helper()
	x, err := f.Inputs(context.Background(), count)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestInputsOfStream come from all parts of the source, each at most once, the same ones
// each time, without those that MaxNorm leaves out.
func TestInputsOfStream(t *testing.T) {
	for _, c := range []struct{ rows, count int }{{5000, 4096}, {5000, 700}, {1030, 1}, {5000, 9000}, {3000, 1500}} {
		x := matrix.New(c.rows, 1)
		for i := range c.rows {
			x.Row(i)[0] = float64(i + 1)
		}
		x.Row(c.rows / 2)[0] = 1e9
		f, err := FromSource(context.Background(), Settings{Seed: 3, MaxNorm: 10}, tableOf(&rowSource{Rows: x}, c.rows, 1), 100, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Begin(context.Background()); err != nil {
			t.Fatal(err)
		}
		got := values(inputs(t, f, c.count))
		if !slices.Equal(got, values(inputs(t, f, c.count))) {
			t.Errorf("%d of %d: other rows the second time", c.count, c.rows)
		}
		want := min(c.count, c.rows)
		if len(got) > want || len(got) < want*3/5 || slices.Contains(got, 1e9) || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("%d of %d: %d rows, sorted %v", c.count, c.rows, len(got), slices.IsSorted(got))
		}
		if c.count > 100 {
			if low := got[len(got)/4] / float64(c.rows); low < 0.2 || low > 0.3 {
				t.Errorf("%d of %d: a quarter lies below %v of the source", c.count, c.rows, low)
			}
		}
	}
}

// TestInputs are copies of the first samples of the epoch, held out and left out ones not
// among them.
func TestInputs(t *testing.T) {
	x := random(1, 50, 3)
	f := fromMemory(Settings{Seed: 2, MaxNorm: 5}, x, x)
	if _, _, err := f.HoldOut(0.2); err != nil {
		t.Fatal(err)
	}
	if err := f.Begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	few, all := inputs(t, f, 7), inputs(t, f, 1000)
	if few.Rows != 7 || all.Rows != f.Samples() || !slices.Equal(values(few), values(all)[:21]) {
		t.Fatalf("%d and %d of %d samples", few.Rows, all.Rows, f.Samples())
	}
	before := values(all)
	f.SetBatchSize(f.Samples())
	if batch, _, _, err := next(context.Background(), f); err != nil || !slices.Equal(values(batch), before) {
		t.Errorf("the epoch has other samples, or another order; error %v", err)
	}
	clear(x.Data)
	if !slices.Equal(values(all), before) {
		t.Error("they are not copies")
	}
}

// TestMaxNormAfterZeros: rows of zeros tell no norm; the limit waits for others.
func TestMaxNormAfterZeros(t *testing.T) {
	x := matrix.New(400, 1)
	for i := 300; i < 400; i++ {
		x.Row(i)[0] = 1
	}
	x.Row(350)[0] = 1000
	for seed := range uint64(10) {
		for _, buffer := range []int{1, 2, 5, 20} {
			f, err := FromSource(context.Background(), Settings{Seed: seed, MaxNorm: 10}, tableOf(&rowSource{Rows: x}, 400, 1), buffer, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Begin(context.Background()); err != nil {
				t.Fatal(err)
			}
			f.SetBatchSize(30)
			epoch(t, f)
			if f.LeftOut() > 1 {
				t.Errorf("seed %d, buffer %d: %d left out, want 1, or none where it came first", seed, buffer, f.LeftOut())
			}
		}
	}
}
