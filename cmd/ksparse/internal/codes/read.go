package codes

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/npy"
	"github.com/ksparse/ksparse/internal/tensor"
)

// Codes are those of a file, in memory.
type Codes struct {
	Latents int    // of a .npz file; of JSON lines, which do not say it, as many as are needed
	Where   string // of JSON lines: the line with the last of them, "line 3"
	Indices [][]int32
	Values  [][]float64
}

// Read reads the codes in the file at path.
func Read(path string) (*Codes, error) {
	kind, err := Kind(path)
	if err != nil {
		return nil, err
	}
	read := readJSONL
	if kind == ".npz" {
		read = readNpz
	}
	c, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(c.Indices) == 0 {
		return nil, fmt.Errorf("%s holds no codes", path)
	}
	return c, nil
}

// mostLine is how long a line may be, in bytes.
const mostLine = 64 << 20

// readJSONL reads JSON lines. Empty ones are passed over.
func readJSONL(path string) (*Codes, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only
	c := new(Codes)
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 1<<16), mostLine)
	for number := 1; lines.Scan(); number++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		known := c.Latents
		if err := c.addLine(text); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if c.Latents > known {
			c.Where = fmt.Sprintf("line %d", number)
		}
	}
	return c, lines.Err()
}

// addLine takes in the code of a row.
func (c *Codes) addLine(text []byte) error {
	var row struct {
		Latents []int32    `json:"latents"`
		Values  []*float64 `json:"values"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&row); err != nil {
		return fmt.Errorf("it is no JSON object of latents and values: %v", err)
	}
	if row.Latents == nil || row.Values == nil || d.More() {
		return fmt.Errorf("it is no JSON object of latents and values")
	}
	values := make([]float64, len(row.Values))
	for i, v := range row.Values {
		if v == nil {
			return fmt.Errorf("value %d is null", i)
		}
		values[i] = *v
	}
	for _, j := range row.Latents {
		if int(j) >= c.Latents {
			c.Latents = int(j) + 1
		}
	}
	return c.add(row.Latents, values)
}

// add takes in the code of a row, whose latents may stand in any order.
func (c *Codes) add(latents []int32, values []float64) error {
	if len(latents) != len(values) {
		return fmt.Errorf("there are %d latents and %d values", len(latents), len(values))
	}
	if !slices.IsSorted(latents) {
		order := make([]int, len(latents))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return int(latents[a]) - int(latents[b]) })
		sorted, moved := make([]int32, len(order)), make([]float64, len(order))
		for i, from := range order {
			sorted[i], moved[i] = latents[from], values[from]
		}
		latents, values = sorted, moved
	}
	for i, j := range latents {
		switch {
		case j < 0:
			return fmt.Errorf("there is the latent %d, want 0 or more", j)
		case i > 0 && j == latents[i-1]:
			return fmt.Errorf("the latent %d is there twice", j)
		case values[i]-values[i] != 0:
			return fmt.Errorf("the value of latent %d is %v", j, values[i])
		}
	}
	c.Indices, c.Values = append(c.Indices, latents), append(c.Values, values)
	return nil
}

// readNpz reads the file of scipy.sparse.save_npz with a CSR matrix.
func readNpz(path string) (*Codes, error) {
	if err := wantCSR(path); err != nil {
		return nil, err
	}
	a, err := npy.OpenArchive(path)
	if err != nil {
		return nil, err
	}
	defer a.Close() // read only
	lists := make(map[string][]float64)
	for _, name := range []string{"shape", "indptr", "indices", "data"} {
		t, err := a.Tensor(name)
		if err != nil {
			return nil, fmt.Errorf("it is no CSR matrix of scipy: %w", err)
		}
		if lists[name], err = vector(t); err != nil {
			return nil, fmt.Errorf("array %q: %w", name, err)
		}
	}
	return fromCSR(lists["shape"], lists["indptr"], lists["indices"], lists["data"])
}

// wantCSR returns an error where the archive does not say that it holds a CSR matrix.
func wantCSR(path string) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer z.Close() // read only
	f, err := z.Open("format.npy")
	if err != nil {
		return fmt.Errorf("it is no matrix of scipy.sparse.save_npz: it has no array %q", "format")
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1024))
	if err != nil {
		return err
	}
	if !bytes.HasSuffix(bytes.ReplaceAll(text, []byte{0}, nil), []byte("csr")) { // in ASCII or in UTF-32
		return fmt.Errorf("it holds a sparse matrix of another format than csr: convert it with .tocsr()")
	}
	return nil
}

// vector returns the numbers of an array of one dimension.
func vector(t *tensor.Tensor) ([]float64, error) {
	if len(t.Shape()) != 1 {
		return nil, fmt.Errorf("it has the shape %v, want one dimension", t.Shape())
	}
	return t.Float64s()
}

// fromCSR makes codes of the parts of a CSR matrix.
func fromCSR(shape, indptr, indices, values []float64) (*Codes, error) {
	if len(shape) != 2 || shape[0] < 0 || shape[1] < 1 || shape[1] > math.MaxInt32 || float64(len(indptr)) != shape[0]+1 {
		return nil, fmt.Errorf("its shape is %v, and indptr has %d numbers", shape, len(indptr))
	}
	if len(indices) != len(values) || indptr[0] != 0 || indptr[len(indptr)-1] != float64(len(values)) {
		return nil, fmt.Errorf("indptr goes from %v to %v, for %d indices and %d values", indptr[0], indptr[len(indptr)-1], len(indices), len(values))
	}
	c := &Codes{Latents: int(shape[1])}
	for i := range len(indptr) - 1 {
		lo, hi := indptr[i], indptr[i+1]
		if !(lo <= hi && hi <= float64(len(values))) {
			return nil, fmt.Errorf("row %d goes from %v to %v", i, lo, hi)
		}
		latents := make([]int32, 0, int(hi-lo))
		for _, j := range indices[int(lo):int(hi)] {
			if !(j >= 0 && j < shape[1]) {
				return nil, fmt.Errorf("row %d has the latent %v, want 0 to %v", i, j, shape[1]-1)
			}
			latents = append(latents, int32(j))
		}
		if err := c.add(latents, values[int(lo):int(hi)]); err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
	}
	return c, nil
}

// A Decoder makes rows of codes: a *ksparse.Network or a *ksparse.Frozen.
type Decoder interface {
	Out() int
	Decode(c *ksparse.Codes) (*mat.Dense, error)
}

// Decoded is a data.Source of the rows that a model makes of codes.
type Decoded struct {
	Model   Decoder
	Codes   *Codes
	Latents int // of the model
}

// Dims returns the number of codes, and of the model's outputs.
func (d *Decoded) Dims() (rows, cols int) { return len(d.Codes.Indices), d.Model.Out() }

// ReadRows decodes the codes lo to hi.
func (d *Decoded) ReadRows(dst []float64, lo, hi int) error {
	if lo == hi {
		return nil
	}
	c, err := ksparse.NewCodes(d.Latents, d.Codes.Indices[lo:hi], d.Codes.Values[lo:hi])
	if err != nil {
		return fmt.Errorf("rows from %d on: %w", lo, err)
	}
	out, err := d.Model.Decode(c)
	if err != nil {
		return err
	}
	_, cols := d.Dims()
	for i := range hi - lo {
		copy(dst[i*cols:(i+1)*cols], out.RawRowView(i))
	}
	return nil
}
