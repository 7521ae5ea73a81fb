package measure

// Report is how well an autoencoder does on a data set: of rows x with their mean
// row x̄, of their reconstructions x̂ and of their codes z. |·| is the Euclidean norm of
// a row; a mean over rows weighs each row the same. No figure depends on how the rows
// are divided into batches. Where inputs have targets of their own x stands for the targets,
// and x̂ for the outputs.
type Report struct {
	Rows, Inputs, Latents int // of the data set, and of the codes

	// MSE is the mean over all elements of (x̂-x)². It is the loss ksparse.SquaredError
	// over the columns of x.
	MSE float64
	// FVU is Σ|x̂-x|² / Σ|x-x̄|², as the function ksparse.FVU gives it: 1 for always
	// answering x̄. Gao et al. 2024 (arXiv:2406.04093) report it as normalized MSE.
	// sparsify and SAELens (as 1-FVU, explained_variance in training) put the mean of
	// each batch in the place of x̄, which makes the figure worse the smaller the batch.
	FVU float64
	// NormalizedMSE is the mean over rows of |x̂-x|²/|x|² (normalized_mean_squared_error
	// of openai/sparse_autoencoder). Nothing is centred: where x̄ is large, a
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
	// ZeroRows is how many rows have |x|² < 2^-960, which is zero but for rows of less than 1e-144: they are left out of NormalizedMSE,
	// CosineSimilarity and L2Ratio, which divide by it.
	ZeroRows int
	// MeanRows is how many rows have |x-x̄| = 0 up to rounding (|x-x̄|² is at most 2^-80
	// of its mean): they are left out of RowExplainedVariance.
	MeanRows int

	// L0 is the mean number of latents that are not zero in a row. A selected zero
	// does not count, here and below.
	L0 float64
	// Frequency is for each latent the share of the rows in which it is not zero.
	Frequency []float64
	// Dead lists, ascending, the latents that are zero in every row.
	Dead []int
}
