package ksparse_test

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
)

// TestCodesJSON: the text is the one that is documented, and reading it gives the same bits.
func TestCodesJSON(t *testing.T) {
	values := [][]float64{{0.5, math.Copysign(0, -1)}, {}, {-math.MaxFloat64, math.SmallestNonzeroFloat64, 1e21}}
	c, err := ksparse.NewCodes(1000, [][]int32{{3, 17}, {}, {0, 500, 999}}, values)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"latents":1000,"rows":[{"latents":[3,17],"values":[0.5,-0]},{"latents":[],"values":[]},` +
		`{"latents":[0,500,999],"values":[-1.7976931348623157e+308,5e-324,1e+21]}]}`
	if string(text) != want {
		t.Errorf("%s, want %s", text, want)
	}
	read := new(ksparse.Codes)
	if err := json.Unmarshal(text, read); err != nil {
		t.Fatal(err)
	}
	for i, row := range values {
		indices, got := read.Row(i)
		wantIndices, _ := c.Row(i)
		same := func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }
		if !slices.Equal(indices, wantIndices) || !slices.EqualFunc(got, row, same) {
			t.Errorf("row %d is %v %v", i, indices, got)
		}
	}
	if rows, latents := read.Dims(); rows != 3 || latents != 1000 {
		t.Errorf("%d x %d", rows, latents)
	}
	values[0][0] = 1 // NewCodes copies
	_, live := c.Row(0)
	live[0] = math.NaN()
	if _, err := c.MarshalJSON(); !errors.Is(err, ksparse.ErrNotFinite) || !strings.Contains(err.Error(), "row 0") {
		t.Errorf("NaN: %v", err)
	}
}

// TestCodesJSONDecodes: codes of rows that were normalised decode to the same rows.
func TestCodesJSONDecodes(t *testing.T) {
	net, err := ksparse.New(ksparse.Config{Inputs: 4, Latents: 9, K: 2, Normalization: ksparse.LayerNorm})
	if err != nil {
		t.Fatal(err)
	}
	codes, err := net.Encode(mat.NewDense(2, 4, []float64{1, 2, 3, 5, -100, 7, 40, 1e6}))
	if err != nil {
		t.Fatal(err)
	}
	text, err := codes.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	read := new(ksparse.Codes)
	if err := read.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	want, err := net.Decode(codes)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := net.Decode(read); err != nil || !mat.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

// TestCodesJSONEdges: nil, null and codes of nothing.
func TestCodesJSONEdges(t *testing.T) {
	var none *ksparse.Codes
	if text, err := none.MarshalJSON(); err != nil || string(text) != "null" {
		t.Errorf("nil: %s, %v", text, err)
	}
	text, err := new(ksparse.Codes).MarshalJSON()
	if err != nil || string(text) != `{"latents":0,"rows":[]}` {
		t.Errorf("no codes: %s, %v", text, err)
	}
	c, err := ksparse.NewCodes(3, [][]int32{{1}}, [][]float64{{2}})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte("null"), c); err != nil || c.At(0, 1) != 2 {
		t.Errorf("null: %v, %v", c, err)
	}
	if err := c.UnmarshalJSON(text); err != nil {
		t.Error(err)
	}
	if rows, latents := c.Dims(); rows != 0 || latents != 0 {
		t.Errorf("codes of nothing are read as %v", c)
	}
}

// TestCodesJSONRefused: what is not codes, and what breaks their rules, leaves c as it was.
func TestCodesJSONRefused(t *testing.T) {
	for text, cause := range map[string]error{
		``: ksparse.ErrFormat, `[]`: ksparse.ErrFormat, `{"latents":5}`: ksparse.ErrFormat, `{"latents":5,"rows":[],"x":1}`: ksparse.ErrFormat,
		`{"latents":5,"rows":[]} {}`:                              ksparse.ErrFormat,
		`{"latents":5,"rows":[{"latents":[1],"values":[null]}]}`:  ksparse.ErrFormat,
		`{"latents":5,"rows":[{"latents":[1.5],"values":[1]}]}`:   ksparse.ErrFormat,
		`{"latents":5,"rows":[{"latents":[1],"values":[1e999]}]}`: ksparse.ErrFormat,
		`{"latents":5,"rows":[],"mean":[1],"spread":[1]}`:         ksparse.ErrFormat,
		`{"latents":5,"rows":[{"latents":[5],"values":[1]}]}`:     ksparse.ErrRange,
		`{"latents":5,"rows":[{"latents":[2,1],"values":[1,1]}]}`: ksparse.ErrRange,
		`{"latents":5,"rows":[{"latents":[2],"values":[1,1]}]}`:   ksparse.ErrShape,
		`{"latents":-5,"rows":[]}`:                                ksparse.ErrRange,
		`{"latents":0,"rows":[{"latents":[],"values":[]}]}`:       ksparse.ErrRange,
	} {
		c, err := ksparse.NewCodes(3, [][]int32{{1}}, [][]float64{{2}})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.UnmarshalJSON([]byte(text)); !errors.Is(err, cause) {
			t.Errorf("%s: %v, want %v", text, err, cause)
		}
		if c.At(0, 1) != 2 {
			t.Errorf("%s: the codes are %v", text, c)
		}
	}
}
