package ksparse

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/engine"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/feed"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/sparse"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// Train trains the network to give y for x, one row per sample; for an
// autoencoder y is x. It goes over the samples in a new random order each epoch,
// a batch a step. Between two steps it looks whether ctx is done. Inputs that are *Codes stay
// codes where the network can take them: see Codes.
//
// The history is returned in every case in which training began, with an error
// too: ctx.Err(), what the callback returned, or an error that wraps ErrDiverged
// and names the step at which the loss or a parameter would have become NaN or
// infinite; the network then keeps its last finite parameters (of which that step may have moved some). Before training
// begins, errors wrap ErrEmpty, ErrShape, ErrNotFinite or ErrRange, with
// Checkpoint.Resume also ErrCheckpoint or ErrFormat, and the network is untouched.
// Samples that a training could not square are refused there: those whose variance is
// more than 1e140, or less than 1e-140 but not zero.
//
// The same seed, data and configuration give the same bits, for every GOMAXPROCS.
func (n *Network) Train(ctx context.Context, x, y mat.Matrix, cfg TrainConfig) (*train.History, error) {
	return n.trainNamed(ctx, "x", "y", x, y, cfg)
}

// trainNamed is Train for samples that errors call so.
func (n *Network) trainNamed(ctx context.Context, nameX, nameY string, x, y mat.Matrix, cfg TrainConfig) (*train.History, error) {
	start := time.Now()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	rowsX, rowsY, err := n.samples(nameX, nameY, x, y, cfg.Loss)
	if err != nil {
		return nil, err
	}
	settings := cfg.feedSettings(n)
	return n.trainOn(ctx, start, feed.FromMemory(settings, rowsX, rowsY), cfg)
}

// TrainSource trains the network on the rows of src, which need not fit in memory. For an
// autoencoder they are inputs and targets at once. A data.Paired, which data.Pair makes, has inputs
// and targets side by side, of In and Out columns: it trains a network of any kind, such as a
// transcoder. TrainSource is Train otherwise.
//
// A source of up to TrainConfig.Buffer rows is read once, and the training is
// that of Train, to the bit. A larger one is read once in each epoch, through a
// shuffling buffer. The source is cut into equal parts, one after the other: about 1024,
// or as many as the buffer has rows, or 256 where rows are short. Each part is cut into
// as many equal pieces as it takes buffers to read the source. A buffer takes one piece
// of each part, drawn at random, a ReadRows each; its rows are shuffled and used up, and
// the next one takes other pieces. So each buffer, the last one of an epoch too, is a
// fair sample of the whole source, also where that is sorted, and all have about equally
// many rows. A batch may take the last rows of one buffer and the first of the next.
//
// If src has a method ReadsAhead() bool that returns true, as an *data.Npy has and data.Prefetch
// adds, the next buffer is read by another goroutine while one is used. The training then
// takes the longer of the times for reading and for training, not their sum, and a second
// buffer. Its bits are the same. What was read ahead and is not needed, errors too, plays no
// part. TrainSource returns after the last ReadRows has returned.
//
// Memory for the rows is (Buffer + BatchSize)·columns·8 bytes, or (2·Buffer +
// BatchSize)·columns·8 where they are read ahead, and 8 bytes for each row of the buffer;
// SelectBatchTopK keeps up to 128 MiB of rows more, or a batch of them, for its threshold. The
// rest is that of a training that has its data in memory: parameters, optimizer state, and
// activations of one batch.
//
// Rows of a source are dense, also where they are codes: so is each batch.
// The rows must stay the same from epoch to epoch, and until a resumed training
// ends. Errors of the source are wrapped and name the rows that were asked for;
// rows with NaN or an infinity, or that the source did not write, are ErrNotFinite,
// another number of columns than the network takes, or other ones of inputs and targets than it
// takes and gives, ErrShape, and without targets a network that is not as wide at its end as at its
// start ErrShape. Reading the first buffer comes before
// training begins, and so do more rows: for the start of the modern form 4096 or as many as there are
// latents, for SelectBatchTopK up to 32,768. So where that fails, or ctx is done meanwhile, there is no history
// and no checkpoint. Validation.Fraction needs a source that fits in the buffer, else
// it is ErrRange: give Validation.X or Source.
func (n *Network) TrainSource(ctx context.Context, src data.Source, cfg TrainConfig) (*train.History, error) {
	start := time.Now()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	table, err := feed.Check(src, n.In(), n.Out())
	if err != nil {
		return nil, err
	}
	if !table.Paired() && n.Out() != n.In() {
		return nil, fault.Errorf(ErrShape, "TrainSource wants an autoencoder, or a source that data.Pair made: the network takes %d values and gives %d", n.In(), n.Out())
	}
	settings := cfg.feedSettings(n)
	f, err := feed.FromSource(ctx, settings, table, cfg.withDefaults(n).Buffer, n.checkRows(cfg))
	if err != nil {
		return nil, err
	}
	return n.trainOn(ctx, start, f, cfg)
}

// trainOn trains on what f hands out. cfg is valid.
func (n *Network) trainOn(ctx context.Context, start time.Time, f *feed.Feed, cfg TrainConfig) (*train.History, error) {
	made := makeThresholds(n.layers)
	l, err := newLoop(ctx, n, f, cfg)
	if err != nil {
		made.forget()
		return nil, err
	}
	l.clock.start, l.learner.made = start, made
	err = l.run(ctx)
	l.leave()
	return &l.history, err
}

// loop is a training whose batches come from a feed.
type loop struct {
	*Trainer
	given      TrainConfig // cfg without what depends on the number of steps
	feed       *feed.Feed
	variance   float64 // of the samples, or of those in the first buffer; NaN where there is none
	untilSteps bool    // epochs go on until the steps are done
}

// newLoop prepares a training up to its first step, or up to where the checkpoint is
// that it resumes from.
func newLoop(ctx context.Context, n *Network, f *feed.Feed, cfg TrainConfig) (*loop, error) {
	t, err := newTrainer(n, cfg)
	if err != nil {
		return nil, err
	}
	if err := checkCheckpointFile(cfg.Checkpoint.File); err != nil {
		return nil, err
	}
	l := &loop{Trainer: t, feed: f}
	if cfg.Validation.Fraction > 0 {
		if t.valid.x, t.valid.y, err = f.HoldOut(cfg.Validation.Fraction); err != nil {
			return nil, err
		}
		t.valid.rows = t.valid.y.Rows
	}
	t.inEpoch = f.Samples()
	t.cfg, l.untilSteps = t.cfg.withSamples(n, t.inEpoch)
	if l.given = t.cfg; !n.modern {
		l.given = t.cfg.withRate(n)
	}
	if size, widest := t.cfg.BatchSize, max(n.In(), n.Out()); size > matrix.MaxNumbers/widest {
		return nil, fault.Errorf(ErrRange, "TrainConfig.BatchSize is %d, which is too large for rows of %d values", size, widest)
	}
	f.SetBatchSize(t.cfg.BatchSize)
	if err := l.beginEpoch(ctx); err != nil {
		return nil, err
	}
	t.keep()
	if rows := n.calibrationRowsOf(t.cfg.BatchSize); rows > 0 {
		if t.learner.rows, err = f.Inputs(ctx, rows); err != nil {
			return nil, err
		}
		t.learner.count = t.learner.rows.Rows
	}
	t.countFar(f)
	restore := func() {}
	if cfg.Checkpoint.Resume {
		restore = keepEach(append(thresholdsOf(n.layers), t.kept.live...))
	}
	if err := l.prepare(); err != nil {
		return nil, err
	}
	t.fresh = n.fresh()
	if cfg.Checkpoint.Resume {
		if err := l.resume(ctx); err != nil {
			restore()
			return nil, err
		}
		if l.history.Steps > 0 {
			t.learner.calibrate(n)
		}
	}
	if t.fresh && l.history.Steps == 0 {
		if t.starts, err = f.Inputs(ctx, n.modernRows()); err != nil {
			restore()
			return nil, err
		}
	}
	return l, nil
}

// prepare finds the variance of the samples, and prepares the steps.
func (l *loop) prepare() (err error) {
	if l.variance, err = l.measureVariance(); err != nil {
		return err
	}
	if err := fault.First(l.net.checkInputs("the training samples", l.feed.LargestInput()), l.asked.checkVariance("the training samples", l.variance)); err != nil {
		return err
	}
	of := allSamples
	if l.feed.Streams() {
		of = "the samples in the first buffer"
	}
	l.begin(l.cfg.BatchSize, l.variance, of)
	return nil
}

// measureVariance returns the mean of |y-ȳ|² over the samples in memory, in the space in which
// losses are measured; NaN where the loss is another than the squared error.
func (l *loop) measureVariance() (float64, error) {
	if l.cfg.Loss != SquaredError {
		return math.NaN(), nil
	}
	rows := &l.net.rows
	if !rows.Undo {
		return l.feed.Variance(func(_, y []float64) []float64 { return y })
	}
	buffer := make([]float64, l.net.Out())
	return l.feed.Variance(func(x, y []float64) []float64 {
		mean, spread := rows.Numbers(x)
		normal.Apply(buffer, y, mean, spread)
		return buffer
	})
}

// run goes through what is left of the training, a batch a step. The first epoch has
// begun.
func (l *loop) run(ctx context.Context) error {
	defer l.feed.Close()
	for !l.over() {
		if err := ctx.Err(); err != nil {
			return l.interrupt(train.StopContext, err)
		}
		if !l.feed.InEpoch() {
			if err := l.beginEpoch(ctx); err != nil {
				return l.interrupt(train.StopSource, err)
			}
		}
		l.feed.SetLast(len(l.history.Epochs)+1 >= l.cfg.Epochs)
		x, y, last, err := l.feed.Next(ctx)
		if err != nil {
			return l.interrupt(train.StopSource, err)
		}
		report, err := l.step(x, y)
		if err != nil {
			return err
		}
		l.history.LeftOut = max(l.history.LeftOut, l.feed.LeftOut())
		l.cutShort = 0
		if !last && l.history.Steps == l.cfg.Steps {
			last, l.cutShort = true, 1
		}
		if last {
			if err := l.endEpoch(); err != nil {
				l.fail(err)
				return err
			}
			l.history.Advice = l.advice(l.over())
		}
		if err := l.tell(report, last); err != nil {
			return l.interrupt(train.StopCallback, err)
		}
		if l.checkpointDue(last) {
			if err := l.checkpoint(); err != nil {
				l.history.Stop = train.StopCheckpoint
				return err
			}
		}
	}
	if l.outOfPatience() {
		l.history.Stop = train.StopPatience
	}
	return nil
}

// over reports whether the training has come to its end. (Where MaxNorm leaves rows of a
// source out there are fewer steps than were counted in advance.)
func (l *loop) over() bool {
	return l.history.Steps >= l.cfg.Steps || !l.untilSteps && len(l.history.Epochs) >= l.cfg.Epochs || l.outOfPatience()
}

// outOfPatience reports whether there was no better epoch for Patience epochs.
func (t *Trainer) outOfPatience() bool {
	patience := t.cfg.Validation.Patience
	return patience > 0 && len(t.history.Epochs)-t.history.BestEpoch >= patience
}

// beginEpoch begins an epoch.
func (l *loop) beginEpoch(ctx context.Context) error {
	l.epoch = tally{begin: time.Now()}
	err := l.feed.Begin(ctx)
	l.history.LeftOut = max(l.history.LeftOut, l.feed.LeftOut())
	return err
}

// interrupt ends the training between two steps, for a reason from outside, so
// that it can be resumed.
func (l *loop) interrupt(reason train.StopReason, cause error) error {
	if reason == train.StopSource && (errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded)) {
		reason = train.StopContext
	}
	l.history.Stop = reason
	if reason == train.StopCallback && errors.Is(cause, ErrStop) {
		cause = nil
	}
	if l.cfg.Checkpoint.File == "" {
		return cause
	}
	if err := l.checkpoint(); err != nil {
		return errors.Join(cause, err)
	}
	return cause
}

// tell calls the callback after a step, the last of its epoch or not.
func (l *loop) tell(r engine.Report, last bool) error {
	if l.cfg.Callback == nil {
		return nil
	}
	epoch := len(l.history.Epochs)
	if !last {
		epoch++
	}
	p := l.progress(r, epoch, last)
	if l.over() {
		p.Left = 0 // also where MaxNorm made the steps fewer
	}
	return l.cfg.Callback(p)
}

// samples checks a pair of inputs and targets. Those that lie in the network's parameters,
// which training moves, are copied.
func (n *Network) samples(nameX, nameY string, x, y mat.Matrix, loss Loss) (rowsX sparse.Rows, rowsY matrix.Rows, err error) {
	if n.taken(x) != nil && !dense.Same(x, y) {
		rowsX, rowsY, err = n.samplesOfCodes(nameX, nameY, x, y)
	} else {
		rowsX.Dense, rowsY, err = dense.Pair(nameX, nameY, x, y, n.In(), n.Out())
	}
	if err != nil {
		return rowsX, rowsY, err
	}
	same := matrix.Same(rowsX.Dense, rowsY)
	rowsX.Dense = n.apart(rowsX.Dense)
	if rowsY = n.apart(rowsY); same {
		rowsY = rowsX.Dense
	}
	return rowsX, rowsY, loss.checkTarget(nameY, rowsY, 0)
}

// samplesOfCodes is samples for inputs that go in as codes, and for targets, which are dense, that are
// not the inputs.
func (n *Network) samplesOfCodes(nameX, nameY string, x, y mat.Matrix) (rowsX sparse.Rows, rowsY matrix.Rows, err error) {
	if rowsX, err = n.inputs(nameX, x); err != nil {
		return rowsX, rowsY, err
	}
	if rowsY, err = dense.Rows(nameY, y, n.Out()); err != nil {
		return rowsX, rowsY, err
	}
	return rowsX, rowsY, dense.SameCount(nameX, nameY, rowsX.Len(), rowsY.Rows)
}

// checkpoint writes a checkpoint.
func (l *loop) checkpoint() error {
	var unknown unlearned
	if l.history.Steps == 0 {
		unknown = l.learner.made
	}
	return l.save(l.net.toSave(unknown))
}
