package ksparse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/ksparse/ksparse/internal/atomicfile"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/feed"
	"github.com/ksparse/ksparse/internal/format"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/sniff"
	"github.com/ksparse/ksparse/train"
)

// mayChange are the fields of TrainConfig that make no difference to the result, or are
// compared in another form or another place.
var mayChange = map[string]bool{
	"TrainConfig.Validation.X": true, "TrainConfig.Validation.Y": true, "TrainConfig.Validation.Source": true, "TrainConfig.Buffer": true, "TrainConfig.Callback": true,
	"TrainConfig.Checkpoint": true, "TrainConfig.Epochs": true, "TrainConfig.Steps": true, "TrainConfig.Seed": true, "TrainConfig.MaxNorm": true, "TrainConfig.Loss": true,
	"TrainConfig.Validation.Fraction": true, "TrainConfig.Validation.Patience": true,
}

// settings lists what a checkpoint must agree in, the data's variance standing for the
// data. What others follow from comes before them: the first difference is what an error
// names.
func (l *loop) settings() []format.Setting {
	var all []format.Setting
	add := func(name, text string, values ...any) {
		all = append(all, format.Setting{Name: name, Value: fmt.Sprintf(text, values...)})
	}
	add("the number of layers", "%d", len(l.net.layers))
	for i, layer := range l.net.layers {
		kind, k := "linear", ""
		if s := layer.sparse(); s != nil {
			if kind, k = "sparse", fmt.Sprintf(" with k = %d by %v", s.k, s.selection); s.thresholds != nil {
				k += " and thresholds"
			}
		}
		add(fmt.Sprintf("layer %d", i), "%s from %d to %d%s, %v", kind, layer.In(), layer.Out(), k, layer.Activation())
	}
	w := l.net.Wiring()
	add("the model", "pre-bias %v, tied weights %v, normalization %v by %v, undone %v", w.PreBias, w.Tied, w.Normalization, w.Scale, w.Undo)
	add("the form, modern or classic,", "%s", map[bool]string{true: "modern", false: "classic"}[l.net.modern])
	add("TrainConfig.Seed", "%d", l.cfg.Seed)
	add("TrainConfig.MaxNorm", "%v", l.cfg.MaxNorm)
	add("TrainConfig.Loss", "%v", l.cfg.Loss)
	add("TrainConfig.Validation.Fraction", "%v", l.cfg.Validation.Fraction)
	add("the number of samples", "%d", l.feed.Samples())
	add("the buffer", "%s", l.feed.Buffer())
	add("the number of validation samples", "%d", l.valid.rows)
	add("the variance of the samples", "%v", l.variance)
	if l.cfg.Validation.Patience == 0 {
		add("TrainConfig.Validation.Patience", "0")
	} else {
		add("TrainConfig.Validation.Patience", "1 or more")
	}
	all = append(all, describeFields("TrainConfig", reflect.ValueOf(l.given))...)
	return all
}

// describeFields lists the fields of v, a struct that is called what, and those of the
// structs in it, but for those that may change.
func describeFields(what string, v reflect.Value) []format.Setting {
	var all []format.Setting
	for i := range v.NumField() {
		name := what + "." + v.Type().Field(i).Name
		switch field := v.Field(i); {
		case mayChange[name]:
		case field.Kind() == reflect.Struct:
			all = append(all, describeFields(name, field)...)
		default:
			all = append(all, format.Setting{Name: name, Value: describe(field)})
		}
	}
	return all
}

// describe writes v, all fields of a struct among them, so that it reads the same for equal
// values, through pointers too. Of a function, channel or map it is the type alone.
func describe(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return "nil"
		}
		return describe(v.Elem())
	case reflect.Struct:
		fields := make([]string, v.NumField())
		for i := range fields {
			fields[i] = v.Type().Field(i).Name + ":" + describe(v.Field(i))
		}
		return v.Type().String() + "{" + strings.Join(fields, " ") + "}"
	case reflect.Func, reflect.Chan, reflect.Map:
		return v.Type().String()
	}
	return fmt.Sprint(v)
}

// scalars points at the single numbers of the training's state. Of the tally, what
// the next step sets anew is not among them.
func (l *loop) scalars(at *feed.State) (counts []*int, floats []*float64) {
	h, e := &l.history, &l.epoch
	return []*int{&h.Steps, &h.BestEpoch, &h.LeftOut, &e.steps, &e.samples, &at.Buffer, &at.Used, &at.LeftOut, &l.cutShort},
		[]*float64{&l.valid.loss, &l.valid.best, &e.lossSum, &e.fvuSum, &e.l0Sum, &e.gradientNorm}
}

// epochNumbers points at the numbers of e that a checkpoint keeps. Its number,
// count of dead latents and time are integers: they come apart.
func epochNumbers(e *train.EpochStats) []*float64 {
	return []*float64{&e.TrainLoss, &e.ValidationLoss, &e.LearningRate, &e.FVU, &e.L0, &e.GradientNorm}
}

const (
	epochFloats = 6 // numbers of an epoch in "epoch floats"
	epochCounts = 2 // in "epoch counts"
	copied      = 6 // the first sections hold copies, see restore
)

// sections lists the whole state of the training. The first ones, which are
// small, hold copies; those of parameters and optimizer the state itself.
func (l *loop) sections() []format.Section {
	at := l.feed.State()
	counts, floats := l.scalars(&at)
	all := []format.Section{
		{Name: "counters", Counts: make([]int64, len(counts))},
		{Name: "sums", Floats: make([]float64, len(floats))},
		{Name: "random", Counts: []int64{int64(at.Random[0]), int64(at.Random[1]), oneIf(at.InEpoch), oneIf(l.fresh)}},
		{Name: "order", Counts: at.Order},
		{Name: "epoch floats", Floats: make([]float64, 0, epochFloats*len(l.history.Epochs))},
		{Name: "epoch counts", Counts: make([]int64, 0, epochCounts*len(l.history.Epochs))},
	}
	for i, p := range counts {
		all[0].Counts[i] = int64(*p)
	}
	for i, p := range floats {
		all[1].Floats[i] = *p
	}
	for i := range l.history.Epochs {
		e := &l.history.Epochs[i]
		for _, p := range epochNumbers(e) {
			all[4].Floats = append(all[4].Floats, *p)
		}
		all[5].Counts = append(all[5].Counts, int64(e.Dead), int64(e.Time))
	}
	for _, part := range []struct {
		name   string
		slices [][]float64
	}{{"parameters", l.kept.live}, {"best parameters", l.kept.best}, {"average", l.kept.average}} {
		for i, s := range part.slices {
			all = append(all, format.Section{Name: fmt.Sprint(part.name, " ", i), Floats: s})
		}
	}
	for i, s := range thresholdsOf(l.net.layers) {
		if s != nil {
			all = append(all, format.Section{Name: fmt.Sprint("thresholds ", i), Floats: s})
		}
	}
	for _, s := range l.stepper.State() {
		all = append(all, format.Section(s))
	}
	return all
}

// oneIf returns 1 for true.
func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// restore takes the state back from sections that have been read: the first ones,
// for the others have been read to where they belong.
func (l *loop) restore(ctx context.Context, all []format.Section) error {
	var at feed.State
	counts, floats := l.scalars(&at)
	for i, p := range counts {
		*p = int(all[0].Counts[i])
		if *p < 0 || int64(*p) != all[0].Counts[i] {
			return fault.Errorf(ErrFormat, "the checkpoint holds %d as counter %d", all[0].Counts[i], i)
		}
	}
	for i, p := range floats {
		*p = all[1].Floats[i]
	}
	for i := range l.history.Epochs {
		e := &l.history.Epochs[i]
		e.Epoch = i + 1
		for j, p := range epochNumbers(e) {
			*p = all[4].Floats[epochFloats*i+j]
		}
		e.Dead, e.Time = int(all[5].Counts[epochCounts*i]), time.Duration(all[5].Counts[epochCounts*i+1])
	}
	at.InEpoch, l.fresh = all[2].Counts[2] != 0, all[2].Counts[3] != 0
	if best, epochs := l.history.BestEpoch, len(l.history.Epochs); best > epochs+1 || best > epochs && !at.InEpoch {
		return fault.Errorf(ErrFormat, "the checkpoint has epoch %d of %d as the best", best, epochs)
	}
	if err := l.mayGoOn(); err != nil {
		return err
	}
	for _, s := range all[copied : len(all)-len(l.stepper.State())] { // parameters and thresholds
		if !kernel.AllFinite(s.Floats) {
			return fault.Errorf(errors.Join(ErrFormat, ErrNotFinite), "the checkpoint's %s are not all finite", s.Name)
		}
	}
	l.stepper.Restored()
	if l.cutShort != 0 && at.InEpoch && l.history.Steps < l.cfg.Steps {
		l.reopenEpoch()
		l.cutShort = 0 // also for a checkpoint before the next step
	}
	at.Random = [2]uint64{uint64(all[2].Counts[0]), uint64(all[2].Counts[1])}
	at.Order = all[3].Counts
	return l.feed.Restore(ctx, at)
}

// mayGoOn returns an error where the checkpoint has more steps or epochs than the training
// should have.
func (l *loop) mayGoOn() error {
	done, what, want := l.history.Steps, "steps", l.cfg.Steps
	if epochs := len(l.history.Epochs); !l.untilSteps && epochs > l.cfg.Epochs {
		done, what, want = epochs, "epochs", l.cfg.Epochs
	}
	if done <= want {
		return nil
	}
	return fault.Errorf(ErrCheckpoint, "the checkpoint has %d %s done, TrainConfig asks for %d in all: give at least as many, or open the checkpoint as a network", done, what, want)
}

// reopenEpoch takes back the end of an epoch that Steps had cut short, for the training
// goes on in the middle of it. Where it was the best, its parameters stay those to beat:
// the ones before them are not kept.
func (l *loop) reopenEpoch() {
	h := &l.history
	n := len(h.Epochs) - 1
	if n < 0 {
		return
	}
	keep := l.kept.best != nil && h.BestEpoch == n+1
	best := l.valid.best
	epochs := h.Epochs[:n]
	h.Epochs, h.BestEpoch, l.valid.best, l.valid.loss = epochs, 0, math.Inf(1), math.NaN()
	for i, e := range epochs {
		watched := e.TrainLoss
		if l.valid.rows > 0 {
			watched, l.valid.loss = e.ValidationLoss, e.ValidationLoss
		}
		if l.isBest(watched) {
			l.valid.best, h.BestEpoch = watched, i+1
		}
	}
	if keep {
		l.valid.best, h.BestEpoch = best, n+1
	}
}

// checkpointDue says whether to write a checkpoint after a step, the last of an
// epoch or not.
func (l *loop) checkpointDue(last bool) bool {
	switch every := l.cfg.Checkpoint.Every; {
	case l.cfg.Checkpoint.File == "":
		return false
	case l.over():
		return true
	case every > 0:
		return l.history.Steps%every == 0
	default:
		return last
	}
}

// save writes a checkpoint. The network in it, and its thresholds, are those that the
// training would leave now.
func (l *loop) save(network *format.Network) error {
	left, name := l.kept.left(l.history.Steps, l.history.BestEpoch)
	if l.history.Steps > 0 {
		l.kept.swap(left)
		l.learner.calibrate(l.net)
		l.kept.swap(left)
	}
	err := atomicfile.Write(l.cfg.Checkpoint.File, func(w io.Writer) error {
		return format.WriteCheckpoint(w, l.settings(), network, name, l.sections())
	})
	if left != nil {
		l.learner.calibrate(l.net)
	}
	if err != nil {
		return fault.Errorf(err, "the checkpoint after step %d: %s", l.history.Steps, fault.Text(fault.In(l.cfg.Checkpoint.File, err)))
	}
	return nil
}

// checkCheckpointFile returns an error where a checkpoint could not be written there. ""
// is none.
func checkCheckpointFile(path string) error {
	if path == "" {
		return nil
	}
	if err := atomicfile.Try(path); err != nil {
		return fault.Errorf(err, "Checkpoint.File cannot be written: %s", fault.Text(err))
	}
	return nil
}

// resume reads the checkpoint file, if it exists, into the training.
func (l *loop) resume(ctx context.Context) error {
	f, err := sniff.Open(l.cfg.Checkpoint.File, sniff.Checkpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	all, err := l.read(f)
	if err != nil {
		return fault.In(l.cfg.Checkpoint.File, err)
	}
	if err := l.restore(ctx, all); err != nil {
		return err
	}
	if len(l.history.Epochs) > 0 {
		l.history.Advice = l.advice(l.over())
	}
	return nil
}

// read checks the file and that it belongs to this training, reads the training's
// sections and returns them.
func (l *loop) read(f *os.File) ([]format.Section, error) {
	c, err := format.OpenCheckpoint(f)
	if err != nil {
		return nil, err
	}
	if err := c.Same(l.settings()); err != nil {
		return nil, err
	}
	wrong := fault.Errorf(ErrFormat, "the checkpoint does not have the sections of this training")
	if len(c.Sections) < copied {
		return nil, wrong
	}
	epochs := c.Sections[copied-1].Counts / epochCounts
	info, err := f.Stat()
	if err != nil {
		return nil, fault.Errorf(err, "the checkpoint: %v", err)
	}
	if epochs < 0 || int64(epochs) > info.Size()/(8*(epochFloats+epochCounts)) {
		return nil, wrong
	}
	l.history.Epochs = make([]train.EpochStats, epochs)
	all := l.sections()
	return all, c.ReadInto(all)
}
