package ksparse

import "fmt"

// Selection says which latents of a SparseLayer are active. The zero value is
// SelectTopK.
type Selection uint8

const (
	// SelectTopK keeps the K largest values of each row.
	SelectTopK Selection = iota
	// SelectAbsTopK keeps the K values of each row that are largest in magnitude,
	// with their signs. The layer's activation is Identity.
	SelectAbsTopK
	// SelectBatchTopK keeps, in training, the K·rows largest positive values of the
	// whole batch (Bussmann et al. 2024, arXiv:2412.06410), so some rows have more
	// active latents than others. Elsewhere it keeps what is above one threshold, so
	// that a row's code does not depend on the others: see SparseLayer.Thresholds.
	// Training leaves the threshold above which the weights that are left have K values
	// per row, on average, or all positive values where those are fewer. It takes that
	// from up to 32,768 rows, of long rows from 128 MiB or a batch of them, which stay in
	// memory: samples chosen by TrainConfig.Seed, from all parts of a source that streams; a
	// Trainer takes the last rows of its steps. The validation after an epoch goes by the threshold for the
	// weights that it measures. Between two steps the threshold is the smallest value
	// that the last batch kept. The layer's activation is ReLU or Identity.
	SelectBatchTopK
	// SelectThreshold keeps every latent whose pre-activation is above the
	// latent's own threshold (JumpReLU, Rajamanoharan et al. 2024,
	// arXiv:2407.14435). K plays no part.
	SelectThreshold
	// SelectGroupMax cuts the latents into K groups of neighbours, Out/K of them each,
	// and keeps the largest value of each group (groupmax of EleutherAI/sparsify); K
	// divides Out. The layer's activation is ReLU or Identity.
	SelectGroupMax
	selections // their number
)

var selectionNames = [selections]string{"topk", "abs_topk", "batch_topk", "threshold", "group_max"}

// String returns the selection's name in lower case, such as "batch_topk".
func (s Selection) String() string {
	if s < selections {
		return selectionNames[s]
	}
	return fmt.Sprintf("Selection(%d)", uint8(s))
}
