package feed

import (
	"context"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/data"
)

// fromSource returns a Feed of src with batches of the given size.
func fromSource(t testing.TB, s Settings, src data.Source, buffer, batch int) *Feed {
	t.Helper()
	_, cols := src.Dims()
	inputs := cols
	if p, isPair := src.(data.Paired); isPair {
		inputs = p.Inputs()
	}
	table, err := Check(src, inputs, cols-inputs)
	if err != nil {
		t.Fatal(err)
	}
	f, err := FromSource(context.Background(), s, table, buffer, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.SetBatchSize(batch)
	return f
}

// TestSourceThatFits: each row is read once, in order, and then the batches are those
// of the same samples in memory.
func TestSourceThatFits(t *testing.T) {
	x := random(1, 143, 6)
	for _, buffer := range []int{143, 144, 1 << 16, math.MaxInt} {
		for _, s := range []Settings{{}, {Seed: 3, MaxNorm: 2}} {
			src := &rowSource{Rows: x}
			got := fromSource(t, s, src, buffer, 32)
			next := 0
			for _, r := range src.reads {
				if r[0] != next || r[1] <= r[0] {
					t.Fatalf("the rows %v are read after row %d", r, next)
				}
				next = r[1]
			}
			if next != 143 {
				t.Errorf("read up to row %d", next)
			}
			src.before = func(_, _ int) error { t.Error("the source is read again"); return nil }
			want := fromMemory(s, x, x)
			want.SetBatchSize(32)
			if got.Streams() || got.Buffer() != want.Buffer() || got.Samples() != want.Samples() || got.LeftOut() != want.LeftOut() {
				t.Errorf("buffer %d: streams %v, %s, %d samples, %d left out", buffer, got.Streams(), got.Buffer(), got.Samples(), got.LeftOut())
			}
			heldGot, _, errGot := got.HoldOut(0.1)
			heldWant, _, errWant := want.HoldOut(0.1)
			if errGot != nil || errWant != nil || !slices.Equal(heldGot.Dense.Data, heldWant.Dense.Data) {
				t.Errorf("other samples are held out; errors %v, %v", errGot, errWant)
			}
			for range 3 {
				if !slices.Equal(flat(epoch(t, got)), flat(epoch(t, want))) {
					t.Errorf("buffer %d, %+v: other bits than from memory", buffer, s)
				}
			}
		}
	}
}

// TestStreamUsesEverySampleOnce in each epoch, in full batches but the last,
// whatever the sizes of buffer and batch, in an order that changes.
func TestStreamUsesEverySampleOnce(t *testing.T) {
	const samples, epochs = 23, 3
	for _, buffer := range []int{1, 2, 5, 7, 22} {
		for _, size := range []int{1, 3, 5, 12, 23} {
			src := &rowSource{Rows: numbered(samples)}
			f := fromSource(t, Settings{}, src, buffer, size)
			if !f.Streams() || f.Samples() != samples || len(src.reads) > 0 {
				t.Fatalf("streams %v, %d samples, %d reads before the first epoch", f.Streams(), f.Samples(), len(src.reads))
			}
			var orders [epochs][]float64
			for e := range orders {
				batches := epoch(t, f)
				for i, b := range batches {
					if want := min(size, samples-i*size); len(b) != want {
						t.Errorf("buffer %d: batch %d has %d samples, want %d", buffer, i, len(b), want)
					}
				}
				if orders[e] = flat(batches); !isPermutation(orders[e], samples) {
					t.Errorf("buffer %d, batch %d: an epoch has the samples %v", buffer, size, orders[e])
				}
			}
			if slices.Equal(orders[0], orders[1]) || slices.Equal(orders[1], orders[2]) {
				t.Errorf("buffer %d, batch %d: two epochs have one order", buffer, size)
			}
			rows := 0
			for _, r := range src.reads {
				rows += r[1] - r[0]
			}
			if rows != epochs*samples {
				t.Errorf("buffer %d, batch %d: %d rows are read in %d epochs of %d", buffer, size, rows, epochs, samples)
			}
		}
	}
}

// TestStreamShuffleIsFair: with a buffer of two of four samples, the orders of the source's
// halves that are left are as likely as any other: each buffer has one sample of each half.
func TestStreamShuffleIsFair(t *testing.T) {
	f := fromSource(t, Settings{}, &rowSource{Rows: numbered(4)}, 2, 1)
	counts := map[[4]float64]int{}
	for range 3200 {
		counts[[4]float64(flat(epoch(t, f)))]++
	}
	if len(counts) != 16 {
		t.Errorf("%d different orders, want 16", len(counts))
	}
	for order, n := range counts {
		if n < 200-70 || n > 200+70 { // five standard deviations: 5·sqrt(3200·15)/16 = 68
			t.Errorf("order %v in %d of 3200 epochs, want about a sixteenth", order, n)
		}
	}
}

// buffers takes f through an epoch, a sample at a time, and returns the samples of each
// buffer, without their order.
func buffers(t *testing.T, f *Feed) [][]float64 {
	t.Helper()
	if err := f.Begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	all := make([][]float64, f.stream.pieces)
	for f.InEpoch() {
		n := f.buffer
		x, _, _, err := next(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		all[n] = append(all[n], x.Row(0)[0])
	}
	for _, b := range all {
		slices.Sort(b)
	}
	return all
}

// TestStreamPieces: each buffer has a piece of each part of the source, in a new random
// order each epoch. Rows are not read one by one where there are many.
func TestStreamPieces(t *testing.T) {
	const rows, buffer, parts, pieces, longest = 50_000, 5000, 240, 11, 19 // 256 parts or so, for rows are short
	src := &rowSource{Rows: numbered(rows)}
	f := fromSource(t, Settings{}, src, buffer, 1)
	if got := f.Buffer(); got != "11 times a piece of each of 240 parts" {
		t.Errorf("the buffer is %s", got)
	}
	var epochs [2][][]float64
	for e := range epochs {
		src.reads = nil
		epochs[e] = buffers(t, f)
		if len(src.reads) != parts*pieces {
			t.Errorf("%d reads, want %d", len(src.reads), parts*pieces)
		}
		for n, b := range epochs[e] {
			reads := src.reads[n*parts : (n+1)*parts]
			for i, r := range reads {
				if from, to := i*rows/parts, (i+1)*rows/parts; r[0] < from || r[1] > to || r[1]-r[0] < longest-1 || r[1]-r[0] > longest {
					t.Fatalf("rows %v are read for part %d, which is %d to %d", r, i, from, to)
				}
			}
			if len(b) > buffer || math.Abs(float64(len(b)-rows/pieces)) > 30 {
				t.Errorf("buffer %d has %d rows, want about %d", n, len(b), rows/pieces)
			}
		}
	}
	if slices.Equal(epochs[0][0], epochs[1][0]) || slices.Equal(epochs[0][0], epochs[0][1]) {
		t.Error("two buffers have the same rows")
	}
}

// TestStreamWalks: of all rows each is as often in the first buffer as in any other, and
// rows that are neighbours are as often apart as others are.
func TestStreamWalks(t *testing.T) {
	const rows, buffer, epochs = 35, 5, 4000 // five parts of seven pieces of a row
	f := fromSource(t, Settings{}, &rowSource{Rows: numbered(rows)}, buffer, 1)
	var in [rows][7]int
	var apart [7]int // how many buffers later the row after row 0 comes
	for range epochs {
		where := map[float64]int{}
		for n, b := range buffers(t, f) {
			for _, v := range b {
				in[int(v)][n]++
				where[v] = n
			}
		}
		apart[(where[1]-where[0]+7)%7]++
	}
	// Binomial: five standard deviations are 5·sqrt(4000·6)/7 = 111, and 5·sqrt(4000·5)/6 = 118.
	for row, counts := range in {
		for n, c := range counts {
			if c < epochs/7-111 || c > epochs/7+111 {
				t.Errorf("row %d is %d times in buffer %d, want about a seventh of %d", row, c, n, epochs)
			}
		}
	}
	for d, c := range apart[1:] {
		if c < epochs/6-118 || c > epochs/6+118 {
			t.Errorf("row 1 comes %d buffers after row 0 %d times, want about a sixth of %d", d+1, c, epochs)
		}
	}
}

// TestStreamSizes: whatever the sizes, the buffers of an epoch have each row once, none has
// too many, and they have as many as each other, about.
func TestStreamSizes(t *testing.T) {
	for rows := 2; rows < 60; rows++ {
		for buffer := 1; buffer < rows; buffer++ {
			f := fromSource(t, Settings{Seed: uint64(rows)}, &rowSource{Rows: numbered(rows)}, buffer, 1)
			all := buffers(t, f)
			if !isPermutation(slices.Concat(all...), rows) {
				t.Fatalf("%d rows, a buffer of %d: the rows %v", rows, buffer, all)
			}
			for n, b := range all {
				if mean := float64(rows) / float64(len(all)); len(b) > buffer || len(b) == 0 || math.Abs(float64(len(b))-mean) > 4 {
					t.Errorf("%d rows, a buffer of %d: buffer %d of %d has %d", rows, buffer, n, len(all), len(b))
				}
			}
		}
	}
}

// TestStreamOfSortedRows: every buffer, the last one of an epoch as well, has about the
// share of each class of rows that the source has, where that is sorted by class and where
// classes alternate; and about as many rows as any other.
func TestStreamOfSortedRows(t *testing.T) {
	const rows = 10_007
	for name, classOf := range map[string]func(row int) int{
		"sorted":              func(row int) int { return row * 10 / rows },
		"sorted, one is rare": func(row int) int { return min(row/500, 9) },
		"period of 2":         func(row int) int { return row % 2 },
		"period of 10":        func(row int) int { return row % 10 },
		"period of 64":        func(row int) int { return row % 64 / 8 },
	} {
		for _, buffer := range []int{400, 1000, 2000, 3000, 5000, 9000, 10_006} {
			var share [10]float64
			for i := range rows {
				share[classOf(i)] += 1. / rows
			}
			f := fromSource(t, Settings{Seed: 3}, &rowSource{Rows: numbered(rows)}, buffer, 1)
			for n, b := range buffers(t, f) {
				if mean := float64(rows) / float64(f.stream.pieces); len(b) > buffer || math.Abs(float64(len(b))-mean) > 30 {
					t.Errorf("%s, buffer %d of %d rows: it has %d, the mean is %v", name, n, buffer, len(b), mean)
				}
				var counts [10]float64
				for _, v := range b {
					counts[classOf(int(v))]++
				}
				for c, got := range counts {
					want := share[c] * float64(len(b))
					off := 5 * math.Sqrt(want) // of a random choice
					if strings.HasPrefix(name, "sorted") {
						off = 2*math.Sqrt(want) + 1 // much less
					}
					if math.Abs(got-want) > off {
						t.Errorf("%s, buffer %d of %d rows: class %d has %v rows, want about %.1f", name, n, buffer, c, got, want)
					}
				}
			}
		}
	}
}

// endless makes rows as they are asked for.
type endless struct{ rows, cols, most int }

func (s *endless) Dims() (rows, cols int) { return s.rows, s.cols }
func (s *endless) ReadRows(dst []float64, lo, hi int) error {
	s.most = max(s.most, hi-lo)
	for i := range dst {
		dst[i] = float64((lo*s.cols+i)*40503%1000) / 1000
	}
	return nil
}

// TestStreamMemory: what is alive while a source of 205 MB goes through a buffer of
// 2 MB is the buffer, its rows' order and a batch.
func TestStreamMemory(t *testing.T) {
	const rows, cols, buffer, batch = 400_000, 64, 4096, 512
	alive := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // pools of scratch memory live through one
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	src := &endless{rows: rows, cols: cols}
	before, most := alive(), 0
	f := fromSource(t, Settings{}, src, buffer, batch)
	if err := f.Begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	steps := 0
	for last := false; !last; steps++ {
		var err error
		if _, _, last, err = next(context.Background(), f); err != nil {
			t.Fatal(err)
		}
		if steps%100 == 1 {
			most = max(most, alive()-before)
		}
	}
	bound := (buffer+batch)*cols*8 + buffer*8 + 64<<10 // of slack, for sizes on the heap round up
	if most > bound || most < buffer*cols*8 {
		t.Errorf("%d bytes are alive, want at most %d", most, bound)
	}
	if want := (rows + batch - 1) / batch; steps != want || src.most != buffer/1024 {
		t.Errorf("%d steps, want %d; %d rows are read at a time, want %d", steps, want, src.most, buffer/1024)
	}
}

// TestStreamMaxNorm: each epoch uses each row within the limit once, and the epoch's
// end is known where only rows that are left out follow.
func TestStreamMaxNorm(t *testing.T) {
	const samples, short = 20, 15
	for seed := range uint64(40) {
		x := numbered(samples)
		for i := range x.Data {
			if x.Data[i]++; i >= short { // in the last parts
				x.Data[i] = 1e9
			}
		}
		f := fromSource(t, Settings{Seed: seed, MaxNorm: 1 << 14}, &rowSource{Rows: x}, 12, 4)
		for range 2 {
			batches := epoch(t, f)
			got := slices.Sorted(slices.Values(flat(batches)))
			if len(batches) != 4 || !slices.Equal(got, x.Data[:short]) || f.LeftOut() != samples-short {
				t.Errorf("seed %d: batches %v, %d left out, want %d", seed, batches, f.LeftOut(), samples-short)
			}
		}
	}
}

// TestStreamVariance: that of the first buffer, without what MaxNorm leaves out.
func TestStreamVariance(t *testing.T) {
	x := numbered(40)
	for i := range x.Data {
		x.Data[i]++
	}
	x.Data[7] = 1e6
	src := &rowSource{Rows: x}
	f := fromSource(t, Settings{MaxNorm: 100}, src, 20, 2)
	if err := f.Begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	var first []float64
	for _, r := range src.reads {
		if v := x.Data[r[0]]; v < 1e6 {
			first = append(first, v)
		}
	}
	mean, want := 0.0, 0.0
	for _, v := range first {
		mean += v / float64(len(first))
	}
	for _, v := range first {
		want += (v - mean) * (v - mean) / float64(len(first))
	}
	got := variance(t, f, targets)
	if len(first) < 19 || math.Abs(got-want) > 1e-13*want {
		t.Errorf("variance is %v, want %v of the first %d rows", got, want, len(first))
	}
}
