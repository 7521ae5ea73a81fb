package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// awkward32 draws float32 whose sums and products often lie in the middle between two
// float32, next to it, or below the smallest normal one.
func awkward32(r *rand.Rand) float32 {
	e := []int{-149, -126, -75, -63, -24, -12, 0, 1, 12, 24}[r.IntN(10)]
	v := math.Ldexp(float64(1<<23+[]int{0, 1, 2, 1 << 22, 1<<23 - 1, r.IntN(1 << 23)}[r.IntN(6)]), e-23)
	if r.IntN(2) == 0 {
		v = -v
	}
	return float32(v)
}

// TestDoubtful: a sum that is not doubtful rounds to the float32 next to the exact one,
// and the test has seen sums that do not.
func TestDoubtful(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 42))
	doubts, wrong := 0, 0
	for range 300000 {
		x, y, z := awkward32(r), awkward32(r), awkward32(r)
		s := float64(float64(x)*float64(y)) + float64(z)
		got, want := float32(s), exactFMA32(x, y, z)
		switch {
		case doubtful(s):
			doubts++
			if got != want {
				wrong++
			}
		case got != want:
			t.Fatalf("%x*%x + %x: %x is not doubtful, but rounds to %x in place of %x", x, y, z, s, got, want)
		}
	}
	if wrong == 0 || doubts > 200000 {
		t.Errorf("%d sums are doubtful, %d of them wrong", doubts, wrong)
	}
	if doubtful(0) || doubtful(math.Copysign(0, -1)) || !doubtful(0x1p-127) || !doubtful(1+0x1p-24) {
		t.Error("0 is doubtful, or a subnormal or a middle is not")
	}
}

// TestDoubtfulTiles: tiles in which many sums are doubtful, at each place of a tile.
func TestDoubtfulTiles(t *testing.T) {
	r := rand.New(rand.NewPCG(43, 44))
	for range 3000 {
		steps := r.IntN(6)
		a, b := make([]plainRows, steps), make([]plainCols, steps)
		var got, want plainTile
		for e := range got {
			got[e] = float64(awkward32(r))
		}
		want = got
		for p := range steps {
			for i := range a[p] {
				a[p][i] = float64(awkward32(r))
			}
			for j := range b[p] {
				b[p][j] = float64(awkward32(r))
			}
			for e := range want {
				want[e] = float64(exactFMA32(float32(a[p][e/2]), float32(b[p][e%2]), float32(want[e])))
			}
		}
		chainTile32(&got, a, b)
		compare(t, "tile", got[:], want[:])
	}
}
