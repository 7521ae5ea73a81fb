package sparse

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/matrix"
)

// someCodes returns codes, of values times scale, and the same rows dense.
func someCodes(seed uint64, rows, cols int, share, scale float64) (Rows, Rows) {
	rng := rand.New(rand.NewPCG(seed, 1))
	c := new(Codes)
	c.Clear(cols)
	m := matrix.New(rows, cols)
	for i := range rows {
		for j := range cols {
			if i%4 == 3 || rng.Float64() >= share {
				continue
			}
			v := scale * rng.NormFloat64()
			c.Indices, c.Values = append(c.Indices, int32(j)), append(c.Values, v)
			m.Row(i)[j] = v
		}
		c.EndRow()
	}
	return Rows{Codes: c}, Rows{Dense: m}
}

// equal reports whether two rows, one in either form, have the same numbers.
func equal(a, b Rows) bool {
	if a.Len() != b.Len() || a.Cols() != b.Cols() || a.MaxAbs() != b.MaxAbs() {
		return false
	}
	for i := range a.Len() {
		if !slices.Equal(a.Row(i, a.Spare()), b.Row(i, b.Spare())) || a.RowMaxAbs(i) != b.RowMaxAbs(i) {
			return false
		}
	}
	return true
}

// TestRowsInBothForms: all that is done to rows has the same numbers in both forms.
func TestRowsInBothForms(t *testing.T) {
	for _, c := range []struct {
		rows, cols int
		share      float64
	}{{1, 1, 1}, {7, 3, 0.5}, {40, 33, 0.1}, {9, 100, 1}, {5, 6, 0}} {
		codes, dense := someCodes(3, c.rows, c.cols, c.share, 1)
		if !equal(codes, dense) {
			t.Errorf("%+v: other rows", c)
		}
		var part Codes
		for lo := range c.rows {
			for hi := lo + 1; hi <= c.rows; hi++ {
				if got := codes.Slice(lo, hi, &part); !equal(got, dense.Slice(lo, hi, nil)) || got.Codes.Offsets[0] != 0 || len(got.Codes.Values) != got.Codes.Offsets[hi-lo] {
					t.Errorf("%+v: other rows %d to %d", c, lo, hi)
				}
			}
		}
		order := rand.New(rand.NewPCG(1, 1)).Perm(c.rows)
		if a, b := codes.Gathered(matrix.Rows{}, order), dense.Gathered(matrix.Rows{}, order); !slices.Equal(a.Data, b.Data) {
			t.Errorf("%+v: other rows gathered", c)
		}
		for _, most := range []int{1, 2, 5, 1000} {
			if !equal(Rows{Dense: codes.Spread(most)}, Rows{Dense: dense.Spread(most)}) {
				t.Errorf("%+v: other rows of %d", c, most)
			}
		}
		var a, b Rows
		for range 2 { // the second time in memory that is there
			a.Empty(codes, c.rows)
			b.Empty(dense, c.rows)
			for len(order) > 0 {
				n := min(3, len(order))
				a.Add(codes, order[:n])
				b.Add(dense, order[:n])
				order = order[n:]
			}
			if !equal(a, b) {
				t.Errorf("%+v: other rows added", c)
			}
			order = []int{0}
		}
		own := codes.Clone()
		if !equal(own, codes) || own.Overlaps(codes.Codes.Values) || len(codes.Codes.Values) > 0 && !codes.Overlaps(codes.Codes.Values[:0]) {
			t.Errorf("%+v: a copy is not one", c)
		}
	}
}

// TestSqueezed: the norm of a squeezed row is that of the row, to the bit, also where squares overflow or
// underflow.
func TestSqueezed(t *testing.T) {
	for _, scale := range []float64{1, 1e-170, 1e160, 0x1p-1060, 1e300} {
		for _, cols := range []int{1, 7, 8, 9, 31, 500} {
			for _, share := range []float64{0.01, 0.2, 1} {
				codes, dense := someCodes(9, 50, cols, share, scale)
				spare := codes.Spare()
				for i := range codes.Len() {
					got, want := matrix.Norm(codes.Squeezed(i, spare)), matrix.Norm(dense.Row(i, nil))
					if math.Float64bits(got) != math.Float64bits(want) {
						t.Fatalf("%v, %d columns, row %d: norm %v, want %v", scale, cols, i, got, want)
					}
				}
			}
		}
	}
	codes, _ := someCodes(1, 100, 4000, 0.005, 1)
	if n := len(codes.Squeezed(0, codes.Spare())); n > 8*40 {
		t.Errorf("a row of 4000 with some 20 entries is %d long", n)
	}
}
