package ksparse

import (
	"math"
	"math/rand/v2"
	"sync"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
	"gonum.org/v1/gonum/mat"
)

// Layer is a LinearLayer or a SparseLayer. It holds parameters and nothing of
// the data that goes through it, so any number of goroutines may use a layer at
// once as long as nobody trains it.
type Layer interface {
	// Name returns the name that errors call the layer by.
	Name() string
	// In returns how many values the layer takes per sample.
	In() int
	// Out returns how many values the layer gives per sample.
	Out() int
	// Activation returns the function applied to the pre-activations.
	Activation() Activation
	// Weights returns the live weight matrix: changing it changes the layer. Its
	// shape is the layer's own; see LinearLayer and SparseLayer. Of a layer that
	// holds its weights in float32 (see Assemble) it is a copy made for this call, and
	// changing that changes nothing: Network.Widen makes such weights live.
	Weights() *mat.Dense
	// Biases returns the live biases, of length Out.
	Biases() *mat.VecDense

	base() *affine

	// forward computes s.out, and what backward needs, from s.in.
	forward(s *state)
	// backward turns s.delta from the gradient at the layer's output into that at
	// its pre-activations (unless it is that already) and, where below is not nil,
	// sets below.delta to the gradient at the output of the layer below.
	backward(s, below *state)
	// gradientRows is how many rows gradient should be asked for at a time.
	gradientRows(s *state) int
	// gradient writes the rows lo to hi of the weights' gradient to dst, one after
	// the other, once backward is done.
	gradient(s *state, lo, hi int, dst []float64)
	// biasGradient writes the gradient of the biases to dst.
	biasGradient(s *state, dst []float64)
	// inputGradient writes the gradient at one row that is added to every input row
	// to dst, given that of the biases.
	inputGradient(biases, dst []float64)
}

// affine is what both layers are made of. The rows of w are one per latent: see
// the layers for which way that is. Where narrow is not nil it holds them, without
// gaps, and w has their shape alone.
type affine struct {
	name       string
	in, out    int
	activation Activation
	w          topk.Rows
	narrow     []float32
	b          []float64

	weights *mat.Dense    // the memory of w, as callers see it
	biases  *mat.VecDense // that of b
}

// maxParameters keeps sizes that come from a file or a slip of the keyboard from
// becoming a panic inside make.
const maxParameters = min(1<<36, math.MaxInt/8)

func newAffine(name string, in, out, rows, cols int, act Activation) affine {
	a := affine{name: name, in: in, out: out, activation: act}
	if in > 0 && out > 0 && in <= maxParameters/out {
		a.set(newRows(rows, cols), make([]float64, out))
	} else {
		a.weights, a.biases = &mat.Dense{}, &mat.VecDense{}
	}
	return a
}

// set gives the layer its memory. Callers always see the same two headers of it:
// gonum takes two headers of the same memory for an accident.
func (a *affine) set(w topk.Rows, b []float64) {
	a.w, a.narrow, a.b = w, nil, b
	a.weights, a.biases = dense(w), mat.NewVecDense(len(b), b)
}

// Name returns the name that errors call the layer by.
func (a *affine) Name() string { return a.name }

// In returns how many values the layer takes per sample.
func (a *affine) In() int { return a.in }

// Out returns how many values the layer gives per sample.
func (a *affine) Out() int { return a.out }

// Activation returns the function applied to the pre-activations.
func (a *affine) Activation() Activation { return a.activation }

// Weights returns the live weight matrix: changing it changes the layer. Of a layer
// that holds its weights in float32 it is a copy: see Layer.
func (a *affine) Weights() *mat.Dense {
	if a.narrow != nil {
		return dense(widened(a.w, a.narrow))
	}
	return a.weights
}

func (a *affine) base() *affine { return a }

// Biases returns the live biases, of length Out.
func (a *affine) Biases() *mat.VecDense { return a.biases }

// check returns what is wrong with the layer's own numbers.
func (a *affine) check() error {
	switch {
	case a.in < 1 || a.out < 1:
		return errorf(ErrShape, "layer %q takes %d inputs and gives %d outputs, want at least 1 of each", a.name, a.in, a.out)
	case len(a.w.Data) == 0 && len(a.narrow) == 0:
		return errorf(ErrShape, "layer %q of %d x %d is too large", a.name, a.in, a.out)
	case a.activation >= activations:
		return errorf(ErrRange, "layer %q has the unknown activation %d", a.name, a.activation)
	}
	return nil
}

// init draws the weights and sets the biases to zero. Weights are uniform in
// ±sqrt(6/(in+out)) (Glorot and Bengio 2010, eq. 16); for the activations that
// are zero, or nearly, on one side in ±sqrt(6/in) (He et al. 2015, eq. 10, as a
// uniform distribution).
func (a *affine) init(rng *rand.Rand) {
	bound := math.Sqrt(6 / float64(a.in+a.out))
	switch a.activation {
	case ReLU, LeakyReLU, ELU, Swish, GELU:
		bound = math.Sqrt(6 / float64(a.in))
	}
	for i := range a.w.Data {
		a.w.Data[i] = bound * (2*rng.Float64() - 1)
	}
	clear(a.b)
}

// signal is what flows from one layer to the next: dense rows, or codes, or both
// forms of the same where the codes are dense enough.
type signal struct {
	codes *Codes    // nil where there are only rows
	dense topk.Rows // no Data where there are only codes
}

func (s signal) isDense() bool { return s.dense.Data != nil }

func (s signal) rows() int {
	if s.codes != nil {
		return s.codes.mask.rows
	}
	return s.dense.Rows
}

// state is what one pass keeps of one layer. pre and delta are laid out like the
// output: row after row where it is dense, else one number for each entry of the
// codes. So an unselected unit has no delta at all, which is how the mask is
// applied on the way back.
type state struct {
	in, out signal
	pre     []float64 // pre-activations
	delta   []float64 // gradient of the loss: at the output, then at pre

	// deltaAtPre says that delta came as the gradient at pre from the start, passed that
	// the layer's delta is already at pre and that of the layer below there too.
	deltaAtPre, passed bool

	post     []float64   // a linear layer's output, where it is not pre itself
	codes    Codes       // a sparse layer's output
	byLatent latentIndex // the entries of codes, latent by latent

	inDense    topk.Rows // codes that came in, as rows, for a sparse layer
	outDense   topk.Rows // codes that go out, as rows, where they are dense enough
	deltaDense topk.Rows // a sparse layer's delta likewise
	belowDense topk.Rows // the delta of such a layer below, before the mask

	list      topk.List  // memory for what is above thresholds
	screening *screening // of a sparse layer
	plain     bool       // screening is turned off
	training  bool       // select as in training
	k         int        // instead of the layer's k, for this pass; ownK for that
	batch     batchSelection

	// Of those codes that gradient goes through latent by latent (its own for a
	// sparse layer, those that came in for a linear one): the index, and the
	// factors in its order.
	through *latentIndex
	factors []float64
}

// ownK as a state's k stands for the layer's.
const ownK = -1

// latentIndex lists the entries of codes latent by latent, samples ascending:
// those of latent j are at offsets[j] to offsets[j+1].
type latentIndex struct {
	offsets []int
	entries []int32 // position in the codes' values
	samples []int32
}

// build lists the entries of parts, all of as many rows and latents. Entries are
// numbered part after part; those of a latent that belong to one part come before
// those of the next.
func (x *latentIndex) build(parts ...Codes) {
	latents, n := parts[0].mask.cols, 0
	x.offsets = resized(x.offsets, latents+1)
	clear(x.offsets)
	for p := range parts {
		n += len(parts[p].values)
		for _, j := range parts[p].mask.indices {
			x.offsets[j+1]++
		}
	}
	x.entries, x.samples = resized(x.entries, n), resized(x.samples, n)
	for j := range latents {
		x.offsets[j+1] += x.offsets[j]
	}
	// offsets[j] now says where the next entry of j goes; in the end that is where
	// j+1 begins, so the whole is shifted back by one.
	base := 0
	for p := range parts {
		c := &parts[p]
		for i := range c.mask.rows {
			for e := c.mask.offsets[i]; e < c.mask.offsets[i+1]; e++ {
				j := c.mask.indices[e]
				at := x.offsets[j]
				x.offsets[j]++
				x.entries[at], x.samples[at] = int32(base+e), int32(i)
			}
		}
		base += len(c.values)
	}
	copy(x.offsets[1:], x.offsets[:latents])
	x.offsets[0] = 0
}

// stacked sets to to x with rows of a stack as samples: part after part, so many
// rows each. Entries of part g are first[g] to first[g+1].
func (x *latentIndex) stacked(to *latentIndex, first []int, rows int) {
	to.offsets, to.entries = x.offsets, x.entries
	to.samples = resized(to.samples, len(x.samples))
	for at, e := range x.entries {
		g := 0
		for int(e) >= first[g+1] {
			g++
		}
		to.samples[at] = int32(g*rows) + x.samples[at]
	}
}

// gather returns what values, one for each entry of the codes, are in the order
// of the index, in the memory of dst where that is large enough.
func (x *latentIndex) gather(dst, values []float64) []float64 {
	dst = resized(dst, len(values))
	for at, e := range x.entries {
		dst[at] = values[e]
	}
	return dst
}

// latent returns the range of latent j's entries.
func (x *latentIndex) latent(j int) (lo, hi int) { return x.offsets[j], x.offsets[j+1] }

// addRows adds to dst, one row for each of the latents lo to hi, the rows of m
// that belong to the samples of its entries, times factors.
func (x *latentIndex) addRows(dst, factors []float64, m topk.Rows, lo, hi int) {
	kernel.AddRowsBatch(dst, m.Cols, m.Cols, x.offsets[lo:hi+1], factors, m.Data, m.Stride, x.samples)
}

// gradientRows is how many latents, of n parameters each, addRows should be
// asked for at a time.
func (x *latentIndex) gradientRows(samples, n int) int {
	return gatherGrain(len(x.offsets)-1, n, len(x.entries), samples, pieceSize/n)
}

// productRows is how many of so many rows make a piece of a dense product: packing
// the other matrix for it should cost little, and every processor should get some.
func productRows(rows int) int {
	workers := parallel.Workers(rows, 8)
	return max(8, min(512, (rows+workers-1)/workers))
}

// gatherPiece is how many numbers of a result a worker takes at a time where the
// kernel may walk gathered rows by columns: more rows use a tile of them more
// often. From 48 to 128 Ki training steps take the same time.
const gatherPiece = 64 << 10

// rowGrain is how many rows of some thousand operations make a piece of work
// that is worth handing to another goroutine.
func rowGrain(operations int) int { return max(1, 1<<16/max(operations, 1)) }

// gatherGrain is how many of so many rows of a result, of n numbers each, make a
// piece where their entries name rows of another matrix: many where a piece then
// has an entry for each of those or more, else few.
func gatherGrain(rows, n, entries, others, few int) int {
	many := min(gatherPiece/n, productRows(rows))
	if many > few && entries*many >= others*rows {
		return many
	}
	return max(1, few)
}

// activate sets out = f(pre).
func activate(act Activation, out, pre []float64) {
	c, _ := activatings.Get().(*activating)
	if c == nil {
		c = new(activating)
		c.run = c.part
	}
	c.act, c.out, c.pre = act, out, pre
	parallel.For(len(pre), activationGrain, c.run)
	c.out, c.pre = nil, nil
	activatings.Put(c)
}

// activating is one activate. It is kept for the next one, with its method value: a
// new one for each would be garbage.
type activating struct {
	act      Activation
	out, pre []float64
	run      func(worker, lo, hi int)
}

func (c *activating) part(_, lo, hi int) { c.act.values(c.out[lo:hi], c.pre[lo:hi]) }

var activatings sync.Pool

// toPre turns s.delta from the gradient at the output into that at the
// pre-activations: delta ⊙ f'(pre).
func (s *state) toPre(act Activation) {
	if s.deltaAtPre || act == Identity {
		return
	}
	parallel.For(len(s.delta), activationGrain, func(_, lo, hi int) { s.toPreAt(act, lo, hi) })
}

// toPreAt is toPre for the numbers lo to hi of delta.
func (s *state) toPreAt(act Activation, lo, hi int) {
	if s.deltaAtPre || act == Identity {
		return
	}
	value := s.out.dense.Data
	if s.out.codes != nil {
		value = s.out.codes.values
	}
	act.derivatives(s.delta[lo:hi], s.pre[lo:hi], value[lo:hi])
}

// activationGrain is how many activations are worth handing to another goroutine.
const activationGrain = 1 << 12
