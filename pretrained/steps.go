package pretrained

import (
	"errors"
	"fmt"

	"github.com/ksparse/ksparse"
)

// The steps that the readers of several formats share.

// coders are an encoder and a decoder with their biases.
type coders struct {
	encoder, decoder         ksparse.Weights
	encoderBias, decoderBias []float64
}

// linearNames reads encoder.weight [latents, inputs] and decoder.weight [inputs, latents],
// as nn.Linear has them, encoder.bias, and the decoder's bias of that name.
func (r *reader) linearNames(decoderBias string) coders {
	file := r.file
	encoder := file.matrix("encoder.weight", anySize, anySize)
	latents, inputs := encoder.Rows, encoder.Cols
	return coders{
		encoder: encoder, encoderBias: file.vector("encoder.bias", latents),
		decoder: file.transposed("decoder.weight", latents, inputs), decoderBias: file.vector(decoderBias, inputs),
	}
}

// saeLensNames reads W_enc [inputs, latents] and W_dec [latents, inputs] with biases.
func (r *reader) saeLensNames() coders {
	file := r.file
	encoder := file.transposed("W_enc", anySize, anySize)
	latents, inputs := encoder.Rows, encoder.Cols
	return coders{
		encoder: encoder, encoderBias: file.vector("b_enc", latents),
		decoder: file.matrix("W_dec", latents, inputs), decoderBias: file.vector("b_dec", inputs),
	}
}

// sameTensor checks that two names are one matrix: one storage, or equal values.
func (r *reader) sameTensor(a, b string) {
	file := r.file
	t, u := file.take(a), file.take(b)
	if r.err != nil || t.Same(u) {
		return
	}
	equal := t.Rows() == u.Rows() && t.Cols() == u.Cols()
	const rows = 256
	x, y := make([]float64, min(rows, t.Rows())*t.Cols()), make([]float64, min(rows, t.Rows())*t.Cols())
	for lo := 0; equal && lo < t.Rows(); lo += rows {
		hi := min(lo+rows, t.Rows())
		n := (hi - lo) * t.Cols()
		if err := t.ReadRows(x[:n], lo, hi); err != nil {
			r.fail(containerError(file.name, err))
			return
		}
		if err := u.ReadRows(y[:n], lo, hi); err != nil {
			r.fail(containerError(file.name, err))
			return
		}
		for i, v := range x[:n] {
			equal = equal && v == y[i]
		}
	}
	if !equal {
		r.fail(unknown("%s: %s and %s should be one matrix, and they differ", file.name, a, b))
	}
}

// A choice is what makes latents active, and their values then.
type choice struct {
	selection             ksparse.Selection
	activation            ksparse.Activation
	k                     int
	thresholds            []float64
	gateBias, gateLogGain []float64
}

// jumpReLUChoice makes the latents active that are above their thresholds, and positive.
func jumpReLUChoice(thresholds []float64) choice {
	return choice{selection: ksparse.SelectThreshold, activation: ksparse.ReLU, thresholds: thresholds}
}

// reluChoice makes every positive latent active.
func reluChoice(latents int) choice { return jumpReLUChoice(make([]float64, latents)) }

// gatedChoice reads the gate of a gated autoencoder.
func (r *reader) gatedChoice(bias, logGain string, latents int) choice {
	return choice{
		selection: ksparse.SelectThreshold, activation: ksparse.ReLU,
		gateBias: r.file.vector(bias, latents), gateLogGain: r.file.vector(logGain, latents),
	}
}

// layerNormIf returns LayerNorm where normalize is set.
func layerNormIf(normalize bool) ksparse.Normalization {
	if normalize {
		return ksparse.LayerNorm
	}
	return ksparse.NoNormalization
}

// k returns how many latents are active: what the field says, or the caller where there
// is none. It is never assumed, whatever the project does: a wrong k makes a model that
// runs and is wrong.
func (r *reader) k(s *settings, key string, latents int) int {
	k := r.options.K
	switch {
	case s.get(key) != nil:
		k = s.integer(key)
	case k > 0:
		r.counted = true
		r.note("k = %d is the caller's: %s has no %s", k, s.name, key)
	default:
		r.fail(&OptionError{
			Option: "K", cause: errors.Join(ErrUnknown, ksparse.ErrUnset),
			Reason: fmt.Sprintf("%s has no %s, so how many latents are active per row is not known", s.name, key),
			Advice: "set Options.K to that number",
		})
	}
	switch {
	case r.err != nil || k <= latents:
	case r.counted:
		r.fail(&OptionError{Option: "K", cause: ksparse.ErrRange, Reason: fmt.Sprintf("the k that is given is %d, and there are %d latents", k, latents), Advice: "see Options.K"})
	default:
		r.fail(unknown("%s: %s is %d, and there are %d latents", s.name, key, k, latents))
	}
	return k
}

// checkGroups checks that the groups, which a field of the file called name should say, share
// out all latents.
func (r *reader) checkGroups(name, key string, groups []int, latents int) []int {
	if len(groups) == 0 {
		r.note("%s has no %s: after which latents codes can be cut is not known", name, key)
		return nil
	}
	sum := 0
	for _, g := range groups {
		sum += g
	}
	if r.err == nil && sum != latents {
		r.fail(unknown("%s: %s %v add up to %d, and there are %d latents", name, key, groups, sum, latents))
	}
	return groups
}

// batchThreshold reads a threshold for all latents, which was learned where it is
// above least. It returns one number per latent, nil where there is none.
func (r *reader) batchThreshold(name string, least float64, latents int) []float64 {
	theta := 0.0
	if r.file.has(name) {
		theta = r.file.scalar(name)
	}
	if r.err != nil {
		return nil
	}
	if r.file.has(name) && theta > least {
		return constant(latents, theta)
	}
	reason := "is not in the file"
	if r.file.has(name) {
		reason = "was never learned: it is " + figure(theta)
	}
	return r.chooseThreshold(name+" "+reason, latents)
}

// chooseThreshold returns the caller's threshold for all latents, or says that it is
// wanted, because of what.
func (r *reader) chooseThreshold(what string, latents int) []float64 {
	if theta := r.options.Threshold; theta > 0 {
		r.chosen = true
		r.note("the threshold %s is the caller's: %s", figure(theta), what)
		return constant(latents, theta)
	}
	r.unset(&OptionError{
		Option: "Threshold",
		Reason: fmt.Sprintf("%s: %s, so which latents are active is left open (running it as plain ReLU would be wrong)", r.file.name, what),
		Advice: "set Options.Threshold, or set Options.Unset and then SetThresholds or Calibrate the network on your rows; " +
			"until then Forward, after Widen, keeps the k·rows largest values of a batch, as training does",
	})
	return nil
}

// datasetScale returns the normalisation by the caller's scale, or says that one is
// wanted, for this reason.
func (r *reader) datasetScale(reason string) (n ksparse.Normalization, scale float64) {
	r.scaled = true
	switch r.options.Scale {
	case 1:
		return ksparse.NoNormalization, 0
	case 0:
		r.unset(&OptionError{Option: "Scale", Reason: reason, Advice: "set Options.Scale, or set Options.Unset and let StartFrom find it in your rows"})
	}
	return ksparse.DatasetScale, r.options.Scale
}
