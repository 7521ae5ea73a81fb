package ksparse_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
)

// TestCheckpointTimes: a checkpoint is written when the documentation says so, and
// nothing else is left in its folder.
func TestCheckpointTimes(t *testing.T) {
	x := uniform(1, 10, 6)
	for _, c := range []struct {
		every int
		want  string // of the steps 1 to 9, 3 an epoch: whether the file changed since the step before
	}{
		{0, "......"}, {1, "......"}, {2, "......"}, {4, "......"},
	} {
		folder := t.TempDir()
		file := filepath.Join(folder, "checkpoint")
		var before []byte
		changed := map[int]bool{}
		look := func(step int) { // after the step before
			now, _ := os.ReadFile(file)
			if string(now) != string(before) {
				changed[step-1] = true
			}
			before = now
		}
		h := trainOn(t, smallNetwork(t), x, x, ksparse.TrainConfig{
			Epochs:     3,
			BatchSize:  4,
			Checkpoint: ksparse.Checkpoint{File: file, Every: c.every},
			Callback:   func(p train.Progress) error { look(p.Step); return nil },
		})
		look(h.Steps + 1)
		for step := 1; step <= 9; step++ {
			want := step == 9 || c.every == 0 && step%3 == 0 || c.every > 0 && step%c.every == 0
			if changed[step] != want {
				t.Errorf("Checkpoint.Every %d: a checkpoint after step %d: %v, want %v", c.every, step, changed[step], want)
			}
		}
		if files, _ := os.ReadDir(folder); len(files) != 1 {
			t.Errorf("the folder holds %v", files)
		}
	}
}

// TestCheckpointCannotBeWritten: training ends with an error, for a checkpoint that
// nobody has is none. The folder goes away after the first step.
func TestCheckpointCannotBeWritten(t *testing.T) {
	x := uniform(1, 10, 6)
	folder := filepath.Join(t.TempDir(), "folder")
	vanish := func(then error) func(train.Progress) error {
		if err := os.Mkdir(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		return func(train.Progress) error {
			os.Remove(folder)
			return then
		}
	}
	cfg := ksparse.TrainConfig{Epochs: 3, BatchSize: 4, Checkpoint: ksparse.Checkpoint{File: filepath.Join(folder, "checkpoint"), Every: 2}, Callback: vanish(nil)}
	net, two := smallNetwork(t), smallNetwork(t)
	h, err := net.Train(context.Background(), x, x, cfg)
	if !errors.Is(err, os.ErrNotExist) || h == nil || h.Steps != 2 || h.Stop != train.StopCheckpoint {
		t.Errorf("error %v, history %+v", err, h)
	}
	trainOn(t, two, x, x, ksparse.TrainConfig{Epochs: 3, BatchSize: 4, Callback: stopAfter(2)})
	if !sameNumbers(parameters(net), parameters(two)) {
		t.Error("the parameters are not those after two steps")
	}
	// The callback's error is not lost with it.
	fails := errors.New("fails")
	cfg.Checkpoint.Every, cfg.Callback = 0, vanish(fails)
	h, err = smallNetwork(t).Train(context.Background(), x, x, cfg)
	if !errors.Is(err, os.ErrNotExist) || !errors.Is(err, fails) || h.Stop != train.StopCallback {
		t.Errorf("error %v, history %+v", err, h)
	}
}

// TestCheckpointFileIsCheckedFirst: a file that cannot be written is found before the
// first step.
func TestCheckpointFileIsCheckedFirst(t *testing.T) {
	x, folder := uniform(1, 10, 6), t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	circle, nowhere := filepath.Join(folder, "circle"), filepath.Join(folder, "nowhere")
	if err := errors.Join(os.Symlink("circle", circle), os.Symlink(filepath.Join("not there", "x"), nowhere)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ file, says string }{
		{circle, "circle"},
		{nowhere, "no such file"},
		{filepath.Join(folder, "no", "such"), "no such file"},
		{filepath.Join(folder, "file", "below"), "not a directory"},
		{folder, "no regular file"},
	} {
		net := smallNetwork(t)
		before := parameters(net)
		h, err := net.Train(context.Background(), x, x, ksparse.TrainConfig{Checkpoint: ksparse.Checkpoint{File: c.file}})
		if h != nil || err == nil || !strings.Contains(err.Error(), c.says) || !sameNumbers(before, parameters(net)) {
			t.Errorf("%s: history %v, error %v, want one that says %q", c.file, h, err, c.says)
		}
	}
}

// TestDivergedLeavesTheCheckpoint: the last good checkpoint stays, and a resumed
// training fails at the same step.
func TestDivergedLeavesTheCheckpoint(t *testing.T) {
	x := uniform(1, 10, 6)
	cfg := ksparse.TrainConfig{Epochs: 5, BatchSize: 4, Schedule: rates{1, 1, 1, 1, math.NaN()}, Checkpoint: ksparse.Checkpoint{File: filepath.Join(t.TempDir(), "checkpoint"), Resume: true}}
	_, first := smallNetwork(t).Train(context.Background(), x, x, cfg)
	h, again := smallNetwork(t).Train(context.Background(), x, x, cfg)
	if !errors.Is(first, ksparse.ErrDiverged) || again == nil || again.Error() != first.Error() || h.Steps != 4 {
		t.Errorf("errors %v, then %v after %d steps", first, again, h.Steps)
	}
}
