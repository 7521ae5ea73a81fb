package search

import (
	"hash/crc32"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// decoder is what the model makes of codes: the sum of the atoms of the latents, each times its value, and a bias.
type decoder struct {
	cols  int
	atoms []float32 // latents x cols
	bias  []float64
}

// newDecoder asks the model for its decoder: what it makes of no latent is the bias, and what it makes of one latent of
// value 1 is that and the atom. So a model may have any number of layers behind the codes: then it is
// what they do to one latent at a time.
func newDecoder(m Model, latents int) (*decoder, error) {
	const together = 512
	out := new(mat.Dense)
	decode := func(indices [][]int32, values [][]float64) error {
		c, err := ksparse.NewCodes(latents, indices, values)
		if err == nil {
			out.Reset()
			err = m.DecodeInto(out, c)
		}
		if err != nil {
			return fault.Errorf(err, "the model, asked for its decoder: %s", fault.Text(err))
		}
		return nil
	}
	if err := decode([][]int32{nil}, [][]float64{nil}); err != nil {
		return nil, err
	}
	d := &decoder{cols: m.In(), bias: append([]float64(nil), out.RawRowView(0)...)}
	if len(d.bias) != d.cols {
		return nil, fault.Errorf(fault.ErrShape, "the model gives %d numbers for rows of %d: nearest rows are searched with an autoencoder", len(d.bias), d.cols)
	}
	d.atoms = make([]float32, latents*d.cols)
	for lo := 0; lo < latents; lo += together {
		var indices [][]int32
		var values [][]float64
		for j := lo; j < min(lo+together, latents); j++ {
			indices, values = append(indices, []int32{int32(j)}), append(values, []float64{1})
		}
		if err := decode(indices, values); err != nil {
			return nil, err
		}
		for i := range indices {
			atom := d.atoms[(lo+i)*d.cols:][:d.cols]
			for p, v := range out.RawRowView(i) {
				if atom[p] = float32(v - d.bias[p]); math.IsInf(float64(atom[p]), 0) {
					return nil, fault.Errorf(fault.ErrRange, "the decoder of the model has %v for latent %d, which is too large for float32", v, lo+i)
				}
			}
		}
	}
	return d, nil
}

// checkModel returns an error where the first rows have other codes by the model than those that came with them. Values
// may have been rounded, and latents with small ones be lost: half of the latents must be right.
func checkModel(f *forward, o Options) error {
	rows, cols := o.Rows.Dims()
	if rows != f.rows() || cols != o.Model.In() {
		return nil // newNear has words for that
	}
	n := min(rows, 16)
	x := mat.NewDense(n, cols, nil)
	if err := o.Rows.ReadRows(x.RawMatrix().Data, 0, n); err != nil {
		return fault.Errorf(err, "reading the rows to index, rows 0 to %d: %s", n, fault.Text(err))
	}
	if matrix.FirstNotFinite(x.RawMatrix().Data) >= 0 {
		return nil // the same
	}
	var c ksparse.Codes
	if err := o.Model.EncodeInto(&c, x); err != nil {
		return fault.Errorf(err, "Options.Model: %s", fault.Text(err))
	}
	right, all := 0, 0
	for i := range n {
		own, _ := c.Row(i)
		latents, _ := f.row(i)
		for _, j := range latents {
			if _, found := slices.BinarySearch(own, j); found {
				right++
			}
			all++
		}
	}
	if 2*right < all {
		return fault.Errorf(fault.ErrShape, "Options.Model gives other codes for Options.Rows: it has %d of the %d latents in the first %d rows. Rows, codes and model belong together", right, all, n)
	}
	return nil
}

// sum returns a checksum of d, which tells one model from another.
func (d *decoder) sum() uint32 {
	return crc32.Update(crc32.Checksum(bytesOf(d.atoms), castagnoli), castagnoli, bytesOf(d.bias))
}

// maxAtoms is the most bytes of atoms with which a query is multiplied as a whole: 10 us. Where there are more, what
// a query asks for is its own code.
const maxAtoms = 1 << 20

// atoms is the decoder in bytes, for queries that ask for more latents than their own code has.
type atoms struct {
	cols  int
	bytes []uint8 // latents x byteStride(cols)
	units []float32
	bias  []float64
	all   []int32 // 0, 1, ... one for each latent
}

// newAtoms returns the atoms of d, nil where they are too many.
func newAtoms(d *decoder) *atoms {
	stride := byteStride(d.cols)
	latents := len(d.atoms) / d.cols
	if latents*stride > maxAtoms {
		return nil
	}
	a := &atoms{cols: d.cols, bytes: make([]uint8, latents*stride), units: make([]float32, latents), bias: d.bias}
	row := make([]float64, d.cols)
	for j := range latents {
		for p, v := range d.atoms[j*d.cols:][:d.cols] {
			row[p] = float64(v)
		}
		a.units[j] = float32(toBytes(a.bytes[j*stride:][:stride], row, kernel.BytesZero))
	}
	a.number()
	return a
}

// number fills a.all in.
func (a *atoms) number() {
	a.all = make([]int32, len(a.units))
	for j := range a.all {
		a.all[j] = int32(j)
	}
}
