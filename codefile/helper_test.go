package codefile

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/raw"
)

// must fails the test where there is an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sameBits reports whether two numbers are the same, signs of zeros too.
func sameBits(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }

// sameRow checks that row i of got is row j of want.
func sameRow(t testing.TB, got *ksparse.Codes, i int, want *ksparse.Codes, j int) {
	t.Helper()
	latents, values := got.Row(i)
	wantLatents, wantValues := want.Row(j)
	if !slices.Equal(latents, wantLatents) || !slices.EqualFunc(values, wantValues, sameBits) {
		t.Fatalf("row %d is %v %v, want row %d: %v %v", i, latents, values, j, wantLatents, wantValues)
	}
}

// sameCodes checks that src has the codes want, read at once, in ranges and row by row.
func sameCodes(t testing.TB, src Source, want *ksparse.Codes) {
	t.Helper()
	rows, latents := want.Dims()
	if r, l := src.Dims(); r != rows || l != latents {
		t.Fatalf("%d x %d, want %d x %d", r, l, rows, latents)
	}
	var got ksparse.Codes
	rng := rand.New(rand.NewPCG(5, 5))
	ranges := [][2]int{{0, rows}, {0, 0}, {rows, rows}}
	for range 20 {
		lo := rng.IntN(rows + 1)
		ranges = append(ranges, [2]int{lo, lo + rng.IntN(rows-lo+1)})
	}
	for _, r := range ranges {
		must(t, src.ReadCodes(&got, r[0], r[1]))
		if n, l := got.Dims(); n != r[1]-r[0] || l != latents {
			t.Fatalf("rows %v are %d x %d", r, n, l)
		}
		for i := range r[1] - r[0] {
			sameRow(t, &got, i, want, r[0]+i)
		}
	}
	f, isFile := src.(*File)
	if !isFile {
		return
	}
	for i := range rows {
		before, beforeValues := []int32{-7}, []float64{7}
		l, v, err := f.ReadRow(before, beforeValues, i)
		must(t, err)
		wantLatents, wantValues := want.Row(i)
		if l[0] != -7 || v[0] != 7 || !slices.Equal(l[1:], wantLatents) || !slices.EqualFunc(v[1:], wantValues, sameBits) {
			t.Fatalf("row %d alone is %v %v, want %v %v", i, l, v, wantLatents, wantValues)
		}
	}
}

// someCodes returns random codes: of k entries a row, or where k is 0 of up to 9. Values go up to about
// largest; some are 0, -0, tiny, or equal to others.
func someCodes(t testing.TB, seed uint64, rows, latents, k int, largest float64) *ksparse.Codes {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	indices, values := make([][]int32, rows), make([][]float64, rows)
	for i := range rows {
		n := k
		if k == 0 {
			n = rng.IntN(min(10, latents+1))
		}
		chosen := map[int32]bool{}
		for len(chosen) < n {
			j := rng.Int32N(int32(latents))
			if len(chosen) == 0 && rng.IntN(4) == 0 {
				j = int32(latents - 1)
			}
			chosen[j] = true
		}
		for j := range chosen {
			indices[i] = append(indices[i], j)
		}
		slices.Sort(indices[i])
		for range n {
			v := rng.NormFloat64()
			switch rng.IntN(8) {
			case 0:
				v = []float64{0, math.Copysign(0, -1), 1, -1, largest, -largest, math.SmallestNonzeroFloat64, 0x1p-1022, 0x1p-24, 3e-8, 0x1p-149}[rng.IntN(11)]
			case 1:
				v *= largest / 64
			}
			values[i] = append(values[i], max(-largest, min(largest, v)))
		}
	}
	c, err := ksparse.NewCodes(latents, indices, values)
	must(t, err)
	return c
}

// small makes parts small, until the test ends.
func small(t testing.TB, rows, entries int) {
	beforeRows, beforeEntries := mostRows, mostEntries
	mostRows, mostEntries = rows, entries
	t.Cleanup(func() { mostRows, mostEntries = beforeRows, beforeEntries })
}

// written writes codes to a new file of that name and returns its path.
func written(t testing.TB, name string, c *ksparse.Codes, o Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	_, err := Write(context.Background(), path, FromCodes(c), o)
	must(t, err)
	return path
}

// opened opens files until the test ends.
func opened(t testing.TB, paths ...string) *File {
	t.Helper()
	f, err := Open(paths...)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// joined returns the rows of all codes.
func joined(t testing.TB, all ...*ksparse.Codes) *ksparse.Codes {
	t.Helper()
	var indices [][]int32
	var values [][]float64
	latents := 0
	for _, c := range all {
		rows, cols := c.Dims()
		latents = cols
		for i := range rows {
			l, v := c.Row(i)
			indices, values = append(indices, l), append(values, v)
		}
	}
	c, err := ksparse.NewCodes(latents, indices, values)
	must(t, err)
	return c
}

// readFile returns the bytes of a file.
func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// writeFile writes a file and returns its path.
func writeFile(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, b, 0o600))
	return path
}

// seal sets the checksums of a file of one part, by the description of the format alone. sums is where
// those of the sections are.
func seal(b []byte, sums int) {
	le, table := binary.LittleEndian, crc32.MakeTable(crc32.Castagnoli)
	for lo, at := 64, sums; lo < sums; lo, at = lo+65536, at+4 {
		le.PutUint32(b[at:], crc32.Checksum(b[lo:min(lo+65536, sums)], table))
	}
	le.PutUint32(b[60:], crc32.Checksum(b[:60], table))
}

// rounded returns codes with values changed by f.
func rounded(c *ksparse.Codes, f func(float64) float64) *ksparse.Codes {
	r := c.Prefix(math.MaxInt32)
	entries, _ := raw.Codes(r)
	for i, v := range entries.Values {
		entries.Values[i] = f(v)
	}
	return r
}
