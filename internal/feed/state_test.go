package feed

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

func checkSameState(t testing.TB, got, want State) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("state %+v, want %+v", got, want)
	}
}

// makers make the same Feed again and again: one of samples in memory and several
// that stream, with other sizes of buffer and batch and rows that are left out.
func makers(t testing.TB) map[string]func() *Feed {
	x := random(1, 60, 3)
	stream := func(s Settings, buffer, batch int) func() *Feed {
		return func() *Feed { return fromSource(t, s, &rowSource{Rows: x}, buffer, batch) }
	}
	return map[string]func() *Feed{
		"memory": func() *Feed {
			f := fromMemory(Settings{Seed: 1, MaxNorm: 3}, x, x)
			if _, _, err := f.HoldOut(0.2); err != nil {
				t.Fatal(err)
			}
			f.SetBatchSize(7)
			return f
		},
		"source that fits": stream(Settings{Seed: 2}, 60, 7),
		"stream":           stream(Settings{Seed: 3}, 25, 7),
		"large batches":    stream(Settings{Seed: 4}, 5, 13),
		"norms":            stream(Settings{Seed: 5, MaxNorm: 3}, 10, 4),
		"many left out":    stream(Settings{Seed: 6, MaxNorm: 1}, 2, 3),
		"read ahead":       func() *Feed { return fromSource(t, Settings{Seed: 7}, &aheadSource{Rows: x}, 25, 7) },
	}
}

// TestRestore: from the State after each batch, another Feed goes on with the batches
// that followed, and is in the States that followed.
func TestRestore(t *testing.T) {
	ctx := context.Background()
	for name, newFeed := range makers(t) {
		t.Run(name, func(t *testing.T) {
			type step struct {
				x      []float64
				before State
				after  State
			}
			var steps []step
			next := func(f *Feed) step {
				if !f.InEpoch() {
					if err := f.Begin(ctx); err != nil {
						t.Fatal(err)
					}
				}
				before := f.State()
				x, _, _, err := next(ctx, f)
				if err != nil {
					t.Fatal(err)
				}
				return step{values(x), before, f.State()}
			}
			for f := newFeed(); len(steps) < 40; {
				steps = append(steps, next(f))
			}
			for i, s := range steps[:len(steps)-5] {
				for _, from := range []State{s.before, s.after} {
					f := newFeed()
					if err := f.Begin(ctx); err != nil {
						t.Fatal(err)
					}
					if err := f.Restore(ctx, from); err != nil {
						t.Fatalf("step %d: %v", i, err)
					}
					checkSameState(t, f.State(), from)
					follow := steps[i:]
					if reflect.DeepEqual(from, s.after) {
						follow = steps[i+1:]
					}
					for _, want := range follow[:4] {
						got := next(f)
						if !slices.Equal(got.x, want.x) {
							t.Fatalf("restored at step %d: batch %v, want %v", i, got.x, want.x)
						}
						checkSameState(t, got.after, want.after)
					}
				}
			}
		})
	}
}

// TestRestoreBetweenEpochs: that the last buffer of one epoch had more rows within
// MaxNorm's limit than the first one of the next has does not matter.
func TestRestoreBetweenEpochs(t *testing.T) {
	ctx := context.Background()
	x := numbered(20)
	for i := range x.Data {
		x.Data[i] = 1 + float64(i%2)*1e-3
		if i%4 == 0 {
			x.Data[i] = 50
		}
	}
	met := false
	for seed := range uint64(20) {
		newFeed := func() *Feed { return fromSource(t, Settings{Seed: seed, MaxNorm: 10}, &rowSource{Rows: x}, 10, 20) }
		f := newFeed()
		epoch(t, f)
		s, want := f.State(), flat(epoch(t, f))
		g := newFeed()
		if err := g.Begin(ctx); err != nil {
			t.Fatal(err)
		}
		met = met || s.Used > len(g.order)
		if err := g.Restore(ctx, s); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		checkSameState(t, g.State(), s)
		if got := flat(epoch(t, g)); !slices.Equal(got, want) {
			t.Errorf("seed %d: the epoch is %v, want %v", seed, got, want)
		}
	}
	if !met {
		t.Error("no seed has the case")
	}
}

// TestRestoreAfterAnError: the State after an error is that before, and another Feed
// goes on from it as if there had been no error.
func TestRestoreAfterAnError(t *testing.T) {
	fails := errors.New("disk gone")
	for _, batch := range []int{4, 13} { // one of the two takes several buffers
		x := random(1, 30, 6)
		src := &rowSource{Rows: x}
		src.before = func(_, _ int) error {
			if len(src.reads) > 25 {
				return fails
			}
			return nil
		}
		f := fromSource(t, Settings{}, src, 10, batch)
		if err := f.Begin(context.Background()); err != nil {
			t.Fatal(err)
		}
		var err error
		var before State
		batches := 0
		for {
			before = f.State()
			if _, _, _, err = next(context.Background(), f); err != nil {
				break
			}
			batches++
		}
		// The third buffer, rows 21 to 30, fails: 20 rows are used. A batch that ends
		// there is not taken, for whether it is the epoch's last is not known.
		if want := 19 / batch; !errors.Is(err, fails) || !strings.Contains(err.Error(), "reading the rows ") || batches != want {
			t.Errorf("error %v after %d batches, want %d", err, batches, want)
		}
		checkSameState(t, f.State(), before)

		want := fromSource(t, Settings{}, &rowSource{Rows: x}, 10, batch)
		all := epoch(t, want)
		g := fromSource(t, Settings{}, &rowSource{Rows: x}, 10, batch)
		if err := g.Begin(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := g.Restore(context.Background(), f.State()); err != nil {
			t.Fatal(err)
		}
		rows, _, _, err := next(context.Background(), g)
		if err != nil || !slices.Equal(values(rows), all[batches]) {
			t.Errorf("the next batch is %v, error %v, want %v", values(rows), err, all[batches])
		}
	}
}

// TestRestoreHostile: a State that this Feed cannot have had.
func TestRestoreHostile(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name   string
		feed   string
		change func(s *State)
		says   string
	}{
		{"a sample twice", "memory", func(s *State) { s.Order[3] = s.Order[4] }, "each sample once"},
		{"a sample beyond the data", "memory", func(s *State) { s.Order[3] = 60 }, "each sample once"},
		{"a sample of another size", "memory", func(s *State) { s.Order[3] += 1 << 32 }, "each sample once"},
		{"a sample less", "memory", func(s *State) { s.Order = s.Order[1:] }, "each sample once"},
		{"a sample more", "memory", func(s *State) { s.Order = append(s.Order, 60) }, "each sample once"},
		{"no samples", "memory", func(s *State) { s.Order = nil }, "each sample once"},
		{"a place beyond the data", "memory", func(s *State) { s.Used = 61 }, "61 of buffer 0"},
		{"a negative place", "memory", func(s *State) { s.Used = -1 }, "-1 of buffer 0"},
		{"left out less than none", "memory", func(s *State) { s.LeftOut = -1 }, "is not there"},
		{"an order", "stream", func(s *State) { s.Order = []int64{0, 1, 2} }, "each sample once"},
		{"a buffer beyond the data", "stream", func(s *State) { s.Buffer = 3 }, "of buffer 3"},
		{"a huge buffer", "stream", func(s *State) { s.Buffer = math.MaxInt }, "is not there"},
		{"a negative buffer", "stream", func(s *State) { s.Buffer = -1 }, "of buffer -1"},
		{"a place beyond the buffer", "stream", func(s *State) { s.Used = 26 }, "26 of buffer 0"},
	} {
		f := makers(t)[c.feed]()
		if err := f.Begin(ctx); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := next(ctx, f); err != nil {
			t.Fatal(err)
		}
		s := f.State()
		c.change(&s)
		if err := f.Restore(ctx, s); !errors.Is(err, fault.ErrFormat) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error is %v, want Format that says %q", c.name, err, c.says)
		}
	}
}

// TestRestoreReadErrors: the error of a source whose buffer is to be filled again.
func TestRestoreReadErrors(t *testing.T) {
	src := &rowSource{Rows: random(1, 30, 6)}
	f := fromSource(t, Settings{}, src, 10, 4)
	if err := f.Begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	fails := errors.New("disk gone")
	src.before = func(_, _ int) error { return fails }
	if err := f.Restore(context.Background(), f.State()); !errors.Is(err, fails) {
		t.Errorf("error is %v, want that of the source", err)
	}
}

// TestStateIsACopy: what follows does not change it.
func TestStateIsACopy(t *testing.T) {
	f := fromMemory(Settings{}, numbered(30), matrix.New(30, 1))
	f.SetBatchSize(30)
	s := f.State()
	before := slices.Clone(s.Order)
	epoch(t, f)
	if !slices.Equal(s.Order, before) {
		t.Error("the order in a State has changed")
	}
}
