package ksparse

import (
	"fmt"
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/topk"
	"gonum.org/v1/gonum/mat"
)

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
	// active latents than others. Elsewhere it keeps what is above one threshold,
	// which training learns, so that a row's code does not depend on the others:
	// see SparseLayer.Thresholds. The layer's activation is ReLU or Identity.
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

// Selection returns what the layer selects by.
func (l *SparseLayer) Selection() Selection { return l.selection }

// SetSelection changes what the layer selects by. Thresholds stay as they are.
// Errors wrap ErrRange where the selection is unknown or not defined for the
// layer's activation, size or gate.
func (l *SparseLayer) SetSelection(s Selection) error {
	old := l.selection
	l.selection = s
	if err := l.checkSelection(); err != nil {
		l.selection = old
		return err
	}
	return nil
}

func (l *SparseLayer) checkSelection() error {
	switch {
	case l.k < 0:
		return errorf(ErrRange, "layer %q has k = %d, want 0 or more", l.name, l.k)
	case l.selection >= selections:
		return errorf(ErrRange, "layer %q has the unknown selection %d", l.name, l.selection)
	case l.selection == SelectAbsTopK && l.activation != Identity:
		return errorf(ErrRange, "layer %q selects by magnitude, which needs the activation %v, not %v", l.name, Identity, l.activation)
	case l.gate != nil && l.selection != SelectThreshold:
		return errorf(ErrRange, "layer %q has a gate, which selects by %v, not %v", l.name, SelectThreshold, l.selection)
	case l.selection == SelectGroupMax && (l.k < 1 || l.out%l.k != 0):
		return errorf(ErrRange, "layer %q of %d latents cannot be cut into k = %d groups of as many each", l.name, l.out, l.k)
	case (l.selection == SelectBatchTopK || l.selection == SelectGroupMax) && l.activation != Identity && l.activation != ReLU:
		return errorf(ErrRange, "layer %q selects by %v, which needs the activation %v or %v, not %v", l.name, l.selection, Identity, ReLU, l.activation)
	}
	return nil
}

// Thresholds returns a copy of the thresholds of SelectThreshold or
// SelectBatchTopK, one per latent: a latent is active where its pre-activation is
// larger. It is nil until training has learned them, or SetThresholds set them. For
// a gated layer they are what w·x is compared with: see Gate.
func (l *SparseLayer) Thresholds() []float64 { return slices.Clone(l.thresholds) }

// SetThresholds sets the thresholds, one per latent. It copies them. Errors wrap
// ErrShape, and ErrNotFinite for NaN and infinities.
func (l *SparseLayer) SetThresholds(thresholds []float64) error {
	if len(thresholds) != l.out {
		return errorf(ErrShape, "layer %q has %d latents, not %d thresholds", l.name, l.out, len(thresholds))
	}
	for j, t := range thresholds {
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return errorf(ErrNotFinite, "threshold %d of layer %q is %v", j, l.name, t)
		}
	}
	l.thresholds = append(l.thresholds[:0], thresholds...)
	return nil
}

// SetThreshold sets one threshold for all latents: see SetThresholds.
func (l *SparseLayer) SetThreshold(threshold float64) error {
	all := make([]float64, l.out)
	for j := range all {
		all[j] = threshold
	}
	return l.SetThresholds(all)
}

// Calibrate sets one threshold for the last sparse layer, such that of the rows of
// x, on average, l0 latents are active, and returns it. From then on the layer
// selects by threshold (SelectThreshold), unless it is one of SelectBatchTopK,
// which does so anyway. Equal values can make a few more latents active. Errors
// wrap ErrEmpty, ErrShape, ErrNotFinite, ErrNoSparseLayer, and ErrRange where l0 is
// not positive, more positive values than there are would be needed, or the
// layer's activation is not ReLU or Identity.
func (n *Network) Calibrate(x mat.Matrix, l0 float64) (threshold float64, err error) {
	last := n.lastSparse()
	if last < 0 {
		return 0, errorf(ErrNoSparseLayer, "Calibrate needs a sparse layer, this network has none")
	}
	l := n.layers[last].(*SparseLayer)
	rows, err := rowsOf("x", x, n.In())
	if err != nil {
		return 0, err
	}
	want := int(math.Round(l0 * float64(rows.Rows)))
	if !(l0 > 0 && l0 <= float64(l.out)) || want < 1 {
		return 0, errorf(ErrRange, "Calibrate was asked for %v active latents, want more than 0 and at most %d", l0, l.out)
	}
	if l.activation != ReLU && l.activation != Identity {
		return 0, errorf(ErrRange, "Calibrate needs the activation %v or %v, layer %q has %v", ReLU, Identity, l.name, l.activation)
	}
	if l.gate != nil {
		return 0, errorf(ErrRange, "layer %q has a gate, which Calibrate does not move", l.name)
	}
	if err := n.scaleKnown(); err != nil {
		return 0, err
	}
	for _, l := range n.layers[:last] {
		if err := thresholdsKnown(l, false); err != nil {
			return 0, err
		}
	}
	p := n.newPass()
	s := n.sparseInput(p, rows, last)
	b := &s.batch
	least := b.search(l, s.in.dense, int(math.Ceil(l0)), want, s)
	if least == 0 {
		return 0, errorf(ErrRange, "Calibrate was asked for %v active latents, but only %v values per row are positive", l0, float64(len(b.heap))/float64(rows.Rows))
	}
	threshold = math.Nextafter(least, 0)
	if l.selection != SelectBatchTopK {
		l.selection = SelectThreshold
	}
	return threshold, l.SetThreshold(threshold)
}

// encodeAbove sets c to what is above the thresholds.
func (l *SparseLayer) encodeAbove(c *Codes, pre []float64, x topk.Rows, s *state) []float64 {
	list := &s.list
	*list = topk.List{Offsets: c.mask.offsets, Idx: c.mask.indices, Pre: pre}
	l.findAbove(list, x, s.screening, s.plain)
	c.mask = Mask{rows: x.Rows, cols: l.out, offsets: list.Offsets, indices: list.Idx}
	c.values = resized(c.values, len(list.Pre))
	if l.gate != nil {
		l.gate.open(list.Pre, l.b, list.Idx)
	}
	pre = list.Pre
	*list = topk.List{} // it was the memory of others
	activate(l.activation, c.values, pre)
	return pre
}

// batchSelection is the memory of one selection from a whole batch.
type batchSelection struct {
	found topk.Selected // the first m of each row
	rows  []rowFound    // where each row's candidates are
	again []int         // rows to look at again
	x     topk.Rows     // those rows
	heap  []float64
}

// rowFound is the largest entries of a row, ascending by latent, and the smallest
// value among them.
type rowFound struct {
	idx      []int32
	val, pre []float64
	least    float64
}

// encodeBatch sets c to the k·rows largest positive values of the whole batch;
// equal values go to the lower row, then to the lower latent. It finds the m
// largest of each row, from these the value that is reached by k·rows of them, and
// looks for more in those rows only whose m-th still reaches it.
func (l *SparseLayer) encodeBatch(c *Codes, pre []float64, x topk.Rows, k int, s *state) []float64 {
	want := k * x.Rows
	least := s.batch.search(l, x, k, want, s)
	return s.batch.write(c, pre, l.out, want, least)
}

// search finds at least the want largest positive values of the batch, about k a
// row, and returns the smallest of those want, or 0 where there are fewer.
func (b *batchSelection) search(l *SparseLayer, x topk.Rows, k, want int, s *state) float64 {
	b.rows = resized(b.rows, x.Rows)
	b.again = resized(b.again, x.Rows)
	for i := range b.again {
		b.again[i] = i
	}
	m := min(2*k, l.out)
	b.look(l, &b.found, x, m, s)
	for {
		least := b.kth(want)
		b.again = b.again[:0]
		for i, r := range b.rows {
			if len(r.idx) < l.out && len(r.idx) > 0 && r.least > 0 && r.least >= least {
				b.again = append(b.again, i)
			}
		}
		if len(b.again) == 0 {
			return least
		}
		m = min(4*m, l.out)
		b.x = gatherRows(b.x, x, b.again)
		var more topk.Selected
		b.look(l, &more, b.x, m, s)
	}
}

// look finds the m largest of the rows x, which are those that again lists.
func (b *batchSelection) look(l *SparseLayer, to *topk.Selected, x topk.Rows, m int, s *state) {
	n := x.Rows * m
	to.Idx, to.Val, to.Pre = resized(to.Idx, n), resized(to.Val, n), resized(to.Pre, n)
	l.largest(*to, x, m, s)
	for t, i := range b.again {
		lo, hi := t*m, (t+1)*m
		r := rowFound{idx: to.Idx[lo:hi], val: to.Val[lo:hi], pre: to.Pre[lo:hi]}
		if m > 0 {
			r.least = slices.Min(r.val)
		}
		b.rows[i] = r
	}
}

// kth returns the want-th largest positive value found so far, 0 where there are
// not so many.
func (b *batchSelection) kth(want int) float64 {
	b.heap = b.heap[:0]
	for _, r := range b.rows {
		for _, v := range r.val {
			if v > 0 {
				b.heap = append(b.heap, v)
			}
		}
	}
	if len(b.heap) < want || want == 0 {
		return 0
	}
	return kernel.KthLargest(b.heap, want)
}

// write sets c to the want largest of what was found; least is the smallest of them.
func (b *batchSelection) write(c *Codes, pre []float64, latents, want int, least float64) []float64 {
	c.clear(latents)
	pre = pre[:0]
	ties := want
	for _, r := range b.rows {
		for _, v := range r.val {
			if v > least {
				ties--
			}
		}
	}
	for _, r := range b.rows {
		for t, v := range r.val {
			switch {
			case v <= 0 || v < least:
				continue
			case v == least:
				if ties <= 0 {
					continue
				}
				ties--
			}
			c.mask.indices, c.values, pre = append(c.mask.indices, r.idx[t]), append(c.values, v), append(pre, r.pre[t])
		}
		c.endRow()
	}
	return pre
}

// thresholdAverage learns the threshold of SelectBatchTopK: the expected smallest
// value that a batch keeps (Bussmann et al. 2024, eq. 7), as an exponential moving
// average with the bias of its start taken out.
type thresholdAverage struct {
	average [2]float64 // of the values, and of ones
}

const thresholdDecay = 0.99

// learn takes in the codes of a batch and sets the layer's threshold.
func (t *thresholdAverage) learn(l *SparseLayer, c *Codes) {
	if len(c.values) == 0 {
		return // nothing was kept, and nothing is learned
	}
	least := slices.Min(c.values)
	t.average[0] = float64(thresholdDecay*t.average[0]) + float64((1-thresholdDecay)*least)
	t.average[1] = float64(thresholdDecay*t.average[1]) + (1 - thresholdDecay)
	l.thresholds = resized(l.thresholds, l.out)
	for j := range l.thresholds {
		l.thresholds[j] = t.average[0] / t.average[1]
	}
}
