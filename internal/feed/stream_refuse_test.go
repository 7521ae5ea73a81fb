package feed

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// TestFromSourceErrors: what is found before the first epoch or, of a source that
// streams, when that begins.
func TestFromSourceErrors(t *testing.T) {
	fails, unfit := errors.New("disk gone"), errors.New("not in 0 to 1")
	with := func(i, j int, v float64) *rowSource {
		x := random(1, 100, 6)
		x.Row(i)[j] = v
		return &rowSource{Rows: x}
	}
	failing := func() *rowSource {
		return &rowSource{Rows: random(1, 100, 6), before: func(_, _ int) error { return fails }}
	}
	refuse := func(x, y matrix.Rows, first int) error {
		return fault.Errorf(unfit, "from row %d on: %d x %d, one matrix: %v", first, y.Rows, y.Cols, matrix.Same(x, y))
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name   string
		src    data.Source
		buffer int
		check  func(x, y matrix.Rows, first int) error
		ctx    context.Context
		want   error
		says   string
	}{
		{name: "nil", want: fault.ErrEmpty, says: "source is nil"},
		{name: "empty", src: &rowSource{}, want: fault.ErrEmpty, says: "0 x 0"},
		{name: "negative", src: &endless{rows: -5, cols: 6}, want: fault.ErrEmpty, says: "-5 x 6"},
		{name: "too wide", src: &rowSource{Rows: random(1, 100, 7)}, want: fault.ErrShape, says: "source has 7 columns, want 6"},
		{name: "no buffer", src: &endless{rows: 9, cols: 6}, buffer: -1, want: fault.ErrRange, says: "a buffer of -1 rows"},
		{name: "buffer of too much", src: &endless{rows: math.MaxInt, cols: 6}, buffer: math.MaxInt, want: fault.ErrRange, says: "too large"},
		{name: "buffers of too little", src: &endless{rows: math.MaxInt, cols: 6}, buffer: 1, want: fault.ErrRange, says: "too large"},
		{name: "fails, fits", src: failing(), buffer: 200, want: fails, says: "rows 0 to 100 "},
		{name: "fails", src: failing(), buffer: 10, want: fails, says: "of the source: disk gone"},
		{name: "NaN, fits", src: with(71, 3, math.NaN()), buffer: 200, want: fault.ErrNotFinite, says: "source holds NaN at row 71, column 3"},
		{name: "Inf", src: with(0, 5, math.Inf(-1)), buffer: 99, want: fault.ErrNotFinite, says: "source holds -Inf at row 0, column 5"},
		{name: "refused, fits", src: with(0, 0, 0), buffer: 200, check: refuse, want: unfit, says: "from row 0 on: 100 x 6, one matrix: true"},
		{name: "refused", src: with(0, 0, 0), buffer: 1, check: refuse, want: unfit, says: ": 1 x 6, one matrix: true"},
		{name: "cancelled, fits", src: with(0, 0, 0), buffer: 200, ctx: done, want: context.Canceled, says: "canceled"},
		{name: "cancelled", src: with(0, 0, 0), buffer: 10, ctx: done, want: context.Canceled, says: "canceled"},
	} {
		ctx, buffer := context.Background(), c.buffer
		if c.ctx != nil {
			ctx = c.ctx
		}
		if buffer == 0 {
			buffer = 1 << 16
		}
		var f *Feed
		table, err := Check(c.src, 6, 6)
		if err == nil {
			f, err = FromSource(ctx, Settings{}, table, buffer, c.check)
		}
		if err == nil && f.Streams() {
			err = f.Begin(ctx)
		} else if f != nil {
			t.Errorf("%s: there is a feed", c.name)
		}
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error is %v, want %v that says %q", c.name, err, c.want, c.says)
		}
	}
	f := fromSource(t, Settings{}, with(0, 0, 0), 99, 1)
	if _, _, err := f.HoldOut(0.1); !errors.Is(err, fault.ErrRange) || !strings.Contains(err.Error(), "100 rows do not fit in the Buffer: use Validation.X") {
		t.Errorf("held out of more than fits: error is %v", err)
	}
}

// changing is a Source that grows or shrinks after some calls of Dims.
type changing struct {
	rowSource
	calls, cols int
}

func (s *changing) Dims() (rows, cols int) {
	if s.calls++; s.calls > 3 {
		return 100, s.cols
	}
	return 100, 6
}

func (s *changing) ReadRows(dst []float64, lo, hi int) error {
	clear(dst)
	return nil
}

// TestSourceThatChanges its columns, or its rows to some that are all left out.
func TestSourceThatChanges(t *testing.T) {
	for _, cols := range []int{5, 7} {
		f := fromSource(t, Settings{}, &changing{cols: cols}, 10, 1)
		if err := f.Begin(context.Background()); !errors.Is(err, fault.ErrShape) || !strings.Contains(err.Error(), "it was 100 x 6") {
			t.Errorf("%d columns: error is %v", cols, err)
		}
	}
	x := random(1, 100, 6)
	f := fromSource(t, Settings{MaxNorm: 2}, &rowSource{Rows: x}, 10, 4)
	epoch(t, f)
	for i := range x.Data {
		x.Data[i] = 1e9
	}
	if err := f.Begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	before := f.State()
	if _, _, _, err := next(context.Background(), f); !errors.Is(err, fault.ErrEmpty) || !strings.Contains(err.Error(), "rows have changed") {
		t.Errorf("rows that are all too long: error is %v", err)
	}
	checkSameState(t, f.State(), before)
}
