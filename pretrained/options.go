package pretrained

import (
	"fmt"
	"math"

	"github.com/ksparse/ksparse"
)

// Options are what a caller may have to say to open a model. The zero value is for
// a model that needs nothing said.
type Options struct {
	// Hookpoint names one of the models of a folder that holds several, by its path
	// below the folder, as the error that lists them gives it: "layers.10",
	// "layers.3.mlp/seed1", "checkpoints/ae_1000.pt".
	Hookpoint string

	// K is how many latents are active per row, where the model goes by that and no
	// configuration says it (0: not said). It is never assumed.
	K int

	// Threshold is that of a model which should select by one threshold and whose
	// file, one of our own too, has none that was learned (0: not said). Training sees such a model keep k
	// latents per row on average; Network.Calibrate finds the threshold that does, see
	// Unset.
	Threshold float64

	// Scale is what rows are multiplied by before the model sees them, where the file
	// says that there is a scale and not which (SAELens: expected_average_only_in; our own:
	// DatasetScale that StartFrom did not find yet).
	// Outputs are divided by it. 1 leaves rows as they are, which is what SAELens does
	// with such a file: right where the scale was folded into the weights. 0: not said.
	Scale float64

	// Unset opens a model although its threshold or scale is not known. Encode, Decode
	// and Predict return an error that wraps ksparse.ErrUnset until it is:
	// SetThresholds of the sparse layer or Calibrate give the network its threshold,
	// StartFrom or Wire its scale.
	Unset bool

	// Embedding says that a Gemma Scope file belongs to the token embeddings, whose
	// weights are for rows multiplied by sqrt(d). Nothing in the file says so; files
	// that still lie in .../embedding/width_*/average_l0_*/ are recognised by that.
	Embedding bool
}

// validate returns an error that names the first number that makes no sense.
func (o Options) validate() error {
	for _, field := range []struct {
		name, what string
		value      float64
	}{{"K", "k", float64(o.K)}, {"Threshold", "the threshold", o.Threshold}, {"Scale", "the scale", o.Scale}} {
		if !(field.value >= 0 && field.value <= math.MaxFloat64) {
			return &OptionError{
				Option: field.name, cause: ksparse.ErrRange,
				Reason: fmt.Sprintf("%s is %v, want a finite number that is 0 or more", field.what, field.value),
				Advice: "see Options." + field.name,
			}
		}
	}
	return nil
}

// SaveOptions are what a caller may have to say to save a model. The zero value is
// fine where the format can express the network and its numbers.
type SaveOptions struct {
	// Round lets float64 numbers that float32 does not hold be rounded to the nearest.
	// Without it SAELens and Native get such numbers in float64, and for the formats
	// that have only float32 they are an error that wraps ErrLossy.
	Round bool
	// ModelName and HookName say what the model was trained on, for the formats that
	// keep it.
	ModelName, HookName string
}
