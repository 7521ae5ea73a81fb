// Package models opens the models of the commands, and writes them.
package models

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/pretrained"
)

// Options are what a file may leave open.
type Options struct{ pretrained.Options }

// AddFlags adds the flags of o.
func (o *Options) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&o.Hookpoint, "hookpoint", "", "which model of a folder with several: its `path` below the folder")
	f.IntVarP(&o.K, "k", "k", 0, "how many `latents` are active, of a model whose configuration does not say it")
	f.Float64Var(&o.Threshold, "threshold", 0, "the threshold of a model that never learned one")
	f.Float64Var(&o.Scale, "scale", 0, "the `factor` for the rows of a model that has one and does not say which; 1 for none")
	f.BoolVar(&o.Embedding, "embedding", false, "the Gemma Scope file is of the token embeddings")
}

// AddUnset adds the flag for commands that only look at a model.
func (o *Options) AddUnset(f *pflag.FlagSet) {
	f.BoolVar(&o.Unset, "unset", false, "look at a model although its threshold or scale is not known")
}

// advice says which flag does what an option of package pretrained does.
var advice = map[string]string{
	"K":         "the flag --k says it",
	"Threshold": "the flag --threshold says it, and ksparse info --unset looks at the model without it",
	"Scale":     "the flag --scale says it, and ksparse info --unset looks at the model without it",
	"Hookpoint": "the flag --hookpoint names one, by its path below the folder",
	"Round":     "the flag --round allows to round them",
}

// Open opens the model at path, and notes the flags that have no effect on it. Errors are in the words of the
// command.
func Open(path string, o Options) (*pretrained.Model, error) {
	known := o.Options
	known.Unset = false
	m, err := pretrained.Open(path, known)
	unset := o.Unset && errors.Is(err, ksparse.ErrUnset)
	if unset {
		m, err = pretrained.Open(path, o.Options)
	}
	if err != nil {
		return nil, InFlags(path, err)
	}
	if o.Unset && !unset {
		m.Info.Notes = append(m.Info.Notes, "--unset is not used: all of the model is known")
	}
	if o.Embedding && m.Info.Format != pretrained.GemmaScope {
		m.Info.Notes = append(m.Info.Notes, fmt.Sprintf("--embedding is not used: it is for files of %s", pretrained.GemmaScope))
	}
	return m, nil
}

// InFlags returns err about the model at path with the flags of the command in place of the options that a caller in
// Go has.
func InFlags(path string, err error) error {
	var option *pretrained.OptionError
	switch {
	case errors.As(err, &option) && (errors.Is(err, ksparse.ErrRange) || option.Option == "Hookpoint" && !errors.Is(err, pretrained.ErrSeveral)):
		return errors.New(option.Reason) // the flag was given: what it says is wrong
	case errors.As(err, &option):
		return fmt.Errorf("%s; %s", option.Reason, advice[option.Option])
	case errors.Is(err, ksparse.ErrUnset):
		return fmt.Errorf("%s: the threshold or the scale of the model is not known, and without it the model can only be looked at; --threshold or --scale says it", path)
	}
	return err
}

// Formats are the names that Save knows.
var Formats = []string{string(pretrained.SAELens), string(pretrained.Sparsify), string(pretrained.SentenceTransformers), string(pretrained.Native)}

// Save writes the model to path in a format; the network file of this library where the format is ksparse and path
// ends in .ksp.
func Save(m *pretrained.Model, path string, format pretrained.Format, round bool) error {
	if format == pretrained.Native && strings.HasSuffix(path, ".ksp") {
		return m.SaveFile(path)
	}
	if err := m.SaveAs(path, format, pretrained.SaveOptions{Round: round}); err != nil {
		return InFlags(path, err)
	}
	return nil
}

// Atoms returns the decoder's weights, one atom a row, of the model that was opened from path.
func Atoms(path string, m *pretrained.Model) (ksparse.Weights, error) {
	cfg, err := m.Config()
	if err != nil {
		return ksparse.Weights{}, fmt.Errorf("%s: %w", path, err)
	}
	if cfg.Decoder.Empty() {
		return ksparse.Weights{}, say.Wrong("%s has no decoder, so it has no atoms", path)
	}
	return cfg.Decoder, nil
}
