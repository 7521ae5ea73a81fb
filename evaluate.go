package ksparse

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
)

// Report is how well an autoencoder does on a data set: of rows x with their mean
// row x̄, of reconstructions x̂ = Predict(x), and of codes z = Encode(x). |·| is the
// Euclidean norm of a row; a mean over rows weighs each row the same. Public
// projects use the same names for different formulas, so each figure says which
// it is and whose. None depends on how the rows are cut into batches.
type Report struct {
	Rows, Inputs, Latents int // of the data set, and of the codes

	// MSE is the mean over all elements of (x̂-x)². It is the SquaredError loss
	// over Inputs.
	MSE float64
	// FVU is Σ|x̂-x|² / Σ|x-x̄|², as the function FVU gives it: 1 for always answering
	// x̄. Gao et al. 2024 (arXiv:2406.04093) report it as normalized MSE. sparsify and
	// SAELens (as 1-FVU, explained_variance in training) put the mean of each batch
	// in the place of x̄, which makes the figure worse the smaller the batch.
	FVU float64
	// NormalizedMSE is the mean over rows of |x̂-x|²/|x|² (normalized_mean_squared_error
	// of openai/sparse_autoencoder). Nothing is centred: where x̄ is large a
	// reconstruction that is always x̄ has a small one.
	NormalizedMSE float64
	// CentredExplainedVariance is 1 - Σ_j Var(x-x̂)_j / Σ_j Var(x)_j
	// (frac_variance_explained of dictionary_learning). It is not 1-FVU: the mean of
	// the residual x-x̂ is subtracted first, so it forgives an error that is the same
	// in every row.
	CentredExplainedVariance float64
	// RowExplainedVariance is the mean over rows of 1 - |x̂-x|²/|x-x̄|² (the legacy
	// explained variance of SAELens and SAEBench). Rows near x̄ can outweigh all others.
	RowExplainedVariance float64
	// CosineSimilarity is the mean over rows of x·x̂ / (|x||x̂|), 0 where x̂ is zero.
	CosineSimilarity float64
	// L2Ratio is the mean over rows of |x̂|/|x| (l2_ratio of dictionary_learning).
	// Below 1, reconstructions are too short.
	L2Ratio float64
	// ReconstructionBias is Σ|x̂|² / Σ x·x̂ (relative reconstruction bias, Rajamanoharan
	// et al. 2024, arXiv:2404.16014): 1/γ for the γ that makes Σ|x-γx̂|² least, so 1
	// without shrinkage, less with it. NaN where Σ x·x̂ is zero.
	ReconstructionBias float64
	// ZeroRows is how many rows have |x| = 0: they are left out of NormalizedMSE,
	// CosineSimilarity and L2Ratio, which divide by it.
	ZeroRows int
	// MeanRows is how many rows have |x-x̄| = 0: they are left out of
	// RowExplainedVariance.
	MeanRows int

	// L0 is the mean number of latents that are not zero in a row. A selected zero
	// does not count, here as below.
	L0 float64
	// Frequency is for each latent the share of the rows in which it is not zero.
	Frequency []float64
	// Dead lists, ascending, the latents that are zero in every row.
	Dead []int
}

// Evaluate measures the network, an autoencoder with a sparse layer, on all rows
// of src. It goes through them twice, because RowExplainedVariance needs the mean
// row first, a thousand or so at a time, so memory does not grow with src. All
// sums go over the rows in order: the bits are the same for every GOMAXPROCS.
//
// Errors wrap ErrEmpty; ErrShape, where src has not In columns, or Out is not In;
// ErrNoSparseLayer; ErrUnset, as those of Predict; ErrNotFinite, for the first row
// of src or of the output with NaN or an infinity, or a figure that overflows;
// ErrRange where all rows are equal, so that there is no variance to explain; or
// what src returned.
func (n *Network) Evaluate(src Source) (*Report, error) {
	last := n.lastSparse()
	if last < 0 {
		return nil, errorf(ErrNoSparseLayer, "Evaluate needs a sparse layer, this network has none")
	}
	if n.In() != n.Out() {
		return nil, errorf(ErrShape, "Evaluate needs an autoencoder, this network gives %d values for %d", n.Out(), n.In())
	}
	rows, err := checkSource(src, n.In())
	if err != nil {
		return nil, err
	}
	if err := n.ready(false); err != nil {
		return nil, err
	}
	var x topk.Rows
	var data moments
	for lo := 0; lo < rows; lo += chunkRows {
		if err := readChunk(&x, src, lo, min(lo+chunkRows, rows)); err != nil {
			return nil, err
		}
		data.add(x)
	}
	if data.total() == 0 {
		return nil, errorf(ErrRange, "Evaluate needs rows that differ: the variance of the source is zero")
	}
	e := &evaluation{mean: data.meanRow(), fired: make([]int, n.layers[last].Out())}
	p := n.sparePass()
	defer n.spare.Put(p)
	for lo := 0; lo < rows; lo += chunkRows {
		if err := readChunk(&x, src, lo, min(lo+chunkRows, rows)); err != nil {
			return nil, err
		}
		codes, out := n.reconstruct(p, x, last)
		if i := notFiniteRow(out); i >= 0 {
			return nil, errorf(ErrNotFinite, "the output for row %d overflows: data or weights are too large", lo+i)
		}
		e.add(x, out)
		e.addCodes(codes)
	}
	return e.report(&data)
}

// reconstruct returns the codes and the output of x, in the memory of p: those of
// Encode and Predict.
func (n *Network) reconstruct(p *Pass, x topk.Rows, lastSparse int) (*Codes, topk.Rows) {
	n.forward(p, x, len(n.layers))
	p.setOutput()
	n.frame.leave(p.output, p.framed.mean, p.framed.spread)
	return p.Codes(lastSparse), p.output
}

// evaluation is Evaluate's second pass under way.
type evaluation struct {
	mean     []float64 // of the data
	fired    []int     // for each latent, rows in which it is not zero
	residual moments

	// Sums over the rows.
	errors, outputs, products        float64 // |x̂-x|², |x̂|², x·x̂
	normalized, explained            float64 // of ratios
	cosines, lengths                 float64
	rows, zeroRows, meanRows, active int

	chunk   topk.Rows // scratch: the residuals
	figures []figures // scratch: those of a chunk's rows
}

// figures are what one row adds to the sums: squared norms and a product.
type figures struct{ err, x, out, product, centred float64 }

// add takes in a chunk of the data and its reconstruction.
func (e *evaluation) add(x, out topk.Rows) {
	resize(&e.chunk, x.Rows, x.Cols)
	e.figures = resized(e.figures, x.Rows)
	parallel.For(x.Rows, rowGrain(8*x.Cols), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			x, out, residual := x.Row(i), out.Row(i), e.chunk.Row(i)
			for j, v := range x {
				residual[j] = v - out[j]
			}
			e.figures[i] = figures{
				err:     squaredError(nil, out, x, 0),
				x:       kernel.Dot(x, x),
				out:     kernel.Dot(out, out),
				product: kernel.Dot(x, out),
				centred: squaredError(nil, x, e.mean, 0),
			}
		}
	})
	e.residual.add(e.chunk)
	e.rows += x.Rows
	for _, f := range e.figures {
		e.errors += f.err
		e.outputs += f.out
		e.products += f.product
		if f.x == 0 {
			e.zeroRows++
		} else {
			e.normalized += f.err / f.x
			e.lengths += math.Sqrt(f.out) / math.Sqrt(f.x)
			if f.out != 0 {
				e.cosines += f.product / (math.Sqrt(f.x) * math.Sqrt(f.out))
			}
		}
		if f.centred == 0 {
			e.meanRows++
		} else {
			e.explained += 1 - f.err/f.centred
		}
	}
}

// addCodes takes in a chunk's codes.
func (e *evaluation) addCodes(c *Codes) {
	for t, j := range c.mask.indices {
		if c.values[t] != 0 {
			e.fired[j]++
			e.active++
		}
	}
}

// report makes the means of the sums.
func (e *evaluation) report(data *moments) (*Report, error) {
	rows := float64(e.rows)
	withNorm, offMean := float64(e.rows-e.zeroRows), float64(e.rows-e.meanRows)
	r := &Report{
		Rows: e.rows, Inputs: len(e.mean), Latents: len(e.fired),
		MSE:                      e.errors / (rows * float64(len(e.mean))),
		FVU:                      e.errors / data.total(),
		NormalizedMSE:            e.normalized / withNorm,
		CentredExplainedVariance: 1 - e.residual.total()/data.total(),
		RowExplainedVariance:     e.explained / offMean,
		CosineSimilarity:         e.cosines / withNorm,
		L2Ratio:                  e.lengths / withNorm,
		ReconstructionBias:       math.NaN(),
		ZeroRows:                 e.zeroRows,
		MeanRows:                 e.meanRows,
		L0:                       float64(e.active) / rows,
		Frequency:                make([]float64, len(e.fired)),
	}
	if e.products != 0 {
		r.ReconstructionBias = e.outputs / e.products
	}
	for _, figure := range []float64{data.total(), e.outputs, r.MSE, r.FVU, r.NormalizedMSE, r.CentredExplainedVariance,
		r.RowExplainedVariance, r.CosineSimilarity, r.L2Ratio, e.products} {
		if math.IsNaN(figure) || math.IsInf(figure, 0) {
			return nil, errorf(ErrNotFinite, "a figure overflows: data or outputs are too large, or too small to divide by")
		}
	}
	for j, count := range e.fired {
		r.Frequency[j] = float64(count) / rows
		if count == 0 {
			r.Dead = append(r.Dead, j)
		}
	}
	return r, nil
}
