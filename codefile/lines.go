package codefile

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/lines"
	"github.com/ksparse/ksparse/internal/mapped"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/sparse"
)

// writeLines writes a line of JSON for each row.
func writeLines(w io.Writer, in *input) error {
	var line []byte
	return in.eachRow(func(latents []int32, values []float64) error {
		line = append(sparse.AppendJSON(line[:0], latents, values), '\n')
		_, err := w.Write(line)
		return err
	})
}

// linesFile is the rows of JSON lines.
type linesFile struct {
	text    *lines.File
	entries int64
	latents int // the largest one, and 1
	place   int // the line in which it is, from 1
	spare   sync.Pool
}

// jsonRow is the memory for what a line says.
type jsonRow struct{ latents, values []float64 }

// openLines finds the rows of JSON lines, each of which it checks. Empty lines are passed over.
func openLines(file *mapped.File, _ string) (fileCodes, error) {
	f := &linesFile{text: lines.New(file, file.Size()), latents: 1, place: 1}
	f.spare.New = func() any { return new(jsonRow) }
	begin, err := f.text.Start()
	if err != nil {
		return nil, err
	}
	var row jsonRow
	var code sparse.Codes
	err = f.text.Index(begin, 1, func(r *lines.Reader, line []byte) error {
		if err := lines.CheckJSON(line); err != nil {
			return err
		}
		code.Clear(math.MaxInt32)
		if err := row.read(&code, line); err != nil {
			return err
		}
		n := len(code.Indices)
		f.entries += int64(n)
		if n > 0 && int(code.Indices[n-1]) >= f.latents {
			f.latents, f.place = int(code.Indices[n-1])+1, r.Line()
		}
		return nil
	})
	return f, err
}

// about returns what is known of the codes.
func (f *linesFile) about() about {
	return about{kind: "JSON lines", rows: f.text.Rows, latents: f.latents, entries: f.entries, atLeast: fmt.Sprintf("line %d", f.place)}
}

// read appends the rows lo to hi.
func (f *linesFile) read(to *sparse.Codes, _ *normal.Scales, lo, hi int) error {
	row := f.spare.Get().(*jsonRow)
	defer f.spare.Put(row)
	return f.text.Read(lo, hi, func(_ *lines.Reader, _ int, line []byte) error { return row.read(to, line) })
}

// read appends the row of a line, which has been checked to be JSON.
func (r *jsonRow) read(to *sparse.Codes, line []byte) error {
	if first := bytes.TrimLeft(line, " \t"); len(first) == 0 || first[0] != '{' {
		return fmt.Errorf("%.40q is not an object with latents and values", line)
	}
	var latents, values []byte
	err := lines.Fields(line, func(name, value []byte) error {
		switch field := string(name); {
		case field == `"latents"` && latents == nil:
			latents = value
		case field == `"values"` && values == nil:
			values = value
		default:
			return fmt.Errorf("there is a field %.40s, want latents and values, each once", name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := fault.First(list("latents", latents), list("values", values)); err != nil {
		return err
	}
	if r.latents, err = lines.Numbers(r.latents[:0], latents); err != nil {
		return fault.Errorf(err, "latents: %s", fault.Text(err))
	}
	if r.values, err = lines.Numbers(r.values[:0], values); err != nil {
		return fault.Errorf(err, "values: %s", fault.Text(err))
	}
	return appendRow(to, r.latents, r.values, math.MaxInt32)
}
