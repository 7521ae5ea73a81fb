// Package say puts what the library says into the words of the command: flags in place of the fields,
// methods and functions that a caller in Go has.
package say

import (
	"errors"
	"fmt"
	"strings"
)

// A Misuse is an error of the command line, not of files or data.
type Misuse struct{ text string }

// Error returns the text.
func (m *Misuse) Error() string { return m.text }

// Wrong makes a Misuse.
func Wrong(format string, args ...any) error { return &Misuse{fmt.Sprintf(format, args...)} }

// names are what fields, constants and functions of the library are called on the command line. Where one is a
// part of another the longer stands first.
var names = strings.NewReplacer(
	"TrainConfig asks for", "the settings ask for",
	"give at least as many, or open the checkpoint as a network", "give at least as many; every command opens the checkpoint as a model, too",
	"TrainConfig.Validation.Patience", "--patience", "Validation.Patience", "--patience",
	"Checkpoint.File", "the checkpoint", "Checkpoint.Every", "--every",
	"set Recipe.AuxK, or make the network without Config.Classic", "set --aux-k, or train without --classic",
	"take fewer Latents", "take fewer --latents", "take a larger K", "take a larger -k",
	"so call Calibrate, or train with SelectBatchTopK", "so run ksparse calibrate, or train with --selection batch_topk",
	"leave it 0, which chooses", "leave it out, which chooses",
	"TrainConfig.Epochs", "--epochs", "TrainConfig.Steps", "--steps", "TrainConfig.BatchSize", "--batch",
	"TrainConfig.Seed", "--seed", "TrainConfig.Buffer", "--buffer", "TrainConfig.MaxNorm", "--max-norm", "TrainConfig.LearningRate", "--rate",
	"LearningRate", "--rate", "TrainConfig.ClipNorm", "--clip-norm", "TrainConfig.EMA", "--ema", "TrainConfig.Schedule", "--schedule",
	"Recipe.AuxK", "--aux-k", "Recipe.Matryoshka", "--matryoshka", "Recipe.MultiTopK", "--multi-topk", "Recipe.KStart", "--k-start", "Recipe.DeadAfter", "--dead-after",
	"TrainConfig.Recipe.AuxK", "--aux-k", "TrainConfig.Recipe.Matryoshka", "--matryoshka", "TrainConfig.Recipe.MultiTopK", "--multi-topk",
	"TrainConfig.Recipe.KStart", "--k-start", "TrainConfig.Recipe.DeadAfter", "--dead-after",
	"TrainConfig.Optimizer", "the optimizer", "TrainConfig.", "the setting ",
	"Config.Latents", "--latents", "Config.K", "-k", "Config.Classic", "--classic", "Config.Selection", "--selection", "Config.Tied", "--tied", "Config.", "the model's ",
	"SelectTopK", "topk", "SelectAbsTopK", "abs_topk", "SelectBatchTopK", "batch_topk", "SelectThreshold", "threshold", "SelectGroupMax", "group_max",
	"StartFrom", "a training", "Calibrate", "calibrate", "TrainSource", "train", "Evaluate", "eval",
	" of the source of HoldOut", " of the data", " of the source of inputs", " of the inputs", " of the source of targets", " of the targets",
	"the rows of the source", "the rows", "the source has", "the rows have", "the source holds", "the data hold",
	"Merge drops", "ksparse index merge drops", "Merge makes", "ksparse index merge makes",
	"Near.Row", "the row", "Near.K", "-k", "Near.Recall", "--recall",
	"Options.Tensor", "--tensor", "Options.Cols", "--cols", "Options.Column", "--column",
	"Options.Name", "--name", "Options.Field", "--field", "Options.FirstID", "--first-id", "Options.Batch", "--batch",
)

// Text returns text with flags in place of names of Go.
func Text(text string) string { return names.Replace(text) }

// Error returns what err says, in one line, without the prefix of the package that made it.
func Error(err error) error {
	text := err.Error()
	var other interface{ Reason() string } // a file of another kind than was wanted; the rest is for callers in Go
	if errors.As(err, &other) {
		text = other.Reason()
	}
	for _, prefix := range []string{"pretrained: ", "ksparse: ", "columnar: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return errors.New(Text(strings.ReplaceAll(text, "\n", "; ")))
}
