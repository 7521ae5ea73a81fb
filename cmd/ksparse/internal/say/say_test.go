package say

import (
	"errors"
	"fmt"
	"testing"
)

// TestText: names of Go become flags.
func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"lower LearningRate, which is 0.1":                            "lower --rate, which is 0.1",
		"take fewer Latents, or train on more samples":                "take fewer --latents, or train on more samples",
		"TrainConfig.BatchSize is -1, want 0 or more":                 "--batch is -1, want 0 or more",
		"the checkpoint has TrainConfig.Recipe.AuxK 3, not 4":         "the checkpoint has --aux-k 3, not 4",
		"leave them out with TrainConfig.MaxNorm":                     "leave them out with --max-norm",
		"set Recipe.AuxK, or make the network without Config.Classic": "set --aux-k, or train without --classic",
		"nothing to change":                                           "nothing to change",
	} {
		if got := Text(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// reasoned is an error with advice for callers in Go.
type reasoned struct{}

func (reasoned) Error() string  { return "ksparse: x is a checkpoint: LoadCheckpoint opens it" }
func (reasoned) Reason() string { return "x is a checkpoint" }

// TestError: one line, without prefix and advice.
func TestError(t *testing.T) {
	for want, err := range map[string]error{
		"x is a checkpoint": fmt.Errorf("opening: %w", reasoned{}),
		"a; b":              errors.Join(errors.New("ksparse: a"), errors.New("b")),
		"--rate is 0":       errors.New("ksparse: LearningRate is 0"),
	} {
		if got := Error(err).Error(); got != want {
			t.Errorf("%q becomes %q, want %q", err, got, want)
		}
	}
}
