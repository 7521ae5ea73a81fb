package codefile

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
)

// halves returns all finite IEEE halves that are not negative, by their definition, in order.
func halves() []float64 {
	var all []float64
	for h := range 0x7c00 {
		exponent, fraction := h>>10, float64(h&0x3ff)
		if exponent == 0 {
			all = append(all, math.Ldexp(fraction, -24))
		} else {
			all = append(all, math.Ldexp(1024+fraction, exponent-25))
		}
	}
	return all
}

// nearestHalf rounds v by looking for it among all halves.
func nearestHalf(all []float64, v float64) float64 {
	a := math.Abs(v)
	i := sort.SearchFloat64s(all, a)
	if i == len(all) {
		i--
	}
	if i > 0 {
		below, above := a-all[i-1], all[i]-a // exact, for halves have few bits: else one is clearly less
		if below < above || below == above && i%2 == 1 {
			i--
		}
	}
	return math.Copysign(all[i], v)
}

// TestFloat16: every half stays what it is; numbers between two go to the nearest, of those half way to the one
// with an even last bit.
func TestFloat16(t *testing.T) {
	all := halves()
	for h, v := range all {
		for _, sign := range []float64{1, -1} {
			bits, kept := float16(sign * v)
			if want := uint16(h) | uint16(math.Float64bits(math.Copysign(1, sign))>>48)&0x8000; v != 0 && (bits != want || kept != sign*v) {
				t.Fatalf("%v is kept as %#x, %v", sign*v, bits, kept)
			}
		}
		if h+1 == len(all) {
			break
		}
		middle := (v + all[h+1]) / 2
		even := h + h%2
		for _, c := range []struct {
			v    float64
			want int
		}{{middle, even}, {math.Nextafter(middle, 0), h}, {math.Nextafter(middle, 1e9), h + 1}, {math.Nextafter(all[h+1], 0), h + 1}} {
			if bits, kept := float16(c.v); int(bits) != c.want || kept != all[c.want] || nearestHalf(all, c.v) != kept {
				t.Fatalf("%v is kept as %#x, %v; want %#x, %v", c.v, bits, kept, c.want, all[c.want])
			}
		}
	}
	for v, fits := range map[float64]bool{65504: true, math.Nextafter(65520, 0): true, 65520: false, 1e300: false, -65520: false} {
		if bits, kept := float16(v); math.IsInf(kept, 0) == fits || fits && bits != 0x7bff {
			t.Errorf("%v is kept as %#x, %v", v, bits, kept)
		}
	}
}

// TestRoundTrip: all kinds of files give the codes that were written, with values rounded as they say, in one
// part or in many.
func TestRoundTrip(t *testing.T) {
	all := halves()
	half := func(v float64) float64 { return nearestHalf(all, v) }
	single := func(v float64) float64 { return float64(float32(v)) }
	exact := func(v float64) float64 { return v }
	for _, c := range []struct {
		rows, latents, k int
	}{{1, 1, 0}, {1, 1, 1}, {40, 300, 0}, {40, 300, 5}, {40, 65536, 3}, {40, 65537, 3}, {30, math.MaxInt32, 0}, {9, 8, 8}} {
		for _, p := range []struct {
			precision Precision
			largest   float64
			round     func(float64) float64
		}{{Float64, math.MaxFloat64, exact}, {Float32, math.MaxFloat32, single}, {Float16, 65504, half}} {
			codes := someCodes(t, 3, c.rows, c.latents, c.k, p.largest)
			want := rounded(codes, p.round)
			sizes := [][2]int{{100, 20}, {1 << 16, 1 << 21}, {7, 1 << 21}, {1, 1}}
			if testing.Short() {
				sizes = sizes[:1]
			}
			for _, size := range sizes {
				small(t, size[0], size[1])
				f := opened(t, written(t, "c.ksc", codes, Options{Values: p.precision}))
				t.Run(fmt.Sprint(c, p.precision, size), func(t *testing.T) { sameCodes(t, f, want) })
			}
		}
		codes := someCodes(t, 4, c.rows, c.latents, c.k, math.MaxFloat64)
		for _, name := range []string{"c.npz", "C.JSONL"} {
			var src Source = opened(t, written(t, name, codes, Options{}))
			if name == "C.JSONL" {
				var err error
				src, err = Widen(src, c.latents)
				must(t, err)
			}
			t.Run(fmt.Sprint(c, name), func(t *testing.T) { sameCodes(t, src, withoutZeros(t, codes)) })
		}
	}
}

// withoutZeros returns codes without the entries that are zero.
func withoutZeros(t *testing.T, c *ksparse.Codes) *ksparse.Codes {
	t.Helper()
	rows, latents := c.Dims()
	indices, values := make([][]int32, rows), make([][]float64, rows)
	for i := range rows {
		l, v := c.Row(i)
		for e := range l {
			if v[e] != 0 {
				indices[i], values[i] = append(indices[i], l[e]), append(values[i], v[e])
			}
		}
	}
	n, err := ksparse.NewCodes(latents, indices, values)
	must(t, err)
	return n
}

// TestSummary: the figures are those of the values.
func TestSummary(t *testing.T) {
	c, err := ksparse.NewCodes(9, [][]int32{{0, 3, 5}, {}, {1, 2, 8}}, [][]float64{{1, 0, 1 + 0x1p-11}, {}, {0x1p-24 * 1.25, -3, 0x1p-20}})
	must(t, err)
	path := filepath.Join(t.TempDir(), "c.ksc")
	var steps []int
	got, err := Write(context.Background(), path, FromCodes(c), Options{Values: Float16, Progress: func(done, rows int) { steps = append(steps, done, rows) }})
	must(t, err)
	want := Summary{Rows: 3, Latents: 9, Entries: 5, Error: 0x1p-11 / (1 + 0x1p-11), Small: 1} // 1 + 2^-11 goes to 1, which is even
	if got != want || !slices.Equal(steps, []int{3, 3}) {
		t.Errorf("%+v, %v, want %+v", got, steps, want)
	}
	if text := opened(t, path).String(); text != "1 .ksc file, float16 values, 3 rows of 9 latents, 6 entries" {
		t.Error(text)
	}
	got, err = Write(context.Background(), path, FromCodes(c), Options{})
	must(t, err)
	if want := (Summary{Rows: 3, Latents: 9, Entries: 5}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestDecodes: codes of rows that were normalised decode to the same bits once they were on disk.
func TestDecodes(t *testing.T) {
	net, x := model(t, 50)
	codes, err := net.Encode(x)
	must(t, err)
	want, err := net.Decode(codes)
	must(t, err)
	small(t, 7, 1<<21)
	f := opened(t, written(t, "c.ksc", codes, Options{}))
	var got ksparse.Codes
	for _, r := range [][2]int{{0, 50}, {3, 20}, {49, 50}} {
		must(t, f.ReadCodes(&got, r[0], r[1]))
		out, err := net.Decode(&got)
		must(t, err)
		if !mat.Equal(out, want.Slice(r[0], r[1], 0, 6)) {
			t.Errorf("rows %v decode to others", r)
		}
	}
	plain, err := ksparse.NewCodes(20, [][]int32{{1}}, [][]float64{{1}})
	must(t, err)
	if _, err := Append(context.Background(), f.parts[0].path, FromCodes(plain), Options{}); !errors.Is(err, ksparse.ErrShape) {
		t.Errorf("codes of rows that were not normalised are appended: %v", err)
	}
	if _, err := Open(f.parts[0].path, written(t, "p.ksc", plain, Options{})); !errors.Is(err, ksparse.ErrShape) {
		t.Errorf("they are joined: %v", err)
	}
}

// TestJoin: several files of several kinds are one, and the parts of two .ksc files in one file too.
func TestJoin(t *testing.T) {
	small(t, 10, 1<<21)
	a, b, c := someCodes(t, 1, 25, 40, 0, 100), someCodes(t, 2, 13, 40, 4, 100), someCodes(t, 3, 7, 40, 0, 100)
	pa, pb := written(t, "a.ksc", a, Options{}), written(t, "b.ksc", b, Options{Values: Float64})
	both := writeFile(t, "both", append(readFile(t, pa), readFile(t, pb)...))
	sameCodes(t, opened(t, both), joined(t, a, b))
	b, c = withoutZeros(t, b), withoutZeros(t, c)
	f := opened(t, pa, written(t, "b.jsonl", b, Options{}), written(t, "c.npz", c, Options{}))
	sameCodes(t, f, joined(t, a, b, c))
	if text := f.String(); !strings.HasPrefix(text, "3 files, 45 rows of 40 latents, ") {
		t.Error(text)
	}
	must(t, f.Close())
	var got ksparse.Codes
	if err := f.ReadCodes(&got, 0, 1); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, _, err := f.ReadRow(nil, nil, 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	wide := written(t, "w.ksc", someCodes(t, 1, 2, 41, 0, 1), Options{})
	if _, err := Open(pa, wide); !errors.Is(err, ksparse.ErrShape) || !strings.Contains(err.Error(), "41 latents") {
		t.Errorf("40 and 41 latents: %v", err)
	}
	lines := writeFile(t, "x.jsonl", []byte("{\"latents\":[],\"values\":[]}\n\n{\"latents\":[40],\"values\":[1]}\n"))
	if _, err := Open(lines, pa); !errors.Is(err, ksparse.ErrShape) || !strings.Contains(err.Error(), "x.jsonl: line 3 has latent 40, want latents from 0 to 39") {
		t.Errorf("a line with the latent 40 beside 40 latents: %v", err)
	}
	if _, latents := opened(t, wide, lines).Dims(); latents != 41 {
		t.Errorf("%d latents", latents)
	}
}

// TestWiden: what is too narrow is named.
func TestWiden(t *testing.T) {
	f := opened(t, writeFile(t, "x.jsonl", []byte("{\"latents\":[3],\"values\":[1]}\n{\"latents\":[5,2],\"values\":[-0.5,1e1]}")))
	src, err := Widen(f, 100)
	must(t, err)
	want, err := ksparse.NewCodes(100, [][]int32{{3}, {2, 5}}, [][]float64{{1}, {10, -0.5}})
	must(t, err)
	sameCodes(t, src, want)
	if _, err := Widen(f, 5); !errors.Is(err, ksparse.ErrShape) || !strings.Contains(err.Error(), "line 2 has latent 5") {
		t.Error(err)
	}
	if _, err := Widen(FromCodes(want), 99); !errors.Is(err, ksparse.ErrShape) {
		t.Error(err)
	}
	if _, err := Widen(f, 0); !errors.Is(err, ksparse.ErrRange) {
		t.Error(err)
	}
	if same, err := Widen(f, 6); err != nil || same != Source(f) {
		t.Error(same, err)
	}
}
