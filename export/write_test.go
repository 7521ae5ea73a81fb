package export_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/export"
)

// must fails the test where there is an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newCodes makes codes.
func newCodes(t testing.TB, latents int, indices [][]int32, values [][]float64) *ksparse.Codes {
	t.Helper()
	c, err := ksparse.NewCodes(latents, indices, values)
	must(t, err)
	return c
}

// randomCodes makes codes with zeros, ties, and values that are tiny, denormal as float32, or large.
func randomCodes(t testing.TB, rows, latents, most int) *ksparse.Codes {
	r := rand.New(rand.NewPCG(uint64(rows), uint64(latents)))
	indices, values := make([][]int32, rows), make([][]float64, rows)
	awkward := []float64{0, 1, 1, 1e-60, 3e-46, 1e-40, 0x1p-126, 0x1p-127, 60000, 0.1, 1.0 / 3, 1e-7, 40000.001}
	for i := range rows {
		for range r.IntN(min(most, latents) + 1) {
			indices[i] = append(indices[i], int32(r.IntN(latents)))
		}
		slices.Sort(indices[i])
		indices[i] = slices.Compact(indices[i])
		for range indices[i] {
			v := math.Abs(r.NormFloat64())
			if r.IntN(3) == 0 {
				v = awkward[r.IntN(len(awkward))]
			}
			values[i] = append(values[i], v)
		}
	}
	return newCodes(t, latents, indices, values)
}

// expected returns what an engine that takes float32 down to least should be given, by the numbers of the rows from first on.
func expected(c *ksparse.Codes, first int64, least float32) map[int64]code {
	rows, _ := c.Dims()
	all := make(map[int64]code)
	for i := range rows {
		all[first+int64(i)] = make(code)
		latents, values := c.Row(i)
		for t, j := range latents {
			if v := float32(values[t]); v >= least || -v >= least {
				all[first+int64(i)][int(j)] = v
			}
		}
	}
	return all
}

// least returns the smallest value that the engine of f is given.
func least(f export.Format) float32 {
	switch f {
	case export.Elasticsearch, export.OpenSearch, export.OpenSearchSeismic:
		return 0x1p-126
	}
	return math.SmallestNonzeroFloat32
}

// TestWrite: what is written reads back as the codes, in every format, whatever the number of rows, and the summary
// is what is counted.
func TestWrite(t *testing.T) {
	for _, size := range [][3]int{{1, 1, 1}, {1, 40, 40}, {3, 2, 2}, {1023, 30, 7}, {1024, 50, 3}, {1025, 200, 9}, {2500, 32768, 16}} {
		if testing.Short() && size[0] > 1025 {
			continue
		}
		c := randomCodes(t, size[0], size[1], size[2])
		for _, f := range export.Formats() {
			var b bytes.Buffer
			o := export.Options{Field: "latents", FirstID: 1 << 40, Batch: 700}
			s, err := f.Write(context.Background(), &b, codefile.FromCodes(c), o)
			must(t, err)
			got, want := readers[f](t, b.Bytes(), "latents"), expected(c, o.FirstID, least(f))
			if f == export.Seismic {
				maps.DeleteFunc(want, func(_ int64, c code) bool { return len(c) == 0 })
			}
			if !maps.EqualFunc(got, want, maps.Equal) {
				t.Errorf("%s %v: %d rows read back, and others than the %d written", f, size, len(got), len(want))
			}
			checkSummary(t, f, c, s)
		}
	}
}

// checkSummary checks a summary against the codes.
func checkSummary(t *testing.T, f export.Format, c *ksparse.Codes, s export.Summary) {
	t.Helper()
	var want export.Summary
	want.Rows, want.Latents = c.Dims()
	all := expected(c, 0, least(f))
	for i := range want.Rows {
		latents, values := c.Row(i)
		row := all[int64(i)]
		want.Entries += int64(len(row))
		want.Longest = max(want.Longest, len(row))
		if len(row) == 0 {
			want.Empty++
		}
		for t, j := range latents {
			v, ok := row[int(j)]
			switch {
			case !ok && values[t] != 0:
				want.Tiny++
			case ok:
				want.Largest = max(want.Largest, math.Abs(float64(v)))
				want.Error = max(want.Error, math.Abs(float64(v)-values[t])/math.Abs(values[t]))
			}
		}
	}
	if math.Abs(s.Error-want.Error) > 1e-9*want.Error {
		t.Errorf("%s: the error is %v, want %v", f, s.Error, want.Error)
	}
	s.Error, want.Error = 0, 0
	if s != want {
		t.Errorf("%s: %+v, want %+v", f, s, want)
	}
}

// TestNegative: the engines that take negative values get them.
func TestNegative(t *testing.T) {
	c := newCodes(t, 9, [][]int32{{1, 8}, {}}, [][]float64{{-0.25, 3}, {}})
	for _, f := range []export.Format{export.Qdrant, export.PGVector, export.PGVectorBinary} {
		var b bytes.Buffer
		s, err := f.Write(context.Background(), &b, codefile.FromCodes(c), export.Options{})
		must(t, err)
		if got, want := readers[f](t, b.Bytes(), "code"), expected(c, 0, least(f)); !maps.EqualFunc(got, want, maps.Equal) {
			t.Errorf("%s: %v, want %v", f, got, want)
		}
		checkSummary(t, f, c, s)
	}
}

// TestBatches: a request of Qdrant has as many rows as asked for, the last one the rest, and none is far above 16 MB.
func TestBatches(t *testing.T) {
	c := randomCodes(t, 25, 10, 4)
	for batch, want := range map[int]int{0: 1, 1: 25, 7: 4, 25: 1, 26: 1} {
		var b bytes.Buffer
		_, err := export.Qdrant.Write(context.Background(), &b, codefile.FromCodes(c), export.Options{Batch: batch})
		must(t, err)
		if got := len(lines(t, b.Bytes())); got != want {
			t.Errorf("batches of %d: %d requests, want %d", batch, got, want)
		}
	}
	if testing.Short() {
		return
	}
	const entries = 1 << 18 // 5 MB a row
	indices, values := make([]int32, entries), make([]float64, entries)
	for j := range indices {
		indices[j], values[j] = int32(j), 1/float64(j+3)
	}
	var manyIndices [][]int32
	var manyValues [][]float64
	for range 5 {
		manyIndices, manyValues = append(manyIndices, indices), append(manyValues, values)
	}
	var b bytes.Buffer
	_, err := export.Qdrant.Write(context.Background(), &b, codefile.FromCodes(newCodes(t, entries, manyIndices, manyValues)), export.Options{})
	must(t, err)
	all := lines(t, b.Bytes())
	for _, line := range all {
		if len(line) > 22<<20 {
			t.Errorf("a request of %d bytes", len(line))
		}
	}
	if n := bytes.Count(b.Bytes(), []byte(`{"id":`)); len(all) < 2 || n != 5 {
		t.Errorf("%d requests of %d rows", len(all), n)
	}
}

// TestWriteFile: a file appears whole or not at all.
func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "codes.txt")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	bad := newCodes(t, 3, [][]int32{{0}, {1}}, [][]float64{{1}, {-2}})
	_, err := export.Milvus.WriteFile(context.Background(), path, codefile.FromCodes(bad), export.Options{})
	if !errors.Is(err, ksparse.ErrRange) || !strings.Contains(err.Error(), "row 1 has -2 for latent 1, and Milvus takes no values below 0") || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "old" {
		t.Errorf("after an error there is %q", text)
	}
	var progress [][2]int
	c := randomCodes(t, 1500, 8, 3)
	_, err = export.PGVector.WriteFile(context.Background(), path, codefile.FromCodes(c), export.Options{
		Progress: func(done, rows int) { progress = append(progress, [2]int{done, rows}) }})
	must(t, err)
	text, err := os.ReadFile(path)
	must(t, err)
	if n := len(readCopyText(t, text, "")); n != 1500 {
		t.Errorf("%d rows", n)
	}
	if !slices.Equal(progress, [][2]int{{1024, 1500}, {1500, 1500}}) {
		t.Errorf("progress %v", progress)
	}
	if _, err := export.PGVector.WriteFile(context.Background(), filepath.Join(path, "no folder"), codefile.FromCodes(c), export.Options{}); err == nil {
		t.Error("a file in a file is no error")
	}
}

// broken fails where it is written to after some bytes, or read after some rows.
type broken struct {
	codefile.Source
	left int
}

var errBroken = errors.New("broken")

// Write takes what is left.
func (w *broken) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

// ReadCodes fails from row left on.
func (w *broken) ReadCodes(dst *ksparse.Codes, lo, hi int) error {
	if hi > w.left {
		return errBroken
	}
	return w.Source.ReadCodes(dst, lo, hi)
}

// TestWriteStops: errors of the context, the source and the writer come back.
func TestWriteStops(t *testing.T) {
	c := codefile.FromCodes(randomCodes(t, 5000, 100, 20))
	ctx, cancel := context.WithCancel(context.Background())
	for _, f := range export.Formats() {
		if _, err := f.Write(context.Background(), &broken{left: 1000}, c, export.Options{}); err != errBroken {
			t.Errorf("%s: writer: %v", f, err)
		}
		if _, err := f.Write(context.Background(), io.Discard, &broken{c, 3000}, export.Options{}); err != errBroken {
			t.Errorf("%s: source: %v", f, err)
		}
	}
	o := export.Options{Progress: func(int, int) { cancel() }}
	if _, err := export.Seismic.Write(ctx, io.Discard, c, o); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestWriteGarbage: more rows make no more garbage.
func TestWriteGarbage(t *testing.T) {
	for _, f := range export.Formats() {
		allocs := func(rows int) float64 {
			src := codefile.FromCodes(randomCodes(t, rows, 64, 5))
			return testing.AllocsPerRun(2, func() {
				_, err := f.Write(context.Background(), io.Discard, src, export.Options{Batch: 100})
				must(t, err)
			})
		}
		if few, many := allocs(2000), allocs(8000); many > few+12 { // buffers that grow
			t.Errorf("%s: %v allocations for 2,000 rows, %v for 8,000", f, few, many)
		}
	}
}
