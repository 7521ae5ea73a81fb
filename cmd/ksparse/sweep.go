package main

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/figures"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/job"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/progress"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/report"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/rows"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/settings"
)

// sweepFlags are the flags of the command sweep.
type sweepFlags struct {
	rows       rows.Options
	settings   settings.Settings
	ks         []int
	latents    []int
	rates      []float64
	seeds      []uint
	output     string
	checkpoint int
	memory     float64
}

// sweepCommand returns the command sweep.
func sweepCommand() *cobra.Command {
	var s sweepFlags
	c := &cobra.Command{
		Use:   "sweep DATA... --k 16,32 -o FOLDER",
		Short: "Train several sizes, rates or seeds, and compare them",
		Long: `sweep trains a model for each combination of --k, --latents, --rates and --seeds, one after the other, and measures each on
the rows held out: the models are those that train makes, to the bit. FOLDER gets them, results.csv with a line for
each, and plot.svg: FVU against L0. The files of DATA are read once for all trainings where the rows have room in
memory (--memory), else by each training.

The same command goes on where it was stopped: what is done is not done again, and a training that was under way goes
on from its checkpoint. More values may be added.`,
		Example: `  ksparse sweep activations.npy --k 16,32,64 --latents 4096,8192 --epochs 5 -o sweep`,
		Args:    wantArgs(1, -1, "DATA"),
		RunE:    func(c *cobra.Command, args []string) error { return s.run(c, args) },
	}
	f := c.Flags()
	f.StringVarP(&s.output, "output", "o", "", "the `folder` of the results")
	f.IntSliceVarP(&s.ks, "k", "k", []int{0}, "`latents` that are active in a row: one number or more (default as of train)")
	f.IntSliceVar(&s.latents, "latents", []int{0}, "`sizes` of the dictionary (default as of train)")
	f.Float64SliceVar(&s.rates, "rates", []float64{0}, "learning `rates` (0: chosen)")
	f.UintSliceVar(&s.seeds, "seeds", []uint{1}, "`numbers` that fix the start and the order of the rows")
	f.IntVar(&s.checkpoint, "every", 1000, "`steps` between checkpoints")
	f.Float64Var(&s.memory, "memory", 4, "rows that take at most this many `GB` are kept in memory; 0 keeps none")
	s.settings.AddCommon(f)
	s.rows.AddFlags(f)
	complete(c, "selection", settings.Selections...)
	complete(c, "normalization", settings.Normalizations...)
	complete(c, "schedule", settings.Schedules...)
	return c
}

// ofSweep are the flags that may differ when a sweep goes on.
var ofSweep = []string{"k", "latents", "rates", "seeds", "every", "memory"}

// mostMemory is how many GB --memory can be: some more than any machine has.
const mostMemory = 1e6

// outcome is one training of a sweep, as its file NAME.json has it.
type outcome struct {
	Name    string           `json:"name"`
	Latents int              `json:"latents"`
	K       int              `json:"k"`
	Rate    float64          `json:"rate,omitempty"` // 0: chosen
	Seed    uint64           `json:"seed"`
	Steps   int              `json:"steps"`
	Figures *figures.Figures `json:"figures"`
}

// run trains all combinations.
func (s *sweepFlags) run(c *cobra.Command, paths []string) error {
	if s.output == "" {
		return say.Wrong("want -o FOLDER, where the results are written")
	}
	if !(s.memory >= 0 && s.memory <= mostMemory) {
		return say.Wrong("--memory is %v, want a number of GB from 0 to %v", s.memory, mostMemory)
	}
	if err := s.settings.Check(); err != nil {
		return err
	}
	d, err := job.OpenData(c.Context(), s.rows, paths, "", s.settings.Hold, int64(s.memory*1e9))
	if err != nil {
		return err
	}
	defer d.Close() // read only
	reading := "in memory: read once for all trainings"
	if !d.InMemory {
		reading = fmt.Sprintf("more than --memory %g GB: each training reads them", s.memory)
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s, %s\n", d.About, reading)
	jobs, err := s.jobs(d)
	if err != nil {
		return err
	}
	if err := s.begin(c.Flags(), paths); err != nil {
		return err
	}
	var done []outcome
	for i, j := range jobs {
		o, err := s.one(c, j, fmt.Sprintf("%d of %d: %s", i+1, len(jobs), name(j.Settings)))
		if err != nil {
			return err
		}
		done = append(done, *o)
		if err := s.write(done); err != nil {
			return err
		}
	}
	return printOutcomes(c.OutOrStdout(), done)
}

// jobs returns the trainings of the sweep.
func (s *sweepFlags) jobs(d *job.Data) ([]*job.Job, error) {
	var all []*job.Job
	known := make(map[string]bool)
	for _, latents := range s.latents {
		for _, rate := range s.rates {
			for _, seed := range s.seeds {
				for _, k := range s.ks {
					one := s.settings
					one.Latents, one.K, one.Rate, one.Seed, one.Every = latents, k, rate, uint64(seed), s.checkpoint
					if err := one.Check(); err != nil {
						return nil, err
					}
					if err := one.Complete(d.Inputs, d.Outputs); err != nil {
						return nil, err
					}
					name := name(&one)
					if known[name] {
						continue
					}
					known[name] = true
					path := filepath.Join(s.output, name+".ksp")
					all = append(all, &job.Job{Data: d, Settings: &one, Paths: job.PathsOf(path), Resume: true, Replace: true})
				}
			}
		}
	}
	return all, nil
}

// name returns what the files of a training are called.
func name(s *settings.Settings) string {
	text := fmt.Sprintf("latents%d-k%d", s.Latents, s.K)
	if s.Rate != 0 {
		text += "-rate" + strconv.FormatFloat(s.Rate, 'g', -1, 64)
	}
	return text + fmt.Sprintf("-seed%d", s.Seed)
}

// begin makes the folder, or returns an error where it holds a sweep of other settings.
func (s *sweepFlags) begin(f *pflag.FlagSet, paths []string) error {
	used, err := settings.Used(f, paths, ofSweep...)
	if err != nil {
		return err
	}
	if info, err := os.Stat(s.output); err == nil && !info.IsDir() {
		return fmt.Errorf("%s is a file, want a folder", s.output)
	}
	if err := os.MkdirAll(s.output, 0o777); err != nil {
		return err
	}
	path := filepath.Join(s.output, "settings.json")
	old, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return writeFile(path, used)
	case err != nil:
		return err
	case !bytes.Equal(old, used):
		return fmt.Errorf("%s holds a sweep with other settings or data: see settings.json in it, or take another folder", s.output)
	}
	return nil
}

// one trains one model, unless that was done.
func (s *sweepFlags) one(c *cobra.Command, j *job.Job, title string) (*outcome, error) {
	path := filepath.Join(s.output, name(j.Settings)+".json")
	o := new(outcome)
	text, err := os.ReadFile(path)
	if err == nil {
		if err := json.Unmarshal(text, o); err != nil || o.Figures == nil {
			return nil, fmt.Errorf("%s is damaged: remove it, and its model is trained again", path)
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s: done before\n", title)
		return o, nil
	}
	fmt.Fprintln(c.ErrOrStderr(), title)
	j.Printer = progress.New(c.ErrOrStderr())
	r, err := j.Run(c.Context())
	var interrupted *job.Interrupted
	if errors.As(err, &interrupted) {
		return nil, fmt.Errorf("%w; the same command goes on", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name(j.Settings), say.Error(err))
	}
	g := j.Settings
	o = &outcome{name(g), g.Latents, g.K, g.Rate, g.Seed, r.History.Steps, r.Figures}
	if text, err = json.MarshalIndent(o, "", "  "); err != nil {
		return nil, err
	}
	if err := writeFile(path, append(text, '\n')); err != nil {
		return nil, err
	}
	return o, j.End()
}

// write writes the table and the plot of what is done.
func (s *sweepFlags) write(done []outcome) error {
	var table bytes.Buffer
	w := csv.NewWriter(&table)
	w.Write([]string{"name", "latents", "k", "rate", "seed", "steps", "fvu", "l0", "dead", "cosine"}) // to memory
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for _, o := range done {
		f := o.Figures
		w.Write([]string{o.Name, fmt.Sprint(o.Latents), fmt.Sprint(o.K), number(o.Rate), fmt.Sprint(o.Seed), fmt.Sprint(o.Steps),
			number(f.FVU), number(f.L0), fmt.Sprint(f.Dead), number(f.Cosine)})
	}
	w.Flush()
	if err := writeFile(filepath.Join(s.output, "results.csv"), table.Bytes()); err != nil {
		return err
	}
	plot, err := report.Frontier(frontier(done))
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(s.output, "plot.svg"), plot)
}

// frontier returns the points of the plot: trainings that differ in k alone are joined.
func frontier(done []outcome) []report.Run {
	sorted := slices.Clone(done)
	slices.SortStableFunc(sorted, func(a, b outcome) int { return cmp.Compare(a.Figures.L0, b.Figures.L0) })
	var runs []report.Run
	for _, o := range sorted {
		label := fmt.Sprintf("%d latents, seed %d", o.Latents, o.Seed)
		if o.Rate != 0 {
			label += fmt.Sprintf(", rate %g", o.Rate)
		}
		runs = append(runs, report.Run{Name: label, L0: o.Figures.L0, FVU: o.Figures.FVU})
	}
	return runs
}

// printOutcomes prints the table.
func printOutcomes(w io.Writer, done []outcome) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "latents\tk\trate\tseed\tL0\tFVU\tcosine\tdead\t")
	for _, o := range done {
		rate := "chosen"
		if o.Rate != 0 {
			rate = fmt.Sprintf("%g", o.Rate)
		}
		fmt.Fprintf(t, "%d\t%d\t%s\t%d\t%.4g\t%.5f\t%.5f\t%d\t\n", o.Latents, o.K, rate, o.Seed, o.Figures.L0, o.Figures.FVU, o.Figures.Cosine, o.Figures.Dead)
	}
	return t.Flush()
}
