package ksparse

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/ksparse/ksparse/internal/engine"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/feed"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
	"github.com/ksparse/ksparse/train"
)

// What a training checks before its first step, and what it finds out about the weights at
// hand: the loss on validation samples, and the thresholds of SelectBatchTopK.

// validator measures the loss on validation samples.
type validator struct {
	rows   int          // samples; 0 for no validation
	x      sparse.Rows  // inputs of those in memory
	y      matrix.Rows  // their targets
	source *feed.Table  // where they are not; else nil
	failed bool         // source gave an error
	pass   *engine.Pass // nil before the first time
	loss   float64      // after the last epoch; NaN if there is none
	best   float64      // the lowest loss that Patience has seen
}

// mostInput is the largest magnitude of an input that a training can square, and square its
// products with others.
const mostInput = 1e70

// checkInputs returns an error where the largest magnitude of inputs (or of targets, which
// are as large), which the error calls what, is too large for a training.
func (n *Network) checkInputs(what string, largest float64) error {
	return checkLargest(what, n.inputScale()*largest)
}

// inputScale is what inputs are multiplied by before they are squared: 0 where each row is
// scaled by itself.
func (n *Network) inputScale() float64 {
	switch {
	case n.scalesEachRow():
		return 0
	case Normalization(n.rows.Kind) == DatasetScale:
		return n.rows.Scale
	}
	return 1
}

// checkLargest is checkInputs for a magnitude that inputScale has been applied to.
func checkLargest(what string, largest float64) error {
	if largest > mostInput {
		return fault.Errorf(ErrNotFinite, "%s hold numbers of up to %.2g, which are too large to be squared. Scale them, or leave out the few that stand apart", what, largest)
	}
	return nil
}

// checkRows returns what checks the inputs and targets of a source as they are read, on any
// goroutine. What MaxNorm may leave out is not too large.
func (n *Network) checkRows(cfg TrainConfig) func(x, y matrix.Rows, first int) error {
	scale := n.inputScale()
	return func(x, y matrix.Rows, first int) error {
		if err := cfg.Loss.checkTarget(targetsOf(x, y), y, first); err != nil || cfg.MaxNorm > 0 {
			return err
		}
		largest := scale * x.MaxAbs()
		if largest <= mostInput { // most often: the words below are for an error alone
			return nil
		}
		return checkLargest(fmt.Sprintf("the source: the rows %d to %d", first, first+x.Rows), largest)
	}
}

// targetsOf says in words what the targets of a source are.
func targetsOf(x, y matrix.Rows) string {
	if matrix.Same(x, y) {
		return "the source"
	}
	return "a target of the source"
}

// checkActive returns an error where a layer would have no active latent in any step.
func (c TrainConfig) checkActive(layers []Layer) error {
	last, _ := lastSparse(layers)
	for i, l := range layers {
		s := l.sparse()
		if s != nil && s.k == 0 && s.selection != SelectThreshold && (i != last || c.Recipe.KStart == 0) {
			return fault.Errorf(ErrRange, "layer %q has k = 0, so that no latent is active and none would learn: set k with SetK", s.name)
		}
	}
	return nil
}

// checkRecipe returns an error where parts of the recipe do not fit the network, or
// each other.
func (c TrainConfig) checkRecipe(n *Network) error {
	r, chosen, layers := c.Recipe, c.withDefaults(n).Recipe, n.layers
	sparse, l := n.lastSparse()
	if err := c.checkActive(layers); err != nil {
		return err
	}
	if r.UnitNorm && (l == nil || sparse+1 == len(layers)) {
		return fault.Errorf(ErrNoSparseLayer, "Recipe.UnitNorm needs a layer after the last sparse one: its rows are the atoms")
	}
	if r.KStart > 0 && (l == nil || l.selection == SelectThreshold || l.selection == SelectGroupMax || r.KStart < l.k) {
		return fault.Errorf(ErrRange, "Recipe.KStart is %d, want at least the k of a last sparse layer that selects by k", r.KStart)
	}
	if r.KStart > 0 && r.KStart > l.out {
		return fault.Errorf(ErrRange, "Recipe.KStart is %d, want at most the %d latents of layer %q", r.KStart, l.out, l.name)
	}
	for _, part := range []struct {
		name string
		on   bool
	}{{"AuxK", r.AuxK > 0}, {"MultiTopK", r.MultiTopK > 0}, {"Matryoshka", len(r.Matryoshka) > 0}} {
		if part.on && (sparse != 0 || len(layers) != 2 || layers[1].Activation() != Identity || c.Loss != SquaredError) {
			return fault.Errorf(ErrRange, "Recipe.%s needs an autoencoder of one sparse and one linear layer with the activation %v, and the loss %v", part.name, Identity, SquaredError)
		}
	}
	switch {
	case r.AuxWeight > 0 && chosen.AuxK == 0:
		return fault.Errorf(ErrRange, "Recipe.AuxWeight is for AuxK, which is 0")
	case r.KAnneal > 0 && r.KStart == 0:
		return fault.Errorf(ErrRange, "Recipe.KAnneal is for KStart, which is 0")
	case r.EncoderDecay > 0 && l == nil:
		return fault.Errorf(errors.Join(ErrRange, ErrNoSparseLayer), "Recipe.EncoderDecay is for a sparse layer, and the network has none")
	case r.EncoderDecay > 0 && chosen.UnitNorm && n.tied():
		return fault.Errorf(ErrRange, "Recipe.EncoderDecay would do nothing: with UnitNorm tied weights are scaled back to norm 1 after each step")
	case r.AuxK > 0 && l.activation != ReLU && l.activation != Identity:
		return fault.Errorf(ErrRange, "Recipe.AuxK needs an encoder with the activation %v or %v, not %v", ReLU, Identity, l.activation)
	case r.MultiTopK > 0 && len(r.Matryoshka) > 0:
		return fault.Errorf(ErrRange, "Recipe has both MultiTopK and Matryoshka, want one of them")
	case r.MultiTopK > 0 && l.selection != SelectTopK && l.selection != SelectAbsTopK:
		return fault.Errorf(ErrRange, "Recipe.MultiTopK needs a layer that selects k of each row, layer %q selects by %v", l.name, l.selection)
	case len(r.Matryoshka) > 0 && r.Matryoshka[len(r.Matryoshka)-1] > l.out:
		return fault.Errorf(ErrRange, "Recipe.Matryoshka has a prefix of %d latents, layer %q has %d", r.Matryoshka[len(r.Matryoshka)-1], l.name, l.out)
	}
	return nil
}

// checkVariance returns an error where AuxK goes by a variance that is zero.
func (c TrainConfig) checkVariance(what string, variance float64) error {
	if c.Recipe.AuxK > 0 && variance == 0 {
		return fault.Errorf(ErrRange, "Recipe.AuxK goes by the variance of %s, which is zero: the rows are equal, or there is one", what)
	}
	return nil
}

// take takes in the samples of Validation.X and Y, or of a Source: its rows where
// they fit in the buffer.
func (v *validator) take(n *Network, cfg TrainConfig) (err error) {
	given := cfg.Validation
	switch {
	case given.X != nil:
		v.x, v.y, err = n.samples("Validation.X", "Validation.Y", given.X, given.Y, cfg.Loss)
		v.rows = v.y.Rows
	case given.Source != nil:
		err = v.takeSource(n, cfg)
	}
	if err == nil {
		err = n.checkInputs("the validation samples", max(v.x.MaxAbs(), v.y.MaxAbs()))
	}
	if err != nil && given.Source != nil {
		err = fault.Errorf(err, "Validation.Source: %s", fault.Text(err))
	}
	return err
}

// takeSource is take for a Source.
func (v *validator) takeSource(n *Network, cfg TrainConfig) error {
	table, err := feed.Check(cfg.Validation.Source, n.In(), n.Out())
	if err != nil {
		return err
	}
	if !table.Paired() && n.Out() != n.In() {
		return fault.Errorf(ErrShape, "it has no targets (see data.Pair), so it is for an autoencoder; the network takes %d values and gives %d", n.In(), n.Out())
	}
	if v.rows = table.Rows; v.rows > cfg.Buffer {
		v.source = &table
		return nil
	}
	if v.x.Dense, v.y, err = table.Sample(v.rows, 0); err != nil {
		return err
	}
	if own := n.apart(v.x.Dense); !matrix.Same(own, v.x.Dense) { // a matrix in memory, which has no targets
		v.x.Dense, v.y = own, own
	}
	return cfg.Loss.checkTarget(targetsOf(v.x.Dense, v.y), v.y, 0)
}

// meanLoss returns the mean loss over the samples by v.pass. Those of a source give the
// bits that they would give in memory.
func (v *validator) meanLoss(l Loss, loss engine.Loss) (float64, error) {
	if v.source == nil {
		return v.pass.MeanLoss(v.x, v.y, loss)
	}
	sum, lossFails := 0.0, error(nil)
	err := v.source.Each(engine.ChunkRows, func(lo int, x, y matrix.Rows) error {
		if err := l.checkTarget(targetsOf(x, y), y, lo); err != nil {
			return err
		}
		lossFails = v.pass.AddLoss(&sum, sparse.Rows{Dense: x}, y, loss)
		return lossFails
	})
	if lossFails != nil {
		return 0, lossFails
	}
	if err != nil {
		v.failed = true
		return 0, fault.Errorf(err, "Validation.Source: %s", fault.Text(err))
	}
	return sum / float64(v.rows), nil
}

// calibrator learns the thresholds of SelectBatchTopK for the weights at hand, whatever
// they are: those of the last step, averages, or those of the best epoch.
type calibrator struct {
	rows  matrix.Rows // memory for inputs that the training saw; none where nothing is to be learned
	count int         // how many of them there are
	next  int         // where the next input goes, once all the memory is used
	made  unlearned
}

// calibrationRows is from how many rows, at most, thresholds are learned: L0 is then off by
// 1/181 of its spread from row to row, which can be as much as L0 itself. The same rows
// serve after each epoch and for each checkpoint: what is measured and stored then is what
// the training would leave.
const calibrationRows = 1 << 15

// calibrationNumbers is how many numbers these rows have at most, in the layers that they go
// through, where a batch has fewer rows than that.
const calibrationNumbers = 1 << 24

// calibrationRowsOf returns from how many rows the thresholds of n are learned in a
// training on batches of that size, 0 where it has none to learn.
func (n *Network) calibrationRowsOf(batch int) int {
	rows, wide, widest := 0, 1, 1 // widest of the layers up to the last one that learns
	for _, l := range n.layers {
		wide = max(wide, l.In())
		if s := l.sparse(); s != nil && s.selection == SelectBatchTopK {
			wide = max(wide, foundNumbers*min(s.k, s.out))
			rows, widest = calibrationRows, wide
		}
	}
	return min(rows, max(batch, calibrationNumbers/widest))
}

// foundNumbers is about how many numbers of memory it takes, for each of k, to find the
// largest values of a row.
const foundNumbers = 8

// see takes in the inputs of a batch, in the place of the oldest.
func (c *calibrator) see(x sparse.Rows) {
	for i := max(0, x.Len()-c.rows.Rows); i < x.Len(); i++ {
		row := c.rows.Row(c.next)
		copy(row, x.Row(i, row))
		c.next = (c.next + 1) % c.rows.Rows
		c.count = min(c.count+1, c.rows.Rows)
	}
}

// calibrate learns the thresholds for the network's present weights.
func (c *calibrator) calibrate(n *Network) {
	if c.count == 0 {
		return
	}
	pass := engine.NewPass(&n.screening) // each time: it has memory for many rows
	n.forEngine(&pass.Network)
	pass.LearnThresholds(c.rows.Slice(0, c.count))
}

// endEpoch validates, keeps the best parameters and writes the history.
func (t *Trainer) endEpoch() error {
	t.kept.swap(t.kept.average) // the averages are what is measured and kept
	defer t.swapBack()
	e, epoch, v := t.epoch, len(t.history.Epochs)+1, &t.valid
	trainLoss := e.lossSum / float64(e.samples)
	watched := trainLoss
	if v.rows > 0 {
		loss, err := t.validate()
		if err != nil {
			return err
		}
		v.loss, watched = loss, loss
	}
	if t.isBest(watched) {
		v.best, t.history.BestEpoch = watched, epoch
		copyEach(t.kept.best, t.kept.live)
	}
	t.history.Epochs = append(t.history.Epochs, train.EpochStats{
		Epoch: epoch, TrainLoss: trainLoss, ValidationLoss: v.loss, LearningRate: e.rate,
		FVU: e.fvuSum / float64(e.samples), L0: e.l0Sum / float64(e.samples), Dead: e.dead, GradientNorm: e.gradientNorm / float64(e.steps),
		Time: time.Since(e.begin),
	})
	return nil
}

// isBest reports whether an epoch with that loss is better than all before it.
func (t *Trainer) isBest(watched float64) bool {
	return t.history.BestEpoch == 0 || watched < t.valid.best-t.cfg.Validation.MinDelta
}

// swapBack puts the parameters back after validation, whose thresholds were those of the
// averages.
func (t *Trainer) swapBack() {
	t.kept.swap(t.kept.average)
	if t.kept.average != nil && t.valid.rows > 0 {
		t.learner.calibrate(t.net)
	}
}

// validate returns the mean loss over the validation samples.
func (t *Trainer) validate() (float64, error) {
	t.learner.calibrate(t.net)
	v := &t.valid
	if v.pass == nil {
		v.pass = engine.NewPass(&t.net.screening)
		if t.kept.average == nil {
			v.pass.Network = t.stepper.Network() // its integers serve here too
		} else {
			t.net.forEngine(&v.pass.Network)
		}
	}
	loss, err := v.meanLoss(t.cfg.Loss, t.loss())
	if err == nil && (math.IsNaN(loss) || math.IsInf(loss, 0)) {
		err = fault.Errorf(ErrDiverged, "the validation loss after step %d is %v: the validation samples are too large, or the training has diverged", t.history.Steps, loss)
	}
	return loss, err
}
