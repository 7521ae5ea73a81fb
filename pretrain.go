package ksparse

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// PretrainConfig says how Pretrain trains a sparse layer. The zero value trains
// each as the zero TrainConfig does.
type PretrainConfig struct {
	// Train is how each layer's autoencoder is trained. Its targets are its inputs,
	// and of all layers but the first these are outputs of the layers below: so
	// Validation.X, Y and Source are nil (Validation.Fraction will do), and the loss
	// is SquaredError, the zero value, unless those outputs suit another.
	Train TrainConfig
	// Layer, where not nil, is asked for the TrainConfig of layer i, counted from 0
	// over all layers, instead of Train. With a Checkpoint.File for each layer, and
	// Resume, a Pretrain that was stopped goes on where it was.
	Layer func(i int) TrainConfig
	// Tied makes decoders use the encoders' weights: see Config.Tied.
	Tied bool
	// Seed draws the autoencoders' weights, that of layer i by Seed+i; 0 stands for 1.
	Seed uint64
	// Start, where not nil, is called with layer i's autoencoder and its data before
	// they are trained, for start values other than those that Seed draws: StartFrom takes
	// them from data.FromMatrix(x).
	Start func(i int, autoencoder *Network, x mat.Matrix) error
}

// Pretrain trains the sparse layers, the first one first, each for itself and
// without labels (greedy layer-wise pre-training, Hinton, Osindero and Teh 2006, for
// k-sparse layers as in Makhzani and Frey 2013, arXiv:1312.5663). The
// outputs of the layers below, for the rows of x, are what an autoencoder of one
// sparse layer learns to reconstruct: New's, with the layer's In, Out, K, Activation
// and Selection. Its encoder's weights, biases and thresholds become the layer's.
// Linear layers are left as they are (but one that is tied shares the weights). What
// the network does to rows before its first layer is done here, too. Train then
// fine-tunes all layers, with labels and SoftmaxCrossEntropy for a classifier.
//
// It returns the histories of the trainings, one for each sparse layer. With an
// error they are those that began: layers whose training ended without one are
// pre-trained, the others untouched. A callback that returns ErrStop ends the
// training of one layer, without an error. Errors wrap ErrEmpty, ErrShape,
// ErrNotFinite, ErrRange (a TrainConfig with validation data, or one Checkpoint.File
// for two layers, too), ErrNoSparseLayer, ErrUnset, or are those of Train or Start.
//
// Memory is needed for the dense outputs of one layer for all rows of x.
func (n *Network) Pretrain(ctx context.Context, x mat.Matrix, cfg PretrainConfig) ([]*train.History, error) {
	rows, err := dense.Rows("x", x, n.In())
	if err != nil {
		return nil, err
	}
	if last, _ := n.lastSparse(); last < 0 {
		return nil, fault.Errorf(ErrNoSparseLayer, "Pretrain needs a sparse layer, this network has none")
	}
	if err := fault.First(n.trainable(), n.ready(true), n.finite()); err != nil {
		return nil, err
	}
	rows = n.apart(rows)
	configs, err := cfg.layers(n)
	if err != nil {
		return nil, err
	}
	var histories []*train.History
	for i, l := range n.layers {
		s := l.sparse()
		if s == nil {
			continue
		}
		below, err := n.below(i, rows)
		if err != nil {
			return histories, err
		}
		h, err := s.pretrain(ctx, i, dense.Of(below), configs[i], cfg)
		if h != nil {
			histories = append(histories, h)
		}
		if err != nil {
			return histories, fault.Errorf(err, "pre-training layer %q: %s", s.name, fault.Text(err))
		}
	}
	return histories, nil
}

// layers returns the TrainConfig of each sparse layer of n.
func (c PretrainConfig) layers(n *Network) ([]TrainConfig, error) {
	configs := make([]TrainConfig, len(n.layers))
	files := make(map[string]string) // layers by their Checkpoint.File
	for i, l := range n.layers {
		if l.sparse() == nil {
			continue
		}
		configs[i] = c.Train
		if c.Layer != nil {
			configs[i] = c.Layer(i)
		}
		t := configs[i]
		if err := fault.First(t.validate(), t.checkActive([]Layer{l})); err != nil {
			return nil, fault.Errorf(err, "layer %q: %s", l.Name(), fault.Text(err))
		}
		if t.Validation.X != nil || t.Validation.Source != nil {
			return nil, fault.Errorf(ErrRange, "layer %q: Pretrain takes no Validation.X or Source, use Validation.Fraction", l.Name())
		}
		if other, taken := files[t.Checkpoint.File]; taken && t.Checkpoint.File != "" {
			return nil, fault.Errorf(ErrRange, "layers %q and %q have one Checkpoint.File, %s; give each its own by PretrainConfig.Layer", other, l.Name(), t.Checkpoint.File)
		}
		files[t.Checkpoint.File] = l.Name()
	}
	return configs, nil
}

// pretrain gives l, which is layer i, the encoder of an autoencoder that is trained
// on x.
func (l *SparseLayer) pretrain(ctx context.Context, i int, x mat.Matrix, how TrainConfig, cfg PretrainConfig) (*train.History, error) {
	autoencoder, err := New(Config{Classic: true,
		Inputs: l.in, Latents: l.out, K: cmp.Or(l.k, -1), Activation: l.activation, Selection: l.selection,
		Tied: cfg.Tied,
		Seed: max(cfg.Seed, 1) + uint64(i),
	})
	if err != nil {
		return nil, err
	}
	encoder := autoencoder.layers[0].sparse()
	if l.selection == SelectThreshold { // training does not learn those
		encoder.thresholds = l.Thresholds()
	}
	if cfg.Start != nil {
		if err := cfg.Start(i, autoencoder, x); err != nil {
			return nil, err
		}
	}
	what := "x"
	if i > 0 {
		what = fmt.Sprintf("what comes to layer %q", l.name)
	}
	h, err := autoencoder.trainNamed(ctx, what, what, x, x, how)
	if err != nil {
		return h, err
	}
	copy(l.w.Float64, encoder.w.Float64)
	copy(l.b, encoder.b)
	l.thresholds = slices.Clone(encoder.thresholds)
	return h, nil
}

// below returns what comes to layer i of x: dense rows.
func (n *Network) below(i int, x matrix.Rows) (matrix.Rows, error) {
	if i == 0 && n.rows.Identity() {
		return x, nil
	}
	out := matrix.New(x.Rows, n.layers[i].In())
	p := n.pass()
	defer n.spare.Put(p)
	p.Inputs(out, i, x)
	if row := out.NotFiniteRow(); row >= 0 {
		return out, n.overflow(fmt.Sprintf("what comes to layer %q", n.layers[i].Name()), row)
	}
	return out, nil
}
