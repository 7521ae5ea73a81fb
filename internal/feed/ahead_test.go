package feed

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// aheadSource is rows that may be read by several goroutines at once.
type aheadSource struct {
	matrix.Rows
	count  atomic.Int64           // rows that were read
	before func(lo, hi int) error // nil for nothing
}

func (s *aheadSource) Dims() (rows, cols int) { return s.Rows.Rows, s.Cols }
func (s *aheadSource) ReadsAhead() bool       { return true }

// ReadRows copies the rows lo to hi.
func (s *aheadSource) ReadRows(dst []float64, lo, hi int) error {
	if s.before != nil {
		if err := s.before(lo, hi); err != nil {
			return err
		}
	}
	copy(dst, s.Data[lo*s.Cols:hi*s.Cols])
	s.count.Add(int64(hi - lo))
	return nil
}

// checkGoroutines waits until there are no more than before.
func checkGoroutines(t *testing.T, before int) {
	t.Helper()
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, there were %d", runtime.NumGoroutine(), before)
}

// TestAheadSameBatches: reading ahead changes neither the batches nor the States, in any
// epoch, whatever the sizes.
func TestAheadSameBatches(t *testing.T) {
	before := runtime.NumGoroutine()
	x := random(1, 60, 3)
	for _, c := range []struct {
		s             Settings
		buffer, batch int
	}{{Settings{Seed: 3}, 25, 7}, {Settings{Seed: 4}, 5, 13}, {Settings{Seed: 5, MaxNorm: 3}, 10, 4}, {Settings{Seed: 6, MaxNorm: 1}, 2, 3}, {Settings{Seed: 7}, 59, 60}, {Settings{Seed: 8}, 60, 7}} {
		got, want := fromSource(t, c.s, &aheadSource{Rows: x}, c.buffer, c.batch), fromSource(t, c.s, &rowSource{Rows: x}, c.buffer, c.batch)
		for e := range 4 {
			got.SetLast(e == 2) // a hint: what follows is right all the same
			if g, w := epoch(t, got), epoch(t, want); !slices.Equal(flat(g), flat(w)) || len(g) != len(w) {
				t.Errorf("%+v, epoch %d: the batches are %v, want %v", c, e, g, w)
			}
			checkSameState(t, got.State(), want.State())
			if got.LeftOut() != want.LeftOut() {
				t.Errorf("%+v: %d left out, want %d", c, got.LeftOut(), want.LeftOut())
			}
		}
		got.Close()
		got.Close() // does nothing
	}
	checkGoroutines(t, before)
}

// begin begins an epoch and takes a batch.
func begin(t *testing.T, f *Feed) {
	t.Helper()
	if err := f.Begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := next(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

// waitFor waits until the source has read that many rows.
func (s *aheadSource) waitFor(t *testing.T, rows int64) {
	t.Helper()
	for range 1000 {
		if s.count.Load() >= rows {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d rows were read, want %d", s.count.Load(), rows)
}

// TestAheadReadsMeanwhile: once the first batch is out the second buffer is read, before
// anything more is asked for; and the next epoch's first one while the last one is used,
// unless this epoch is the last.
func TestAheadReadsMeanwhile(t *testing.T) {
	for _, last := range []bool{false, true} {
		src := &aheadSource{Rows: numbered(30)}
		f := fromSource(t, Settings{}, src, 10, 5) // three buffers
		f.SetLast(last)
		begin(t, f)
		src.waitFor(t, 20)
		for range 5 {
			if _, _, _, err := next(context.Background(), f); err != nil {
				t.Fatal(err)
			}
		}
		if !last {
			src.waitFor(t, 40)
		}
		f.Close()
		want := int64(30)
		if !last {
			want = 40
		}
		if got := src.count.Load(); got != want {
			t.Errorf("last epoch %v: %d rows were read, want %d", last, got, want)
		}
	}
}

// TestAheadErrors: an error in a buffer that was read ahead comes when that buffer is needed,
// with the State before it, and not at all if it is not needed.
func TestAheadErrors(t *testing.T) {
	before := runtime.NumGoroutine()
	gone := errors.New("disk gone")
	var reads atomic.Int64
	x := numbered(30)
	failing := func() *aheadSource {
		reads.Store(0)
		return &aheadSource{Rows: x, before: func(lo, hi int) error {
			if reads.Add(1) > 25 { // in the third buffer of ten reads
				return gone
			}
			return nil
		}}
	}
	f := fromSource(t, Settings{}, failing(), 10, 4)
	if err := f.Begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	batches := 0
	for {
		state := f.State()
		_, _, _, err := next(context.Background(), f)
		if err == nil {
			batches++
			continue
		}
		if !errors.Is(err, gone) || !strings.Contains(err.Error(), "reading the rows ") || batches != 4 {
			t.Errorf("error %v after %d batches, want 4", err, batches)
		}
		checkSameState(t, f.State(), state)
		break
	}
	f.Close()

	f = fromSource(t, Settings{}, failing(), 10, 4)
	begin(t, f)
	for range 3 {
		if _, _, _, err := next(context.Background(), f); err != nil {
			t.Errorf("a batch before the error: %v", err)
		}
	}
	f.Close()
	checkGoroutines(t, before)
}

// TestAheadStops: a context that is done, and Close, end the reading after the ReadRows under
// way.
func TestAheadStops(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, how := range []string{"context", "Close"} {
		held, began := make(chan struct{}), make(chan struct{}, 100)
		src := &aheadSource{Rows: numbered(30)}
		f := fromSource(t, Settings{}, src, 10, 5)
		ctx, cancel := context.WithCancel(context.Background())
		if err := f.Begin(ctx); err != nil {
			t.Fatal(err)
		}
		src.before = func(lo, hi int) error {
			began <- struct{}{}
			<-held
			return nil
		}
		if _, _, _, err := next(ctx, f); err != nil {
			t.Fatal(err)
		}
		<-began // the second buffer is being read
		if how == "context" {
			cancel()
		}
		closed := make(chan struct{})
		go func() {
			f.Close()
			close(closed)
		}()
		select {
		case <-closed:
			t.Errorf("%s: Close does not wait for ReadRows", how)
		case <-time.After(20 * time.Millisecond):
		}
		close(held)
		<-closed
		if got := src.count.Load(); how == "context" && got != 11 { // the first buffer, and the row under way
			t.Errorf("%d rows were read, want 11", got)
		}
		cancel()
	}
	done, cancel := context.WithCancel(context.Background())
	f := fromSource(t, Settings{}, &aheadSource{Rows: numbered(30)}, 10, 10)
	begin(t, f)
	cancel()
	if _, _, _, err := next(done, f); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	f.Close()
	checkGoroutines(t, before)
}

// aheadPair is a pair that may be read by several goroutines at once.
type aheadPair struct {
	*aheadSource
	inputs int
}

func (s aheadPair) Inputs() int { return s.inputs }

// TestPairsStream: each target comes with its input, with the limit and what is sampled by the
// inputs, in memory or not, read ahead or not.
func TestPairsStream(t *testing.T) {
	const rows = 60
	x := matrix.New(rows, 3) // inputs of two numbers, targets of one
	for i := range rows {
		copy(x.Row(i), []float64{float64(i + 1), 1, -1000 * float64(i+1)})
	}
	copy(x.Row(7), []float64{1e6, 1, -1e9})
	var orders [][]float64
	for _, buffer := range []int{60, 17} {
		for _, src := range []data.Source{pairSource{&rowSource{Rows: x}, 2}, aheadPair{&aheadSource{Rows: x}, 2}} {
			f := fromSource(t, Settings{Seed: 2, MaxNorm: 100}, src, buffer, 8)
			if err := f.Begin(context.Background()); err != nil {
				t.Fatal(err)
			}
			var order []float64
			for f.InEpoch() {
				x, y, _, err := next(context.Background(), f)
				if err != nil || x.Cols != 2 || y.Cols != 1 {
					t.Fatalf("%d inputs, %d targets, error %v", x.Cols, y.Cols, err)
				}
				for i := range x.Rows {
					order = append(order, x.Row(i)[0])
					if y.Row(i)[0] != -1000*x.Row(i)[0] {
						t.Errorf("input %v has the target %v", x.Row(i), y.Row(i))
					}
				}
			}
			if len(order) != rows-1 || f.LeftOut() != 1 {
				t.Errorf("%d samples, %d left out", len(order), f.LeftOut())
			}
			if some := inputs(t, f, 20); some.Cols != 2 || some.Rows < 10 || some.Row(3)[1] != 1 {
				t.Errorf("inputs are %v", some)
			}
			f.Close()
			orders = append(orders, order)
		}
	}
	if !slices.Equal(orders[0], orders[1]) || !slices.Equal(orders[2], orders[3]) {
		t.Error("reading ahead changes the order")
	}
}

// TestEachAhead: the same rows and errors in the same order; the next rows are read while some
// are in use, and nothing is being read at the end.
func TestEachAhead(t *testing.T) {
	before := runtime.NumGoroutine()
	x := random(1, 100, 3)
	src := &aheadSource{Rows: x}
	table, err := Check(src, 3, 3)
	if err != nil {
		t.Fatal(err)
	}
	var got []float64
	err = table.Each(33, func(lo int, x, _ matrix.Rows) error {
		src.waitFor(t, int64(min(lo+66, 100))) // without a further call
		got = append(got, values(x)...)
		return nil
	})
	if err != nil || !slices.Equal(got, x.Data) {
		t.Errorf("error %v, %d numbers", err, len(got))
	}
	gone, fails := errors.New("disk gone"), errors.New("fails")
	src.before = func(lo, _ int) error {
		if lo == 66 {
			return gone
		}
		return nil
	}
	for _, c := range []struct {
		failAt, calls int
		want          error
	}{{-1, 2, gone}, {33, 2, fails}, {0, 1, fails}} {
		calls := 0
		err := table.Each(33, func(lo int, _, _ matrix.Rows) error {
			calls++
			if lo == c.failAt {
				return fails
			}
			return nil
		})
		if !errors.Is(err, c.want) || calls != c.calls {
			t.Errorf("error %v after %d calls, want %v after %d", err, calls, c.want, c.calls)
		}
	}
	if err := table.Each(200, func(int, matrix.Rows, matrix.Rows) error { return fails }); !errors.Is(err, fails) {
		t.Errorf("a single chunk: error %v", err)
	}
	checkGoroutines(t, before)
}

// TestErrorsNameTheOrigin of a row that is not finite, where the source knows it.
func TestErrorsNameTheOrigin(t *testing.T) {
	x := random(1, 10, 3)
	x.Row(4)[2] = math.NaN()
	table, err := Check(named{&rowSource{Rows: x}}, 3, 3)
	if err != nil {
		t.Fatal(err)
	}
	var m matrix.Rows
	if _, _, err := table.Read(&m, 2, 9); !errors.Is(err, fault.ErrNotFinite) || !strings.HasSuffix(err.Error(), "row 4, column 2 (line 14 of x.csv)") {
		t.Errorf("error %v", err)
	}
}

// named is a source that knows where rows come from.
type named struct{ *rowSource }

func (named) Origin(int) string { return "line 14 of x.csv" }
