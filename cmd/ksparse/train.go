package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/figures"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/job"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/progress"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/report"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/rows"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/settings"
	"github.com/ksparse/ksparse/internal/atomicfile"
)

// trainFlags are the flags of the command train.
type trainFlags struct {
	rows     rows.Options
	settings settings.Settings
	config   string
	targets  string
	output   string
	resume   bool
	force    bool
	keep     bool
	asJSON   bool
}

// trainCommand returns the command train.
func trainCommand() *cobra.Command {
	var t trainFlags
	c := &cobra.Command{
		Use:   "train DATA... -o MODEL.ksp",
		Short: "Train an autoencoder on rows in files",
		Long: `train trains a sparse autoencoder on the rows of DATA and writes it to MODEL.ksp. What no flag says the library
chooses, by the sizes and the data. With --targets it is a transcoder, which learns to give the targets for the rows.

Every 10th row (--hold) is held out: the figures at the end are those of these rows. Beside the model there are

  MODEL.html                 the report: curves, figures, advice, settings
  MODEL.settings.json        the settings that were used, for --config
  MODEL.ksp.checkpoint       the state of a training that has not ended

Ctrl-C writes a checkpoint, and says how to go on. A training that goes on with --resume, also after it was killed, ends
in the bits in which it would have ended.

--time D trains for about D. The rate falls from the first step to the last, so the number of steps must be known at the
beginning: a twentieth of D (15 s at most) times the first steps, and the training gets as many as the rest has
room for. It ends when they are done, some per cent before or after D where steps become faster or slower.
MODEL.settings.json has the number: with --steps N instead of --time the same bits can be made again.`,
		Example: `  ksparse train activations.npy -o sae.ksp
  ksparse train "part-*.safetensors" --latents 16384 -k 32 --time 20m -o sae.ksp
  ksparse train inputs.npy --targets outputs.npy --epochs 3 -o transcoder.ksp
  ksparse train activations.npy -o sae.ksp --resume`,
		RunE: func(c *cobra.Command, args []string) error { return t.run(c, args) },
	}
	f := c.Flags()
	f.StringVarP(&t.output, "output", "o", "", "the `file` of the model, MODEL.ksp")
	t.settings.AddFlags(f)
	f.StringVar(&t.targets, "targets", "", "train a transcoder: `data` with the row that it should give for each row")
	f.StringVar(&t.config, "config", "", "a YAML or JSON `file` of settings, called like the flags; flags come before it")
	f.BoolVar(&t.resume, "resume", false, "go on from the checkpoint, where there is one")
	f.BoolVar(&t.force, "force", false, "replace files that exist")
	f.BoolVar(&t.keep, "keep", false, "keep the checkpoint at the end, so that --resume with more --epochs or --steps can go on")
	f.BoolVar(&t.asJSON, "json", false, "print the progress, and the figures at the end, as lines of JSON")
	t.rows.AddFlags(f)
	complete(c, "selection", settings.Selections...)
	complete(c, "normalization", settings.Normalizations...)
	complete(c, "schedule", settings.Schedules...)
	return c
}

// run trains.
func (t *trainFlags) run(c *cobra.Command, args []string) error {
	begin := time.Now()
	paths, err := t.check(c.Flags(), args)
	if err != nil {
		return err
	}
	files := job.PathsOf(t.output)
	replace, err := files.Check(t.resume, t.force)
	if err != nil {
		return err
	}
	d, err := job.OpenData(c.Context(), t.rows, paths, t.targets, t.settings.Hold, 0)
	if err != nil {
		return err
	}
	defer d.Close() // read only
	if err := t.settings.Complete(d.Inputs, d.Outputs); err != nil {
		return err
	}
	if err := t.sameSizes(files); err != nil {
		return err
	}
	j := &job.Job{Data: d, Settings: &t.settings, Paths: files, Resume: t.resume, Replace: replace, Keep: t.keep, Printer: progress.New(c.ErrOrStderr())}
	if t.asJSON {
		j.Printer = progress.NewJSON(c.OutOrStdout())
	} else {
		fmt.Fprintf(c.OutOrStdout(), "%s\n%d rows to train on, %d inputs, %d latents, k = %d\n", d.About, d.Rows, d.Inputs, t.settings.Latents, t.settings.K)
	}
	if err := t.findSteps(c.Context(), j); err != nil {
		return err
	}
	if _, err := os.Stat(files.Checkpoint); err != nil || t.force { // else the settings are there
		j.Began = func() error {
			if err := mayWrite(files.Model, replace); err != nil {
				return err // another training has written it meanwhile
			}
			os.Remove(files.Checkpoint) // of the training that is replaced
			return writeSettings(c.Flags(), files.Settings, paths)
		}
	}
	r, err := j.Run(c.Context())
	var interrupted *job.Interrupted
	if errors.As(err, &interrupted) {
		return fmt.Errorf("%w; to go on: %s", err, resumeCommand(os.Args))
	}
	if err != nil {
		return err
	}
	err = errors.Join(writeSettings(c.Flags(), files.Settings, paths), t.report(c.Flags(), files.Report, j, r, time.Since(begin)))
	if err != nil {
		return err
	}
	if err := j.End(); err != nil {
		return err
	}
	return t.print(c.OutOrStdout(), j, r)
}

// sameSizes returns an error where the training that goes on has other sizes.
func (t *trainFlags) sameSizes(files job.Paths) error {
	if _, err := os.Stat(files.Checkpoint); err != nil || !t.resume {
		return nil
	}
	for _, size := range []struct {
		flag string
		here int
	}{{"latents", t.settings.Latents}, {"k", t.settings.K}} {
		if there := settings.Whole(files.Settings, size.flag); there != 0 && there != size.here {
			return fmt.Errorf("%s is of another training: --%s is %d there and %d here", files.Checkpoint, size.flag, there, size.here)
		}
	}
	return nil
}

// writeSettings writes the settings that are used.
func writeSettings(f *pflag.FlagSet, path string, data []string) error {
	used, err := settings.Used(f, data)
	if err != nil {
		return err
	}
	return writeFile(path, used)
}

// check checks the flags, reads the settings file, and returns the paths of the data.
func (t *trainFlags) check(f *pflag.FlagSet, paths []string) ([]string, error) {
	if t.config != "" {
		listed, err := settings.Read(t.config, f)
		if err != nil {
			return nil, err
		}
		if len(paths) == 0 {
			paths = listed
		}
	}
	switch {
	case len(paths) == 0:
		return nil, say.Wrong("want DATA, the rows to train on (ksparse train --help has an example)")
	case t.output == "":
		return nil, say.Wrong("want -o MODEL.ksp, where the model is written")
	case t.targets != "" && t.settings.Tied:
		return nil, say.Wrong("--tied is for autoencoders, and --targets makes a transcoder")
	}
	return paths, t.settings.Check()
}

// findSteps finds the number of steps for --time: that of the training that goes on, or by timing some.
func (t *trainFlags) findSteps(ctx context.Context, j *job.Job) error {
	if t.settings.Time == 0 {
		return nil
	}
	if _, err := os.Stat(j.Paths.Checkpoint); err == nil && t.resume {
		t.settings.Time, t.settings.Steps = 0, settings.Whole(j.Paths.Settings, "steps")
		if t.settings.Steps == 0 {
			return fmt.Errorf("%s does not say how many steps the training has: give --steps in place of --time", j.Paths.Settings)
		}
		return nil
	}
	return j.SetSteps(ctx)
}

// report writes the report.
func (t *trainFlags) report(f *pflag.FlagSet, path string, j *job.Job, r *job.Result, took time.Duration) error {
	page := report.Report{
		Title: filepath.Base(t.output), MeasuredOn: j.Data.MeasuredOn(), Figures: r.Figures, Advice: advice(r),
		Points: r.Points, Epochs: r.History.Epochs, Steps: r.History.Steps,
		About: []report.Pair{
			{Name: "data", Value: j.Data.About},
			{Name: "rows to train on", Value: fmt.Sprint(j.Data.Rows)},
			{Name: "model", Value: r.Network.String()},
			{Name: "steps, epochs", Value: fmt.Sprintf("%d, %d", r.History.Steps, len(r.History.Epochs))},
			{Name: "rows left out", Value: fmt.Sprint(r.History.LeftOut)},
			{Name: "time", Value: progress.Duration(took) + " since the training began, or was resumed"},
			{Name: "made", Value: time.Now().Format("2006-01-02 15:04")},
			{Name: "ksparse", Value: version()},
		},
	}
	f.VisitAll(func(flag *pflag.Flag) {
		if value := flag.Value.String(); value != flag.DefValue || flag.Name == "seed" || flag.Name == "hold" {
			page.Settings = append(page.Settings, report.Pair{Name: flag.Name, Value: value})
		}
	})
	return atomicfile.Write(path, page.Write)
}

// advice returns what the training says could be better, in the words of the command.
func advice(r *job.Result) []string {
	var all []string
	for _, sentence := range r.History.Advice {
		all = append(all, say.Text(sentence))
	}
	return all
}

// print prints the figures and the advice.
func (t *trainFlags) print(w io.Writer, j *job.Job, r *job.Result) error {
	if t.asJSON {
		return json.NewEncoder(w).Encode(struct {
			Event      string           `json:"event"`
			Model      string           `json:"model"`
			Steps      int              `json:"steps"`
			MeasuredOn string           `json:"measured_on"`
			Figures    *figures.Figures `json:"figures"`
			Advice     []string         `json:"advice"`
		}{"end", j.Paths.Model, r.History.Steps, j.Data.MeasuredOn(), r.Figures, advice(r)})
	}
	fmt.Fprintf(w, "\nfigures on %s:\n", j.Data.MeasuredOn())
	if err := r.Figures.Print(w); err != nil {
		return err
	}
	for _, sentence := range advice(r) {
		fmt.Fprintln(w, "advice:", sentence)
	}
	_, err := fmt.Fprintf(w, "\n%s is the model, %s the report\n", j.Paths.Model, j.Paths.Report)
	return err
}

// resumeCommand returns the command line that goes on with the one that was given.
func resumeCommand(given []string) string {
	command := []string{quoted(filepath.Base(given[0]))}
	resumed := false
	for _, arg := range given[1:] {
		if arg == "--force" || strings.HasPrefix(arg, "--force=") {
			continue
		}
		resumed = resumed || arg == "--resume" || arg == "--resume=true"
		command = append(command, quoted(arg))
	}
	if !resumed {
		command = append(command, "--resume")
	}
	return strings.Join(command, " ")
}

// plain matches what a shell takes as it is.
var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// quoted returns an argument as a shell wants it.
func quoted(arg string) string {
	if plain.MatchString(arg) {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

// writeFile writes a file whole or not at all.
func writeFile(path string, content []byte) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// mayWrite returns an error where there is something at path and it should not be replaced; or, whatever force is, where it
// is one of the files that are read.
func mayWrite(path string, force bool, read ...string) error {
	if path == "" {
		return say.Wrong("want -o, where to write")
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder, want a file", path)
	}
	if _, err := os.Lstat(path); err == nil && !force {
		return fmt.Errorf("%s exists: --force replaces it", path)
	}
	for _, r := range read {
		if sameFile(path, r) {
			return fmt.Errorf("-o is %s, one of the files that are read: write to another", path)
		}
	}
	return nil
}

// sameFile reports whether both paths are there and lead to one file.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
