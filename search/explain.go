package search

import (
	"cmp"
	"slices"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/raw"
)

// A Share is what one latent adds to a score: Product, which is Query times Row.
type Share struct {
	Latent  int
	Query   float64 // the value of the latent in the code that was searched for
	Row     float64 // the value in the row that was found
	Product float64
}

// Explain returns what each latent adds to the score of a row for a code, as ByCode computes it: the largest
// product first, of equal ones the smaller latent. Latents that one of the two has not, or has with the value
// 0, are left out. The products add up to the score: to the same bits where they are added in the order of
// their latents. Errors are those of ByCode, and ksparse.ErrRange where there is no row with this ID.
func (x *Index) Explain(id int64, latents []int32, values []float64) (shares []Share, err error) {
	if err := x.checkQuery(latents, values); err != nil {
		return nil, err
	}
	faults, err := x.begin()
	if err != nil {
		return nil, err
	}
	defer x.end(faults, &err)
	p, row, err := x.find(id)
	if err != nil {
		return nil, err
	}
	js, vs := p.codes.row(row)
	for i, j := range latents {
		if t, found := slices.BinarySearch(js, j); found && vs[t] != 0 && values[i] != 0 {
			shares = append(shares, Share{int(j), values[i], vs[t], values[i] * vs[t]})
		}
	}
	slices.SortStableFunc(shares, func(a, b Share) int { return cmp.Compare(b.Product, a.Product) })
	return shares, nil
}

// Code makes dst the code of the row with this ID, as it was added: codes of one row. It uses the memory of dst.
// Errors wrap ksparse.ErrRange where there is no such row, ksparse.ErrEmpty where dst is nil.
func (x *Index) Code(dst *ksparse.Codes, id int64) (err error) {
	if dst == nil {
		return fault.Errorf(fault.ErrEmpty, "the codes to read into are nil")
	}
	faults, err := x.begin()
	if err != nil {
		return err
	}
	defer x.end(faults, &err)
	p, row, err := x.find(id)
	if err != nil {
		return err
	}
	c, scales := raw.Codes(dst)
	c.Clear(x.latents)
	latents, values := p.codes.row(row)
	c.Indices, c.Values = append(c.Indices, latents...), append(c.Values, values...)
	c.EndRow()
	scales.Mean, scales.Spread = scales.Mean[:0], scales.Spread[:0]
	if p.codes.mean != nil {
		scales.Mean, scales.Spread = append(scales.Mean, p.codes.mean[row]), append(scales.Spread, p.codes.spread[row])
	}
	return nil
}
