package ksparse

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ksparse/ksparse/internal/kernel"
)

// section is one slice of the state of a training, of either kind of number.
type section struct {
	name   string
	floats []float64
	counts []int64
}

// setting is something that a training and the checkpoint that it resumes from
// must agree in.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// mayChange are the fields of TrainConfig that make no difference to the result,
// or are compared in another form.
var mayChange = map[string]bool{
	"ValidationX": true, "ValidationY": true, "Buffer": true, "Callback": true,
	"CheckpointFile": true, "CheckpointEvery": true, "Resume": true,
}

// settings lists what a checkpoint must agree in, the data's variance standing
// for the data.
func (t *trainer) settings() []setting {
	var all []setting
	add := func(name, format string, values ...any) {
		all = append(all, setting{name, fmt.Sprintf(format, values...)})
	}
	add("the number of layers", "%d", len(t.net.layers))
	for i, l := range t.net.layers {
		kind, k := kindLinear, ""
		if s, ok := l.(*SparseLayer); ok {
			kind, k = kindSparse, fmt.Sprintf(" with k = %d by %v", s.k, s.selection)
		}
		add(fmt.Sprintf("layer %d", i), "%s from %d to %d%s, %v", kind, l.In(), l.Out(), k, l.Activation())
	}
	f := &t.net.frame
	add("the model", "pre-bias %v, tied weights %v, normalization %v by %v, undone %v", f.shift != nil, t.net.Tied(), f.normalization, f.scale, f.undo)
	add("the number of samples", "%d", t.feed.samples())
	if s := t.feed.stream; s != nil {
		add("the buffer", "%d chunks of %d rows", s.atOnce, s.chunkRows)
	} else {
		add("the buffer", "all samples")
	}
	add("the number of validation samples", "%d", t.validation[0].Rows)
	add("the variance of the samples", "%v", t.variance)
	config := reflect.ValueOf(t.cfg)
	for i := range config.NumField() {
		if name := config.Type().Field(i).Name; !mayChange[name] {
			add("TrainConfig."+name, "%s", describe(config.Field(i).Interface()))
		}
	}
	return all
}

// describe writes v so that it reads the same for equal values, through pointers
// too. Of what cannot be written it is the type alone.
func describe(v any) string {
	switch reflect.TypeOf(v).Kind() {
	case reflect.Struct, reflect.Pointer, reflect.Func:
		text, _ := json.Marshal(v)
		return strings.TrimLeft(fmt.Sprintf("%T", v), "*") + string(text)
	}
	return fmt.Sprint(v)
}

// scalars points at the single numbers of the training's state. Of the tally, what
// the next step sets anew is not among them.
func (t *trainer) scalars() (counts []*int, floats []*float64) {
	h, e, p := &t.history, &t.epoch, &t.feed.place
	return []*int{&h.Steps, &h.BestEpoch, &h.LeftOut, &e.steps, &e.samples, &p.from, &p.at, &p.leftOut},
		[]*float64{&t.validLoss, &t.bestLoss, &e.lossSum, &e.fvuSum, &e.l0Sum, &e.gradientNorm}
}

// epochNumbers points at the numbers of e that a checkpoint keeps. Its number,
// count of dead latents and time are integers: they come apart.
func epochNumbers(e *EpochStats) []*float64 {
	return []*float64{&e.TrainLoss, &e.ValidationLoss, &e.LearningRate, &e.FVU, &e.L0, &e.GradientNorm}
}

const (
	epochFloats = 6 // numbers of an epoch in "epoch floats"
	epochCounts = 2 // in "epoch counts"
	copied      = 6 // the first sections hold copies, see restore
)

// sections lists the whole state of the training. The first ones, which are
// small, hold copies; those of parameters and optimizer the state itself.
func (t *trainer) sections() []section {
	counts, floats := t.scalars()
	small := [copied]section{
		{name: "counters", counts: make([]int64, len(counts))},
		{name: "sums", floats: make([]float64, len(floats))},
		{name: "random", counts: make([]int64, 3)},
		{name: "order", counts: make([]int64, len(t.feed.orderToKeep()))},
		{name: "epoch floats", floats: make([]float64, 0, epochFloats*len(t.history.Epochs))},
		{name: "epoch counts", counts: make([]int64, 0, epochCounts*len(t.history.Epochs))},
	}
	for i, p := range counts {
		small[0].counts[i] = int64(*p)
	}
	for i, p := range floats {
		small[1].floats[i] = *p
	}
	random, _ := t.feed.random.MarshalBinary() // "pcg:" and two uint64; never an error
	small[2].counts[0] = int64(binary.BigEndian.Uint64(random[4:]))
	small[2].counts[1] = int64(binary.BigEndian.Uint64(random[12:]))
	if t.feed.open {
		small[2].counts[2] = 1
	}
	for i, v := range t.feed.orderToKeep() {
		small[3].counts[i] = int64(v)
	}
	for i := range t.history.Epochs {
		e := &t.history.Epochs[i]
		for _, p := range epochNumbers(e) {
			small[4].floats = append(small[4].floats, *p)
		}
		small[5].counts = append(small[5].counts, int64(e.Dead), int64(e.Time))
	}
	all := small[:]
	add := func(name string, slices [][]float64) {
		for i, s := range slices {
			all = append(all, section{name: fmt.Sprint(name, " ", i), floats: s})
		}
	}
	add("parameters", t.parameters)
	add("best parameters", t.best)
	if t.average != nil {
		add("average", t.average.values)
	}
	return append(all, t.stepper.sections()...)
}

// restore takes the state back from sections that have been read: the first ones,
// for the others have been read to where they belong.
func (t *trainer) restore(ctx context.Context, all []section) error {
	counts, floats := t.scalars()
	for i, p := range counts {
		*p = int(all[0].counts[i])
		if *p < 0 || int64(*p) != all[0].counts[i] {
			return errorf(ErrFormat, "the checkpoint holds %d as counter %d", all[0].counts[i], i)
		}
	}
	for i, p := range floats {
		*p = all[1].floats[i]
	}
	for i := range t.history.Epochs {
		e := &t.history.Epochs[i]
		e.Epoch = i + 1
		for j, p := range epochNumbers(e) {
			*p = all[4].floats[epochFloats*i+j]
		}
		e.Dead, e.Time = int(all[5].counts[epochCounts*i]), time.Duration(all[5].counts[epochCounts*i+1])
	}
	if t.history.Steps > t.steps || t.history.BestEpoch > len(t.history.Epochs) {
		return errorf(ErrFormat, "the checkpoint is at step %d of %d, with epoch %d of %d the best",
			t.history.Steps, t.steps, t.history.BestEpoch, len(t.history.Epochs))
	}
	for _, s := range all[copied : len(all)-len(t.stepper.sections())] {
		if !kernel.AllFinite(s.floats) {
			return errorf(errors.Join(ErrFormat, ErrNotFinite), "the checkpoint's %s are not all finite", s.name)
		}
	}
	t.stepper.restored()

	order := t.feed.orderToKeep()
	want := slices.Sorted(slices.Values(order))
	for i, v := range all[3].counts {
		order[i] = int(v)
	}
	if !slices.Equal(slices.Sorted(slices.Values(order)), want) {
		return errorf(ErrFormat, "the checkpoint's order of the samples does not have each sample once")
	}
	at := t.feed.place
	at.open = all[2].counts[2] != 0
	random := binary.BigEndian.AppendUint64([]byte("pcg:"), uint64(all[2].counts[0]))
	random = binary.BigEndian.AppendUint64(random, uint64(all[2].counts[1]))
	if err := at.random.UnmarshalBinary(random); err != nil {
		return errorf(ErrFormat, "the checkpoint's random state: %v", err)
	}
	ok, err := t.feed.resume(ctx, at)
	if err == nil && !ok {
		err = errorf(ErrFormat, "the checkpoint's place in the data, %d of chunk %d, is not there", at.at, at.from)
	}
	return err
}

// checkpointDue says whether to write a checkpoint after a step, the last of an
// epoch or not.
func (t *trainer) checkpointDue(last bool) bool {
	switch every := t.cfg.CheckpointEvery; {
	case t.cfg.CheckpointFile == "":
		return false
	case t.over():
		return true
	case every > 0:
		return t.history.Steps%every == 0
	default:
		return last
	}
}

// save writes a checkpoint.
func (t *trainer) save() error {
	err := writeFile(t.cfg.CheckpointFile, func(w io.Writer) error { return writeCheckpoint(w, t.settings(), t.sections()) })
	if err != nil {
		return fmt.Errorf("ksparse: the checkpoint after step %d: %w", t.history.Steps, err)
	}
	return nil
}

// resume reads the checkpoint file, if it exists, into the trainer.
func (t *trainer) resume(ctx context.Context) error {
	f, err := os.Open(t.cfg.CheckpointFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ksparse: %w", err)
	}
	defer f.Close()
	all, err := t.readCheckpoint(f)
	if err != nil {
		return fmt.Errorf("%w (in %s)", err, t.cfg.CheckpointFile)
	}
	return t.restore(ctx, all)
}
