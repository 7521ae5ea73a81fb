package ksparse_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

func TestCodesAreAMatrix(t *testing.T) {
	c, err := ksparse.NewCodes(4, [][]int32{{1, 3}, {}, {0}}, [][]float64{{2, -1}, {}, {5}})
	if err != nil {
		t.Fatal(err)
	}
	want := mat.NewDense(3, 4, []float64{0, 2, 0, -1, 0, 0, 0, 0, 5, 0, 0, 0})
	if !mat.Equal(c, want) || !mat.Equal(c.Dense(), want) || !mat.Equal(c.T(), want.T()) {
		t.Errorf("the codes are %v, want %v", mat.Formatted(c), mat.Formatted(want))
	}
	var product mat.Dense // gonum takes them like any matrix
	product.Mul(c, mat.NewDense(4, 1, []float64{1, 10, 100, 1000}))
	if product.At(0, 0) != 20-1000 || product.At(2, 0) != 5 {
		t.Errorf("the product is %v", product.RawMatrix().Data)
	}
	if m := c.Mask(); !m.At(0, 3) || m.At(1, 3) || m.Count() != 3 {
		t.Errorf("the mask has %d entries", m.Count())
	}
	// Values are live, for steering.
	_, values := c.Row(0)
	values[0] = 7
	if c.At(0, 1) != 7 {
		t.Error("a value written to a row is not in the codes")
	}
	for _, at := range [][2]int{{-1, 0}, {3, 0}, {0, -1}, {0, 4}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("At(%d, %d) did not panic, as a mat.Matrix must", at[0], at[1])
				}
			}()
			c.At(at[0], at[1])
		}()
	}
}

// TestCodesPrefix keeps the latents below n, copied.
func TestCodesPrefix(t *testing.T) {
	c, err := ksparse.NewCodes(4, [][]int32{{1, 3}, {}, {0}}, [][]float64{{2, -1}, {}, {5}})
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int][]float64{
		-1: make([]float64, 12),
		0:  make([]float64, 12),
		1:  {0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0},
		3:  {0, 2, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0},
		4:  {0, 2, 0, -1, 0, 0, 0, 0, 5, 0, 0, 0},
		99: {0, 2, 0, -1, 0, 0, 0, 0, 5, 0, 0, 0},
	} {
		p := c.Prefix(n)
		if !mat.Equal(p, mat.NewDense(3, 4, want)) {
			t.Errorf("Prefix(%d) is %v", n, mat.Formatted(p))
		}
		if indices, values := p.Row(2); len(indices) > 0 {
			values[0] = 99
		}
	}
	if c.At(2, 0) != 5 {
		t.Error("a prefix shares its values with the codes")
	}
}

// TestStrings: values print their size and kind.
func TestStrings(t *testing.T) {
	c, err := ksparse.NewCodes(4, [][]int32{{1, 3}, {}, {0}}, [][]float64{{2, -1}, {}, {5}})
	if err != nil {
		t.Fatal(err)
	}
	net := deepNetwork(t)
	frozen, err := net.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	const layers = " 9 -> 20 (tanh) -> 40 (topk, k = 8, relu) -> 30 (topk, k = 5, sigmoid) -> 12 (elu) -> 9"
	for _, s := range []struct {
		value fmt.Stringer
		want  string
	}{
		{c, "codes of 3 samples by 4 latents, 3 entries"},
		{c.Mask(), "mask of 3 x 4, 3 selected"},
		{net, "network" + layers},
		{frozen, "frozen network" + layers},
		{smallNetworks(t)[1], "network 2 -> 4 (topk, k = 2) -> 3, skip connection"},
		{smallNetworks(t)[2], "network 2 -> 4 (topk, k = 1), pre-bias, layer_norm, no decoder"},
		{smallNetworks(t)[3], "network 2 -> 4 (threshold, k = 0, relu) -> 2, tied, unit_rms"},
	} {
		if got := s.value.String(); got != s.want {
			t.Errorf("%T is %q, want %q", s.value, got, s.want)
		}
	}
}

func TestNewCodesErrors(t *testing.T) {
	for _, c := range []struct {
		what    string
		latents int
		indices [][]int32
		values  [][]float64
		want    error
	}{
		{"rows differ", 4, [][]int32{{1}}, nil, ksparse.ErrShape},
		{"lengths differ", 4, [][]int32{{1}}, [][]float64{{1, 2}}, ksparse.ErrShape},
		{"no latents", 0, nil, nil, ksparse.ErrRange},
		{"not ascending", 4, [][]int32{{2, 1}}, [][]float64{{1, 2}}, ksparse.ErrRange},
		{"twice the same", 4, [][]int32{{2, 2}}, [][]float64{{1, 2}}, ksparse.ErrRange},
		{"too large", 4, [][]int32{{4}}, [][]float64{{1}}, ksparse.ErrRange},
		{"negative", 4, [][]int32{{-1}}, [][]float64{{1}}, ksparse.ErrRange},
		{"NaN", 4, [][]int32{{1}}, [][]float64{{math.NaN()}}, ksparse.ErrNotFinite},
	} {
		if _, err := ksparse.NewCodes(c.latents, c.indices, c.values); !errors.Is(err, c.want) {
			t.Errorf("%s: error is %v, want %v", c.what, err, c.want)
		}
	}
}
