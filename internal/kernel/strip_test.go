package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestStrips compares the results of all strips together with AddRows, Subtract, Dot and
// DotRows, which define them, and each strip with that in plain Go.
func TestStrips(t *testing.T) {
	for _, p := range fastPaths() {
		t.Run(p.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(31, 32))
			for i, s := range []struct{ rows, n, per int }{
				{1, 1, 1}, {3, 1, 2}, {40, 7, 12}, {60, 3, 5}, {100, 70, 25}, {90, 3, 700}, {5, 2, 0}, {300, 20, 40},
			} {
				for _, cols := range []int{1, 3, 7, 8, 9, 16, 31, 56, 63, 64, 65, 100, 128, 131, 200, 259, 513} {
					kind := kinds[(i+cols)%len(kinds)]
					offsets, idx := lists(r, s.rows, s.n, s.per)
					ldw, ldy := cols+r.IntN(3), cols+r.IntN(3)
					w, alpha := kind.slice(r, (s.rows-1)*ldw+cols), kind.slice(r, len(idx))
					bias, y := kind.slice(r, cols), kind.slice(r, (s.n-1)*ldy+cols)
					scale := 2 / float64(s.n)
					checkStrips(t, p, fmt.Sprintf("%s, %v, %d columns", kind.name, s, cols), cols, offsets, idx, w, alpha, ldw, bias, y, ldy, scale, slices.Clone[[]float64])
				}
			}
		})
	}
}

// checkStrips keeps all results in memory that in hands out.
func checkStrips(t *testing.T, p path, what string, cols int, offsets []int, idx []int32, w, alpha []float64, ldw int, bias, y []float64, ldy int, scale float64, in func([]float64) []float64) {
	t.Helper()
	old := active
	defer func() { active = old }()
	active = p
	n := len(offsets) - 1
	entries := offsets[n] - offsets[0]
	strips := NewStrips(cols, offsets, alpha, w, ldw, idx)
	gotDelta, gotLoss, lanes := in(make([]float64, n*cols)), in(make([]float64, n)), in(make([]float64, 8*entries))
	squares := in(make([]float64, 8*n))
	for at := 0; at < cols; at += StripCols {
		width := min(StripCols, cols-at)
		z, e := in(make([]float64, n*width)), in(make([]float64, n*width))
		strips.Decode(z, at, width, 0, n, bias)
		SquareStrip(e, squares, z, width, y[at:], ldy, scale)
		half := n / 2 // in two calls
		strips.Dot(lanes, gotDelta, e, width, at, width, 0, half)
		strips.Dot(lanes[8*(offsets[half]-offsets[0]):], gotDelta[half*cols:], e[half*width:], width, at, width, half, n)
	}
	gotBelow := in(make([]float64, entries))
	Fold(gotBelow, lanes)
	Fold(gotLoss, squares)

	wantDelta, wantLoss, wantBelow := make([]float64, n*cols), make([]float64, n), make([]float64, entries)
	for i := range n {
		from, to := offsets[i], offsets[i+1]
		row := wantDelta[i*cols : (i+1)*cols]
		addRowsGeneric(row, alpha[from:to], w, ldw, idx[from:to])
		addGeneric(row, row, bias)
		subtractGeneric(row, row, y[i*ldy:][:cols])
		wantLoss[i] = dotGeneric(row, row)
		scaleGeneric(row, scale)
		dotRowsGeneric(wantBelow[from-offsets[0]:to-offsets[0]], row, w, ldw, idx[from:to])
	}
	compare(t, what+": delta", gotDelta, wantDelta)
	compare(t, what+": loss", gotLoss, wantLoss)
	compare(t, what+": below", gotBelow, wantBelow)
}

// TestStripsRefuse: what would be read or written outside a slice panics.
func TestStripsRefuse(t *testing.T) {
	for _, p := range fastPaths() {
		old := active
		active = p
		two := func() Strips {
			return NewStrips(3, []int{0, 1, 2}, make([]float64, 2), make([]float64, 6), 3, []int32{0, 1})
		}
		for what, f := range map[string]func(){
			"an index too large": func() { NewStrips(3, []int{0, 1}, []float64{1}, make([]float64, 6), 3, []int32{2}) },
			"an index below 0":   func() { NewStrips(3, []int{0, 1}, []float64{1}, make([]float64, 6), 3, []int32{-1}) },
			"too few factors":    func() { NewStrips(3, []int{0, 1}, []float64{}, make([]float64, 6), 3, []int32{1}) },
			"offsets that fall": func() {
				NewStrips(3, []int{0, 2, 1}, make([]float64, 2), make([]float64, 6), 3, []int32{0, 1})
			},
			"no factors": func() {
				s := NewStrips(3, []int{0, 1}, nil, make([]float64, 6), 3, []int32{1})
				s.Decode(make([]float64, 3), 0, 3, 0, 1, make([]float64, 3))
			},
			"a short result":   func() { s := two(); s.Decode(make([]float64, 5), 0, 3, 0, 2, make([]float64, 3)) },
			"too few biases":   func() { s := two(); s.Decode(make([]float64, 6), 0, 3, 0, 2, make([]float64, 2)) },
			"too few lanes":    func() { s := two(); s.Dot(make([]float64, 15), make([]float64, 6), make([]float64, 6), 3, 0, 3, 0, 2) },
			"a short delta":    func() { s := two(); s.Dot(make([]float64, 16), make([]float64, 5), make([]float64, 6), 3, 0, 3, 0, 2) },
			"a short x":        func() { s := two(); s.Dot(make([]float64, 16), make([]float64, 6), make([]float64, 5), 3, 0, 3, 0, 2) },
			"columns beyond w": func() { s := two(); s.Decode(make([]float64, 6), 1, 3, 0, 2, make([]float64, 4)) },
			"a short target": func() {
				SquareStrip(make([]float64, 6), make([]float64, 16), make([]float64, 6), 3, make([]float64, 5), 3, 1)
			},
			"few square lanes": func() {
				SquareStrip(make([]float64, 6), make([]float64, 15), make([]float64, 6), 3, make([]float64, 6), 3, 1)
			},
			"few folded lanes": func() { Fold(make([]float64, 9), make([]float64, 71)) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: %s raised no panic", p.name, what)
					}
				}()
				f()
			}()
		}
		active = old
	}
}
