package feed

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
)

// numbered returns samples of one number each: 0, 1, 2 and so on.
func numbered(rows int) matrix.Rows {
	m := matrix.New(rows, 1)
	for i := range m.Data {
		m.Data[i] = float64(i)
	}
	return m
}

// random returns rows of numbers from -1 to 1; every seventh row is far out.
func random(seed uint64, rows, cols int) matrix.Rows {
	rng := rand.New(rand.NewPCG(seed, 7))
	m := matrix.New(rows, cols)
	for i := range m.Data {
		m.Data[i] = 2*rng.Float64() - 1
		if i/cols%7 == 1 {
			m.Data[i] += 100
		}
	}
	return m
}

// values returns a copy of the numbers of m.
func values(m matrix.Rows) (v []float64) {
	for i := range m.Rows {
		v = append(v, m.Row(i)...)
	}
	return v
}

// fromMemory is FromMemory for inputs that are dense.
func fromMemory(s Settings, x, y matrix.Rows) *Feed { return FromMemory(s, sparse.Rows{Dense: x}, y) }

// next is Next for inputs that are dense.
func next(ctx context.Context, f *Feed) (x, y matrix.Rows, last bool, err error) {
	rows, y, last, err := f.Next(ctx)
	return rows.Dense, y, last, err
}

// epoch takes f through an epoch. It returns the batches' inputs, and checks where the
// epoch ends.
func epoch(t testing.TB, f *Feed) (batches [][]float64) {
	t.Helper()
	if err := f.Begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	for last := false; !last; {
		var x matrix.Rows
		var err error
		if x, _, last, err = next(context.Background(), f); err != nil {
			t.Fatal(err)
		}
		if f.InEpoch() == last {
			t.Fatalf("in an epoch: %v, after the last batch: %v", f.InEpoch(), last)
		}
		batches = append(batches, values(x))
	}
	return batches
}

// flat returns the numbers of all batches.
func flat(batches [][]float64) []float64 { return slices.Concat(batches...) }

// isPermutation reports whether v has each of the numbers from 0 to n-1 once.
func isPermutation(v []float64, n int) bool {
	return slices.Equal(slices.Sorted(slices.Values(v)), numbered(n).Data)
}

// TestOrderIsFixed: the orders for a seed stay what they have been, for a checkpoint
// must fit the training that it belongs to.
func TestOrderIsFixed(t *testing.T) {
	memory := fromMemory(Settings{Seed: 5}, numbered(9), numbered(9))
	stream, err := FromSource(context.Background(), Settings{Seed: 5}, tableOf(&rowSource{Rows: numbered(9)}, 9, 1), 4, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		f    *Feed
		want [2][]float64
	}{
		{memory, [2][]float64{{3, 7, 8, 2, 0, 6, 5, 4, 1}, {8, 0, 2, 6, 4, 3, 5, 1, 7}}},
		{stream, [2][]float64{{4, 1, 7, 3, 0, 6, 2, 5, 8}, {4, 1, 8, 3, 2, 6, 7, 0, 5}}},
	} {
		c.f.SetBatchSize(4)
		for e, want := range c.want {
			if got := flat(epoch(t, c.f)); !slices.Equal(got, want) {
				t.Errorf("%s, epoch %d: the order is %v, want %v", c.f.Buffer(), e, got, want)
			}
		}
	}
}

// TestEverySampleOnce in each epoch, in full batches but the last, in an order that
// changes, with targets that belong to the inputs.
func TestEverySampleOnce(t *testing.T) {
	const samples = 23
	y := matrix.New(samples, 2)
	for i := range samples {
		copy(y.Row(i), []float64{float64(i), -1})
	}
	for _, size := range []int{1, 3, 5, 12, 23} {
		f := fromMemory(Settings{Seed: 1}, numbered(samples), y)
		f.SetBatchSize(size)
		if f.Samples() != samples || f.LeftOut() != 0 || f.Streams() || f.Buffer() != "all samples" || f.InEpoch() {
			t.Fatalf("%d samples, %d left out, streams %v, %s", f.Samples(), f.LeftOut(), f.Streams(), f.Buffer())
		}
		var orders [][]float64
		for range 3 {
			if err := f.Begin(context.Background()); err != nil {
				t.Fatal(err)
			}
			var order []float64
			for last := false; !last; {
				var x, targets matrix.Rows
				var err error
				if x, targets, last, err = next(context.Background(), f); err != nil {
					t.Fatal(err)
				}
				if want := min(size, samples-len(order)); x.Rows != want || targets.Rows != want || targets.Cols != 2 {
					t.Fatalf("a batch of %d and %d rows, want %d", x.Rows, targets.Rows, want)
				}
				for i := range x.Rows {
					if x.Row(i)[0] != targets.Row(i)[0] {
						t.Errorf("input %v with target %v", x.Row(i), targets.Row(i))
					}
				}
				order = append(order, values(x)...)
			}
			if !isPermutation(order, samples) {
				t.Errorf("batches of %d: an epoch has the samples %v", size, order)
			}
			orders = append(orders, order)
		}
		if slices.Equal(orders[0], orders[1]) || slices.Equal(orders[1], orders[2]) {
			t.Errorf("batches of %d: two epochs have one order", size)
		}
		if _, _, _, err := next(context.Background(), f); !errors.Is(err, fault.ErrEmpty) {
			t.Errorf("a batch after the last one: error %v", err)
		}
	}
}

// TestAutoencoderBatches: inputs that are targets, too, are copied once.
func TestAutoencoderBatches(t *testing.T) {
	x := numbered(5)
	f := fromMemory(Settings{}, x, x)
	f.SetBatchSize(3)
	if err := f.Begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	a, b, _, err := next(context.Background(), f)
	if err != nil || !matrix.Same(a, b) {
		t.Errorf("inputs %v, targets %v, error %v, want one matrix", a, b, err)
	}
	if f.batch.y.Data != nil {
		t.Error("there is memory for targets")
	}
}

// TestShuffleIsFair: from one epoch to the next, each of the 6 ways to reorder three
// samples is as likely as any other.
func TestShuffleIsFair(t *testing.T) {
	const epochs = 3001
	f := fromMemory(Settings{}, numbered(3), numbered(3))
	f.SetBatchSize(1)
	counts := map[[3]int]int{}
	var before [3]int // the place of each sample in the epoch before
	for e := range epochs {
		var moved, place [3]int
		for i, sample := range flat(epoch(t, f)) {
			moved[i], place[int(sample)] = before[int(sample)], i
		}
		if before = place; e > 0 {
			counts[moved]++
		}
	}
	checkSixths(t, counts)
}

// checkSixths checks that each of 6 outcomes was met in about a sixth of 3000 cases.
// Binomial with p = 1/6: five standard deviations are 5·sqrt(3000·5/36) = 102.
func checkSixths(t *testing.T, counts map[[3]int]int) {
	t.Helper()
	if len(counts) != 6 {
		t.Errorf("%d different outcomes, want 6", len(counts))
	}
	for outcome, n := range counts {
		if n < 500-102 || n > 500+102 {
			t.Errorf("outcome %v in %d of 3000 cases, want about a sixth", outcome, n)
		}
	}
}

func TestHoldOut(t *testing.T) {
	const samples = 20
	first := map[float64]bool{}
	for seed := range uint64(4) {
		for _, c := range []struct {
			fraction float64
			held     int
		}{{0.25, 5}, {0.0001, 1}, {0.99, 19}} {
			x := numbered(samples)
			y := matrix.New(samples, 2)
			for i := range samples {
				copy(y.Row(i), []float64{float64(i), 7})
			}
			f := fromMemory(Settings{Seed: seed}, x, y)
			heldX, heldY, err := f.HoldOut(c.fraction)
			if err != nil || heldX.Len() != c.held || heldY.Rows != c.held || f.Samples() != samples-c.held {
				t.Fatalf("fraction %v: %d inputs and %d targets held out, %d left, error %v", c.fraction, heldX.Len(), heldY.Rows, f.Samples(), err)
			}
			for i := range c.held {
				if heldX.Row(i, nil)[0] != heldY.Row(i)[0] || heldY.Row(i)[1] != 7 {
					t.Errorf("input %v with target %v", heldX.Row(i, nil), heldY.Row(i))
				}
			}
			f.SetBatchSize(4)
			for range 3 {
				if used := flat(epoch(t, f)); !isPermutation(append(used, heldX.Dense.Data...), samples) {
					t.Errorf("fraction %v: trained on %v, validated on %v", c.fraction, used, heldX.Dense.Data)
				}
			}
			first[heldX.Dense.Data[0]] = true
		}
	}
	if len(first) < 3 {
		t.Errorf("all seeds hold out %v", first)
	}
	if _, _, err := fromMemory(Settings{}, numbered(1), numbered(1)).HoldOut(0.1); !errors.Is(err, fault.ErrEmpty) || !strings.Contains(err.Error(), "Validation.Fraction 0.1 of 1 sample") {
		t.Errorf("one sample: error %v", err)
	}
}

// TestMaxNorm: which samples are left out, of inputs of the given norms.
func TestMaxNorm(t *testing.T) {
	for _, c := range []struct {
		name    string
		norms   []float64
		maxNorm float64
		keeps   []int
	}{
		{"off", []float64{1, 2, 1000}, 0, []int{0, 1, 2}},
		{"one too long", []float64{1, 2, 1000, 3, 4}, 10, []int{0, 1, 3, 4}},
		{"median of an odd number", []float64{1, 4, 8.1, 2, 8}, 2, []int{0, 1, 3, 4}},
		{"median of an even number", []float64{1, 2, 4, 6.1, 5.9, 1}, 2, []int{0, 1, 2, 4, 5}}, // of 3
		{"the longest first", []float64{50, 60, 1, 1, 1, 1}, 10, []int{2, 3, 4, 5}},
		{"the median stays", []float64{3, 1, 2, 5, 4}, 1, []int{0, 1, 2}},
		{"equal norms", []float64{2, 2, 2}, 1, []int{0, 1, 2}},
		{"rows of zeros do not count", []float64{0, 0, 0, 0, 1, 1, 30}, 3, []int{0, 1, 2, 3, 4, 5}},
		{"zeros only", []float64{0, 0, 0}, 1, []int{0, 1, 2}},
		{"one row", []float64{7}, 1, []int{0}},
		{"squares that overflow", []float64{1, 1, 1e200}, 5, []int{0, 1}},
		{"squares that all overflow", []float64{1e200, 1e201}, 5, []int{0, 1}},
	} {
		x := matrix.New(len(c.norms), 3)
		for i, v := range c.norms {
			copy(x.Row(i), []float64{0.6 * v, 0, -0.8 * v})
		}
		y := numbered(len(c.norms)) // targets, whose norms do not matter
		f := fromMemory(Settings{MaxNorm: c.maxNorm}, x, y)
		f.SetBatchSize(len(c.norms))
		if !slices.Equal(f.order, c.keeps) {
			t.Errorf("%s: the rows %v are kept, want %v", c.name, f.order, c.keeps)
		}
		if f.Samples() != len(c.keeps) || f.LeftOut() != len(c.norms)-len(c.keeps) {
			t.Errorf("%s: %d samples, %d left out", c.name, f.Samples(), f.LeftOut())
		}
		epoch(t, f)
		if f.LeftOut() != len(c.norms)-len(c.keeps) {
			t.Errorf("%s: %d left out after an epoch", c.name, f.LeftOut())
		}
	}
}

// TestFew: MaxNorm leaves out a twentieth of the inputs that are not zero, or none.
func TestFew(t *testing.T) {
	for _, c := range []struct{ rows, zeros, long, leftOut int }{
		{100, 0, 5, 5}, {100, 0, 6, 0}, {20, 0, 1, 1}, {19, 0, 1, 0}, {100, 60, 2, 2}, {100, 60, 3, 0}, {100, 0, 40, 0}, {1, 0, 0, 0},
	} {
		x := matrix.New(c.rows, 2)
		for i := c.zeros; i < c.rows; i++ {
			x.Row(i)[1] = 1
			if i < c.zeros+c.long {
				x.Row(i)[1] = -1000
			}
		}
		if f := fromMemory(Settings{MaxNorm: 10, Few: true}, x, x); f.LeftOut() != c.leftOut {
			t.Errorf("%+v: %d left out", c, f.LeftOut())
		}
	}
}

// targets are the samples' targets as they are.
func targets(_, y []float64) []float64 { return y }

// variance is Feed.Variance, without an error.
func variance(t *testing.T, f *Feed, target func(x, y []float64) []float64) float64 {
	t.Helper()
	v, err := f.Variance(target)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestVariance: |t-t̄|² is summed over the samples that are used, in the space of the
// targets that the caller makes.
func TestVariance(t *testing.T) {
	x := matrix.Rows{Data: []float64{1, 1, 1, 1000}, Rows: 4, Cols: 1, Stride: 1}
	y := matrix.Rows{Data: []float64{0, 1, 3, 1, 6, 1, 50, 50}, Rows: 4, Cols: 2, Stride: 2}
	f := fromMemory(Settings{MaxNorm: 10}, x, y)
	if got := variance(t, f, targets); got != (9+0+9)/3. {
		t.Errorf("variance is %v, want 6", got)
	}
	buffer := make([]float64, 2)
	double := func(x, y []float64) []float64 {
		buffer[0], buffer[1] = y[0]+x[0]*y[0], y[1]
		return buffer
	}
	if got := variance(t, f, double); got != 4*6 {
		t.Errorf("variance of targets twice as large is %v, want 24", got)
	}
	// More columns than the squares that are summed at a time.
	wide := random(1, 30, 523)
	f = fromMemory(Settings{}, wide, wide)
	want := 0.0
	for j := range wide.Cols {
		mean := 0.0
		for i := range wide.Rows {
			mean += wide.Row(i)[j] / 30
		}
		for i := range wide.Rows {
			want += (wide.Row(i)[j] - mean) * (wide.Row(i)[j] - mean) / 30
		}
	}
	if got := variance(t, f, targets); math.Abs(got-want) > 1e-12*want {
		t.Errorf("variance is %v, want %v", got, want)
	}
}

// TestSameBits for every GOMAXPROCS, and other orders for another seed.
func TestSameBits(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	x := random(1, 601, 300)
	run := func(procs int, seed uint64, buffer int) (v []float64) {
		runtime.GOMAXPROCS(procs)
		f, err := FromSource(context.Background(), Settings{Seed: seed, MaxNorm: 4}, tableOf(&rowSource{Rows: x}, x.Rows, x.Cols), buffer, nil)
		if err != nil {
			t.Fatal(err)
		}
		f.SetBatchSize(250)
		for range 2 {
			v = append(v, flat(epoch(t, f))...)
		}
		return append(v, variance(t, f, targets))
	}
	for _, buffer := range []int{601, 70} {
		want := run(2, 1, buffer)
		for _, procs := range []int{1, 5} {
			if !slices.Equal(run(procs, 1, buffer), want) {
				t.Errorf("buffer %d: other bits on %d processors", buffer, procs)
			}
		}
		if slices.Equal(run(2, 2, buffer), want) {
			t.Errorf("buffer %d: another seed gives the same order", buffer)
		}
	}
}
