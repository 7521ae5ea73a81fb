package engine

import (
	"math"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/screen"
	"github.com/ksparse/ksparse/internal/sparse"
)

// Stepper takes training steps. It owns the optimizer's state and all memory that a
// step needs, so a step on warm memory makes no garbage to speak of.
type Stepper struct {
	training
	sweeper sweeper
	nested  *nested // nil where one reconstruction is all
	whole   wholeObjective
	samples samplesObjective
	strips  stripsObjective
	target  matrix.Rows // memory for normalised targets
	shift   []float64   // what the pre-bias adds to the gradient of the last biases
	batch   int         // rows that a step will have
	begun   bool        // a step was taken
}

// NewStepper prepares training steps of the network n, whose parameters they move.
func NewStepper(n Network, s *Screening, r Recipe, batch int) *Stepper {
	st := &Stepper{training: training{recipe: r, pass: NewPass(s)}}
	st.sweeper.training = &st.training
	st.pass.Network, st.pass.inTraining = n, true
	st.pass.begin()
	n = st.pass.Network
	for i := range n.Layers {
		st.sweeper.layers = append(st.sweeper.layers, newLayerSweep(&n.Layers[i], r.Slots, n.tied(i)))
	}
	sparse := n.LastSparse()
	if r.UnitNorm {
		st.sweeper.keepUnitNorm(sparse)
	}
	st.batch = batch
	if n.Rows.Shift != nil {
		st.shift = make([]float64, n.Layers[0].In)
	}
	if sparse >= 0 {
		st.activity = &activity{layer: &n.Layers[sparse], idle: make([]int64, n.Layers[sparse].Out)}
	}
	if r.AuxK > 0 || r.MultiTopK > 0 || len(r.Matryoshka) > 0 {
		st.nested = newNested(&n.Layers[0], &n.Layers[1], &r)
	}
	return st
}

// begin prepares the parameters for the first step: up to it they are as they were.
func (st *Stepper) begin() {
	if st.begun {
		return
	}
	st.begun = true
	if st.number == 1 { // the first of the whole training
		st.sweeper.scaleToUnit()
	}
	layers := st.pass.Network.Layers
	for i := range layers { // as they are now
		if l := &layers[i]; l.Sparse() && !st.pass.screening.Off() && worthScreening(l, st.batch, l.Selection.K, false) {
			l.Copy = &Copy{screen.Pack(l.W, l.B)}
		}
	}
}

// Step takes one training step, number from 1, on the rows x with the targets y, which
// may be x itself, if x is dense. This is the whole of training:
//
//  1. forward: every layer's output, and the mask of every sparse layer, up to the last
//     layer;
//  2. the objective: the last layer, the loss, and its gradient at the codes;
//  3. backward, down to the first layer: the gradient at each layer's
//     pre-activations, which for a sparse layer exists only where its mask is true;
//  4. the gradients of the biases, which are small;
//  5. what the whole gradient is scaled by, where it is to be clipped or scaled;
//  6. the sweep: each layer's weight gradient, a few rows at a time, straight into the
//     optimizer. No gradient matrix is ever stored.
//
// After an error some parameters may have moved; all of them are finite.
//
// Clipping needs the norm before anything may move, so then the rows of the gradient
// are computed twice: from codes they are cheap, cheaper than to store and read again.
func (st *Stepper) Step(x sparse.Rows, y matrix.Rows, rate float64, number int) (Report, error) {
	p := st.pass
	st.number = number
	st.begin()
	st.setK()

	p.forward(x, st.forwardLayers())
	if err := st.checkEntries(); err != nil {
		return Report{}, err
	}
	y = p.Network.Rows.Target(&st.target, &p.input, x.Dense, y)

	report, below, err := st.objective().run(&st.training, y)
	if err != nil {
		return report, err
	}
	p.backward(below)

	st.biasGradients()
	scale, err := st.sweeper.gradientScale()
	if err != nil {
		return report, err
	}
	square := 0.0
	for i := len(st.sweeper.layers) - 1; i >= 0 && err == nil; i-- {
		var part float64
		part, err = st.sweeper.update(i, scale, rate)
		square += part
	}
	if err == nil {
		err = st.checkNorm(square)
	}
	if err == nil && st.recipe.ScaleGradients {
		err = st.sweeper.sawGradient()
	}
	report.GradientNorm = math.Sqrt(square)
	return report, err
}

// checkEntries returns an error where a batch has more entries, as it came in or in a layer, than an
// index counts.
func (st *Stepper) checkEntries() error {
	for i := range st.pass.layers {
		lp := &st.pass.layers[i]
		if c := lp.in.codes; i == 0 && c != nil && len(c.Values) > math.MaxInt32 {
			return fault.Errorf(fault.ErrRange, "a batch of %d rows of codes has %d entries, want at most %d: use smaller batches", c.Rows, len(c.Values), math.MaxInt32)
		}
		c := lp.out.codes
		if c == nil {
			continue
		}
		if n := len(c.Values) + c.Rows*min(st.recipe.AuxK, c.Cols); n > math.MaxInt32 {
			return fault.Errorf(fault.ErrRange, "a batch of %d rows has %d active latents, want at most %d: use smaller batches", c.Rows, n, math.MaxInt32)
		}
	}
	return nil
}

// objective returns the one that is fastest for the codes at hand. All of them give
// the same numbers.
func (st *Stepper) objective() objective {
	if st.nested != nil {
		return st.nested
	}
	last := &st.pass.layers[len(st.pass.layers)-1]
	l := last.layer
	// Codes that came in from outside have no layer below whose delta is to be found.
	switch fromCodes := len(st.pass.layers) > 1 && !l.Sparse() && last.in.codes != nil && !last.in.isDense(); {
	case !fromCodes:
		return &st.whole
	case st.recipe.Loss.Squared && l.In <= nearAtoms && kernel.FastStrips():
		return &st.strips
	default:
		return &st.samples
	}
}

// forwardLayers is how many layers forward runs through: all that are sparse, so that
// the objective finds the codes, and all but the last linear one, which it does itself.
func (st *Stepper) forwardLayers() int {
	last := len(st.pass.layers) - 1
	if st.pass.Network.Layers[last].Sparse() {
		return last + 1
	}
	return last
}

// setK sets how many latents the last sparse layer finds in this step.
func (st *Stepper) setK() {
	if st.activity == nil {
		return
	}
	k := st.k()
	if st.nested != nil {
		k = st.nested.wanted(k)
	}
	st.pass.layers[st.pass.Network.LastSparse()].find.k = k
}

// k returns how many latents the last sparse layer keeps in this step: KStart in the
// first one, the layer's own k once KAnneal of the steps are done.
func (st *Stepper) k() int {
	k, start := st.activity.layer.Selection.K, st.recipe.KStart
	falling := math.Ceil(st.recipe.KAnneal * float64(st.recipe.Steps))
	if start > k && float64(st.number) <= falling {
		k = start - int(int64(start-k)*int64(st.number-1)/int64(min(falling, 1<<62)))
	}
	return k
}

// biasGradients sets the gradients of all biases. Where there is a pre-bias, which is
// subtracted from the input, the last one has that part too.
func (st *Stepper) biasGradients() {
	p := st.pass
	for i := range p.layers {
		p.layers[i].biasGradient(st.sweeper.layers[i].biasGradient)
	}
	if st.shift != nil {
		p.Network.Layers[0].inputGradient(st.shift, st.sweeper.layers[0].biasGradient)
		last := st.sweeper.layers[len(st.sweeper.layers)-1].biasGradient
		kernel.Subtract(last, last, st.shift)
	}
}
