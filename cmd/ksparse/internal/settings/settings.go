// Package settings holds what a training can be told: as flags, in a file, and as what the library takes.
package settings

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/train"
)

// Settings are those of a training. What is zero the library chooses.
type Settings struct {
	Latents, K               int
	Selection, Normalization string
	Tied, Classic            bool

	Hold          int
	Steps, Epochs int
	Time          time.Duration
	Batch, Buffer int
	Seed          uint64
	Rate          float64
	Schedule      string
	MaxNorm, EMA  float64
	ClipNorm      float64
	Patience      int

	AuxK, DeadAfter int
	Matryoshka      []int
	MultiTopK       float64
	KStart          int

	Every int
}

// Selections and Schedules are the names that a setting can have.
var (
	Selections     = names(ksparse.SelectTopK, ksparse.SelectAbsTopK, ksparse.SelectBatchTopK, ksparse.SelectGroupMax)
	Normalizations = names(ksparse.NoNormalization, ksparse.LayerNorm, ksparse.UnitRMS, ksparse.DatasetScale)
	Schedules      = []string{"constant", "linear", "cosine"}
)

// names returns the names of constants.
func names[T fmt.Stringer](constants ...T) []string {
	var all []string
	for _, c := range constants {
		all = append(all, c.String())
	}
	return all
}

// AddFlags adds the flags of s.
func (s *Settings) AddFlags(f *pflag.FlagSet) {
	f.IntVar(&s.Latents, "latents", 0, "size of the dictionary (default 8 times the inputs)")
	f.IntVarP(&s.K, "k", "k", 0, "latents that are active in a row (default 32, at most a quarter of the inputs)")
	s.AddCommon(f)
	f.Uint64Var(&s.Seed, "seed", 1, "`number` that fixes the start and the order of the rows")
	f.Float64Var(&s.Rate, "rate", 0, "learning rate (0: chosen)")
	f.IntVar(&s.Every, "every", 1000, "`steps` between checkpoints")
	f.DurationVar(&s.Time, "time", 0, "train for about this long, such as 20m: the first steps are timed, and the number of steps follows from them")
	f.IntVar(&s.Patience, "patience", 0, "end after this many `epochs` in a row without a lower loss on the rows held out")
}

// AddCommon adds the flags that a single training and a sweep have in common.
func (s *Settings) AddCommon(f *pflag.FlagSet) {
	f.StringVar(&s.Selection, "selection", "topk", "which latents are active: "+strings.Join(Selections, ", "))
	f.StringVar(&s.Normalization, "normalization", "none", "what is done to rows first: "+strings.Join(Normalizations, ", "))
	f.BoolVar(&s.Tied, "tied", false, "one matrix for encoder and decoder")
	f.BoolVar(&s.Classic, "classic", false, "without the modern recipe: the network of the 2013 paper, trained as the flags say and no more")
	f.IntVar(&s.Hold, "hold", 10, "hold out every `n`-th row to measure on; 0 for none")
	f.IntVar(&s.Steps, "steps", 0, "end after this many steps")
	f.IntVar(&s.Epochs, "epochs", 0, "go over the rows this many times (default 10)")
	f.IntVar(&s.Batch, "batch", 0, "`rows` in a step (0: chosen)")
	f.IntVar(&s.Buffer, "buffer", 0, "`rows` in memory at a time (default 65,536); order and result depend on it where there are more rows")
	f.StringVar(&s.Schedule, "schedule", "", "how the rate changes: "+strings.Join(Schedules, ", ")+" (default: chosen)")
	f.Float64Var(&s.MaxNorm, "max-norm", 0, "leave out rows longer than this many times the median `norm` (0: chosen)")
	f.Float64Var(&s.EMA, "ema", 0, "keep a moving average of the parameters with this `decay`, below 1")
	f.Float64Var(&s.ClipNorm, "clip-norm", 0, "shorten the gradient to this `norm`")
	f.IntVar(&s.AuxK, "aux-k", 0, "dead `latents` that learn from the error of a row (0: chosen)")
	f.IntVar(&s.DeadAfter, "dead-after", 0, "`rows` without it after which a latent counts as dead (0: chosen)")
	f.IntSliceVar(&s.Matryoshka, "matryoshka", nil, "numbers of `latents` that reconstruct by themselves, ascending: 64,256")
	f.Float64Var(&s.MultiTopK, "multi-topk", 0, "`weight` of a second reconstruction from 4k latents")
	f.IntVar(&s.KStart, "k-start", 0, "`latents` that are active at first; they fall to k in the first half")
}

// mostRows is how many rows a step, and the buffer, can have.
const mostRows = math.MaxInt32

// Check returns an error where settings contradict each other, or are no names.
func (s *Settings) Check() error {
	set := 0
	for _, given := range []bool{s.Steps != 0, s.Epochs != 0, s.Time != 0} {
		if given {
			set++
		}
	}
	switch {
	case set > 1:
		return say.Wrong("--steps, --epochs and --time exclude each other")
	case s.Steps < 0, s.Epochs < 0, s.Time < 0:
		return say.Wrong("--steps, --epochs and --time want a positive number")
	case s.Latents < 0:
		return say.Wrong("--latents is %d, want at least 1", s.Latents)
	case s.K < 0:
		return say.Wrong("-k is %d, want at least 1", s.K)
	case s.Every < 0:
		return say.Wrong("--every is %d, want 0 (for the end of each epoch) or more", s.Every)
	case s.Hold == 1 || s.Hold < 0:
		return say.Wrong("--hold is %d, want 2 or more (10 holds out every 10th row), or 0 for none", s.Hold)
	case s.Batch > mostRows:
		return say.Wrong("--batch is %d, want at most %d", s.Batch, mostRows)
	case s.Buffer > mostRows:
		return say.Wrong("--buffer is %d, want at most %d", s.Buffer, mostRows)
	case s.Patience < 0:
		return say.Wrong("--patience is %d, want 1 or more, or 0 for none", s.Patience)
	case s.Patience > 0 && s.Hold == 0:
		return say.Wrong("--patience looks at the rows held out, and --hold 0 holds out none")
	}
	for _, name := range []struct {
		flag, value string
		of          []string
	}{{"selection", s.Selection, Selections}, {"normalization", s.Normalization, Normalizations}, {"schedule", s.Schedule, append([]string{""}, Schedules...)}} {
		if !slices.Contains(name.of, name.value) {
			return say.Wrong("--%s is %q, want one of %s", name.flag, name.value, strings.TrimPrefix(strings.Join(name.of, ", "), ", "))
		}
	}
	return nil
}

// Complete chooses the sizes that are not set, for rows of so many inputs and outputs. It returns an error where k, or what
// --aux-k says, is more than the latents, or the machine has not the memory for so many.
func (s *Settings) Complete(inputs, outputs int) error {
	if s.Latents == 0 {
		s.Latents = 8 * inputs
	}
	if s.K == 0 {
		s.K = max(1, min(32, inputs/4, s.Latents))
	}
	if s.K > s.Latents {
		return say.Wrong("-k is %d, more than the %d latents that there are", s.K, s.Latents)
	}
	if s.AuxK > s.Latents {
		return say.Wrong("--aux-k is %d, more than the %d latents that there are", s.AuxK, s.Latents)
	}
	return fits(s.bytes(inputs, outputs), memory())
}

// Network makes the network that s describes, for rows of so many inputs and outputs.
func (s *Settings) Network(inputs, outputs int, transcoder bool) (*ksparse.Network, error) {
	n, err := ksparse.New(ksparse.Config{
		Inputs: inputs, Outputs: outputs, Latents: s.Latents, K: s.K, Classic: s.Classic, Tied: s.Tied, Seed: s.Seed,
		Selection:     constant[ksparse.Selection](s.Selection),
		Normalization: constant[ksparse.Normalization](s.Normalization), NoUndo: transcoder,
	})
	if err != nil || !transcoder {
		return n, err
	}
	w := n.Wiring()
	w.PreBias, w.Undo = false, false // the outputs are of another place than the inputs
	return n, n.Wire(w)
}

// constant returns the constant of that name, which is one.
func constant[T interface {
	~uint8
	String() string
}](name string) T {
	var c T
	for c.String() != name && c < 64 {
		c++
	}
	return c
}

// Config returns what the library takes. held are the rows held out, or nil.
func (s *Settings) Config(held data.Source) ksparse.TrainConfig {
	c := ksparse.TrainConfig{
		Steps: s.Steps, Epochs: s.Epochs, BatchSize: s.Batch, Buffer: s.Buffer, Seed: s.Seed, LearningRate: s.Rate, MaxNorm: s.MaxNorm,
		EMA: s.EMA, ClipNorm: s.ClipNorm,
		Recipe: ksparse.Recipe{AuxK: s.AuxK, DeadAfter: s.DeadAfter, Matryoshka: s.Matryoshka, MultiTopK: s.MultiTopK, KStart: s.KStart},
	}
	switch s.Schedule {
	case "constant":
		c.Schedule = train.ConstantRate{}
	case "linear":
		c.Schedule = train.LinearDecay{}
	case "cosine":
		c.Schedule = train.CosineDecay{}
	}
	if s.Patience > 0 {
		c.Validation = ksparse.Validation{Source: held, Patience: s.Patience}
	}
	return c
}
