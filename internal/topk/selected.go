package topk

// Selected receives a selection of k entries per row: those of row i stand at
// i*k to (i+1)*k, in ascending order of Idx.
type Selected struct {
	Idx []int32
	Val []float64 // after the activation
	Pre []float64 // before it
}

// row returns the k entries of row i.
func (o Selected) row(i, k int) ([]int32, []float64, []float64) {
	return o.Idx[i*k : (i+1)*k], o.Val[i*k : (i+1)*k], o.Pre[i*k : (i+1)*k]
}

const (
	// segment is how many entries of a row of a stored matrix are compared with one
	// threshold. They may raise it, so that more of the next segment is passed over.
	segment = 256
	// panel is how many latents are multiplied before their pre-activations are
	// looked at, while those are in the first-level cache.
	panel = 384
	// rowBytes bounds the rows that one worker multiplies with a panel: they
	// should stay in its second-level cache.
	rowBytes = 3072 << 10
	maxRows  = 512
	minRows  = 4
)
