package codefile

import (
	"errors"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
)

// model returns a small network that normalises rows, and rows for it.
func model(t testing.TB, rows int) (*ksparse.Network, *mat.Dense) {
	t.Helper()
	net, err := ksparse.New(ksparse.Config{Inputs: 6, Latents: 20, K: 3, Normalization: ksparse.LayerNorm})
	must(t, err)
	r := rand.New(rand.NewPCG(1, 2))
	x := mat.NewDense(rows, 6, nil)
	for i := range rows {
		for j := range 6 {
			x.Set(i, j, r.NormFloat64())
		}
	}
	return net, x
}

// TestSources: codes that are read from memory, and codes of rows that are encoded as they are
// read, are those of Encode, and decode to the same bits.
func TestSources(t *testing.T) {
	net, x := model(t, 50)
	want, err := net.Encode(x)
	must(t, err)
	decoded, err := net.Decode(want)
	must(t, err)
	rows, err := data.FromMatrix(x)
	must(t, err)
	encoded, err := Encode(net, rows)
	must(t, err)
	var got ksparse.Codes
	for name, src := range map[string]Source{"memory": FromCodes(want), "encoded": encoded} {
		if n, latents := src.Dims(); n != 50 || latents != 20 {
			t.Errorf("%s: %d x %d", name, n, latents)
		}
		for _, r := range [][2]int{{0, 50}, {3, 4}, {7, 7}, {40, 50}, {0, 0}} {
			must(t, src.ReadCodes(&got, r[0], r[1]))
			if n, latents := got.Dims(); n != r[1]-r[0] || latents != 20 {
				t.Fatalf("%s: rows %v: %d x %d", name, r, n, latents)
			}
			for i := range r[1] - r[0] {
				sameRow(t, &got, i, want, r[0]+i)
			}
			if r[0] < r[1] {
				out, err := net.Decode(&got)
				must(t, err)
				if !mat.Equal(out, decoded.Slice(r[0], r[1], 0, 6)) {
					t.Errorf("%s: rows %v decode to others", name, r)
				}
			}
		}
		for _, r := range [][2]int{{-1, 2}, {3, 2}, {0, 51}} {
			if err := src.ReadCodes(&got, r[0], r[1]); !errors.Is(err, ksparse.ErrRange) {
				t.Errorf("%s: rows %v: error %v", name, r, err)
			}
		}
		if err := src.ReadCodes(nil, 0, 1); !errors.Is(err, ksparse.ErrEmpty) {
			t.Errorf("%s: nil: error %v", name, err)
		}
	}
	if err := FromCodes(want).ReadCodes(want, 0, 1); !errors.Is(err, ksparse.ErrShape) {
		t.Errorf("into itself: error %v", err)
	}
}
