package job

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strings"
	"time"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/figures"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/progress"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/settings"
	"github.com/ksparse/ksparse/train"
)

// Paths are the files of a model and of its training.
type Paths struct{ Model, Checkpoint, Settings, Report string }

// PathsOf returns the files that belong to the model at path: model.ksp.checkpoint, model.settings.json and model.html
// beside model.ksp.
func PathsOf(path string) Paths {
	stem := strings.TrimSuffix(path, ".ksp")
	return Paths{path, path + ".checkpoint", stem + ".settings.json", stem + ".html"}
}

// Check reports whether the training may replace a model. It returns an error where a file would be replaced that should
// not be, or cannot be called so.
func (p Paths) Check(resume, force bool) (replace bool, _ error) {
	going := exists(p.Checkpoint)
	for _, path := range []string{p.Model, p.Checkpoint, p.Settings, p.Report} {
		info, err := os.Stat(path)
		var cause *fs.PathError
		switch {
		case err == nil && info.IsDir():
			return false, fmt.Errorf("%s is a folder, and a file should be written there", path)
		case errors.As(err, &cause) && !errors.Is(err, fs.ErrNotExist):
			return false, fmt.Errorf("%s: %w", path, cause.Err)
		}
	}
	switch {
	case force && resume:
		return false, say.Wrong("--resume and --force exclude each other: --force begins anew")
	case force, resume && going:
		return true, nil
	case going:
		return false, fmt.Errorf("%s holds a training that can go on: --resume goes on with it, --force begins anew", p.Checkpoint)
	}
	for _, path := range []string{p.Model, p.Report} {
		if exists(path) {
			return false, fmt.Errorf("%s exists: --force replaces it", path)
		}
	}
	return false, nil
}

// exists reports whether there is something at path.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// claim makes the model's file, empty, where there is none: of several trainings one succeeds. The others get an error.
func (p Paths) claim() error {
	f, err := os.OpenFile(p.Model, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s was written by another training meanwhile: it stays, and this one's model is not written", p.Model)
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// A Job is the training of one model.
type Job struct {
	Data     *Data
	Settings *settings.Settings
	Paths    Paths
	Resume   bool
	Replace  bool // a model that is there
	Keep     bool // the checkpoint, when the training has ended
	Printer  *progress.Printer
	Began    func() error // called after the first step; nil for nothing
}

// Result is what a training has made.
type Result struct {
	Network *ksparse.Network
	History *train.History
	Figures *figures.Figures // on the rows held out
	Points  []Point
}

// Point is the mean over some steps.
type Point struct {
	Step          int
	Loss, FVU, L0 float64
	Dead, steps   int
}

// Interrupted says that a training was stopped, and can go on.
type Interrupted struct {
	Step, Steps int
	Checkpoint  string
}

// Error says where the training was stopped.
func (i *Interrupted) Error() string {
	return fmt.Sprintf("interrupted at step %d of %d, which %s holds", i.Step, i.Steps, i.Checkpoint)
}

// Run trains, writes the model, measures it, and removes the checkpoint.
func (j *Job) Run(ctx context.Context) (*Result, error) {
	r := new(Result)
	var err error
	if r.Network, err = j.Settings.Network(j.Data.Inputs, j.Data.Outputs, j.Data.Transcoder); err != nil {
		return nil, err
	}
	cfg := j.Settings.Config(j.Data.held)
	cfg.Checkpoint = ksparse.Checkpoint{File: j.Paths.Checkpoint, Every: j.Settings.Every, Resume: j.Resume}
	steps := 0
	cfg.Callback = func(p train.Progress) error {
		if steps == 0 && j.Began != nil {
			if err := j.Began(); err != nil {
				return err
			}
		}
		steps = p.Steps
		j.Printer.Step(p)
		r.add(p)
		return nil
	}
	j.Printer.Say("reading the first rows")
	r.History, err = r.Network.TrainSource(ctx, j.Data.train, cfg)
	j.Printer.End()
	switch {
	case errors.Is(err, context.Canceled) && r.History != nil && r.History.Steps > 0:
		return nil, &Interrupted{r.History.Steps, max(steps, r.History.Steps), j.Paths.Checkpoint}
	case err != nil:
		return nil, err
	}
	if err := j.save(r.Network); err != nil {
		return nil, err
	}
	if r.Figures, err = figures.Of(r.Network, j.Data.measured()); err != nil {
		return nil, fmt.Errorf("%s is written; measuring it: %w", j.Paths.Model, err)
	}
	return r, nil
}

// save writes the model. It replaces one that is there only where that is wanted: two trainings may have begun together.
func (j *Job) save(n *ksparse.Network) error {
	if !j.Replace {
		if err := j.Paths.claim(); err != nil {
			return err
		}
	}
	err := n.SaveFile(j.Paths.Model)
	if err != nil && !j.Replace {
		os.Remove(j.Paths.Model) // it is empty
	}
	return err
}

// End removes the checkpoint, which is not wanted any more.
func (j *Job) End() error {
	if j.Keep {
		return nil
	}
	if err := os.Remove(j.Paths.Checkpoint); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// pointsMost is how many points a curve has at most.
const pointsMost = 400

// add takes the progress after a step into the curves.
func (r *Result) add(p train.Progress) {
	each := max(1, p.Steps/pointsMost)
	if last := len(r.Points) - 1; last < 0 || r.Points[last].steps == each {
		r.Points = append(r.Points, Point{})
	}
	q := &r.Points[len(r.Points)-1]
	n := float64(q.steps)
	q.Step, q.Dead = p.Step, p.Dead
	q.Loss, q.FVU, q.L0 = (q.Loss*n+p.Loss)/(n+1), (q.FVU*n+p.FVU)/(n+1), (q.L0*n+p.L0)/(n+1)
	q.steps++
}

// The share of the time in which the first steps are timed, and its limits.
const (
	probeShare = 0.05
	probeLeast = 200 * time.Millisecond
	probeMost  = 15 * time.Second
	probeSteps = 5    // at least
	endShare   = 0.95 // of the time that is left, for steps; the rest is for checkpoints
)

// SetSteps times the first steps of a training that is thrown away, and sets Steps to how many such steps
// Settings.Time has room for: the rate of a training falls by the number of its steps, so that must be known before
// the first.
func (j *Job) SetSteps(ctx context.Context) error {
	s := *j.Settings
	probe := min(max(time.Duration(float64(s.Time)*probeShare), probeLeast), probeMost)
	s.Steps, s.Time, s.Patience = math.MaxInt32, 0, 0
	n, err := s.Network(j.Data.Inputs, j.Data.Outputs, j.Data.Transcoder)
	if err != nil {
		return err
	}
	begin := time.Now()
	var first, last time.Time // after the first step, and after the last
	steps := 0                // after the first
	cfg := s.Config(nil)
	cfg.Callback = func(p train.Progress) error {
		if last = time.Now(); p.Step == 1 {
			first = last
		}
		if steps = p.Step - 1; steps >= probeSteps && last.Sub(first) >= probe {
			return ksparse.ErrStop
		}
		return nil
	}
	j.Printer.Say("timing the first steps")
	if _, err := n.TrainSource(ctx, j.Data.train, cfg); err != nil {
		return err
	}
	each := last.Sub(first) / time.Duration(max(1, steps))
	left := j.Settings.Time - last.Sub(begin) - first.Sub(begin) // the start comes once more
	j.Settings.Steps = max(1, int(endShare*float64(left)/float64(max(1, each))))
	j.Settings.Time = 0
	return nil
}
