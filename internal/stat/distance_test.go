package stat

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSquaredDistance has lengths around one block and several. The bits must not
// depend on whether the difference is asked for.
func TestSquaredDistance(t *testing.T) {
	for _, n := range []int{0, 1, 7, 255, 256, 257, 512, 1000} {
		m := normal(rand.New(rand.NewPCG(uint64(n), 1)), 2, n)
		a, b, difference := m.Row(0), m.Row(1), make([]float64, n)
		want := 0.0
		for j := range a {
			want += (a[j] - b[j]) * (a[j] - b[j])
		}
		got := SquaredDistance(nil, a, b)
		if math.Abs(got-want) > 1e-13*want {
			t.Errorf("%d numbers: %v, want %v", n, got, want)
		}
		if again := SquaredDistance(difference, a, b); again != got {
			t.Errorf("%d numbers: %v with the difference, %v without", n, again, got)
		}
		for j, d := range difference {
			if d != a[j]-b[j] {
				t.Fatalf("%d numbers: difference %d is %v, want %v", n, j, d, a[j]-b[j])
			}
		}
	}
}
