package pretrained

import (
	"fmt"
	"slices"

	"github.com/ksparse/ksparse"
)

// A reader is a model on its way from its file. The function that reads a format
// fills in net and info.
type reader struct {
	*faults
	file     *tensorFile
	settings *settings // nil where there are none
	options  Options

	net    ksparse.Config // the network to make
	info   Info
	chosen bool // the thresholds are the caller's
	scaled bool // the model has a scale that the caller must say
}

// unset reports something that the file leaves open, unless the caller will see to
// it.
func (r *reader) unset(format string, args ...any) {
	if r.options.Unset {
		r.note(format, args...)
		return
	}
	r.fail(errorf(ksparse.ErrUnset, format, args...))
}

// note adds a remark for the user.
func (r *reader) note(format string, args ...any) {
	r.info.Notes = append(r.info.Notes, fmt.Sprintf(format, args...))
}

// complete fills in what of info follows from the rest.
func (r *reader) complete() {
	info, net := &r.info, &r.net
	info.Weights = r.file.path
	if r.settings != nil {
		info.Config = r.settings.path
		info.Ignored = append(info.Ignored, r.settings.ignored("")...)
		slices.Sort(info.Ignored)
	}
	if r.options.Threshold > 0 && !r.chosen {
		r.note("Options.Threshold is not used: the model does not lack one")
	}
	if r.options.Scale > 0 && !r.scaled {
		r.note("Options.Scale is not used: the model has no scale that is not known")
	}
	info.Inputs, info.Latents, info.Outputs = net.Encoder.Cols, net.Encoder.Rows, net.Decoder.Cols
	if net.Tied {
		info.Outputs = info.Inputs
	}
	info.Selection = selectionName(net)
	if info.K == 0 && net.Selection != ksparse.SelectThreshold && info.Selection != "all" {
		info.K = float64(net.K)
	}
	if net.Thresholds != nil && info.Selection != "relu" {
		info.Thresholds = []float64{slices.Min(net.Thresholds), slices.Max(net.Thresholds)}
	}
	info.Normalization = net.Normalization.String()
	info.PreBias, info.Tied, info.Skip = net.PreBias, net.Tied, !net.Skip.Empty()
	info.NumberFormat, info.Kept = r.file.typeNames(), "float32"
	if net.Encoder.Float64 != nil || net.Decoder.Float64 != nil {
		info.Kept = "float64"
	}
}

// selectionName names what the network selects by, for Info.
func selectionName(net *ksparse.Config) string {
	notZero := func(v float64) bool { return v != 0 }
	switch {
	case net.GateBias != nil:
		return "gated"
	case net.Selection == ksparse.SelectThreshold && net.Thresholds != nil && !slices.ContainsFunc(net.Thresholds, notZero):
		return "relu"
	case net.Selection == ksparse.SelectTopK && net.Activation == ksparse.Identity && net.K == net.Encoder.Rows:
		return "all"
	}
	return net.Selection.String()
}

// The steps that the readers of several formats share.

// linearNames reads encoder.weight [latents, inputs] and decoder.weight [inputs, latents],
// as nn.Linear has them, and encoder.bias.
func (r *reader) linearNames() {
	file, net := r.file, &r.net
	net.Encoder = file.matrix("encoder.weight", anySize, anySize)
	net.EncoderBias = file.vector("encoder.bias", net.Encoder.Rows)
	net.Decoder = file.transposed("decoder.weight", net.Encoder.Rows, net.Encoder.Cols)
}

// saeLensNames reads W_enc [inputs, latents] and W_dec [latents, inputs] with biases.
func (r *reader) saeLensNames() {
	file, net := r.file, &r.net
	net.Encoder = file.transposed("W_enc", anySize, anySize)
	net.EncoderBias = file.vector("b_enc", net.Encoder.Rows)
	net.Decoder = file.matrix("W_dec", net.Encoder.Rows, net.Encoder.Cols)
	net.DecoderBias = file.vector("b_dec", net.Encoder.Cols)
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
			r.fail(unknown("%s: %v", file.name, err))
			return
		}
		if err := u.ReadRows(y[:n], lo, hi); err != nil {
			r.fail(unknown("%s: %v", file.name, err))
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

// selectByThreshold makes the latents active that are above their thresholds, and
// positive.
func (r *reader) selectByThreshold(thresholds []float64) {
	net := &r.net
	net.Selection, net.Activation, net.Thresholds = ksparse.SelectThreshold, ksparse.ReLU, thresholds
}

// relu makes every positive latent active.
func (r *reader) relu() { r.selectByThreshold(make([]float64, r.net.Encoder.Rows)) }

// gated reads the gate of a gated autoencoder, without a bias of its own besides.
func (r *reader) gated(gate, magnitude, logGain string) {
	file, net := r.file, &r.net
	latents := net.Encoder.Rows
	net.Selection, net.Activation = ksparse.SelectThreshold, ksparse.ReLU
	net.EncoderBias = file.vector(magnitude, latents)
	net.GateBias, net.GateLogGain = file.vector(gate, latents), file.vector(logGain, latents)
}

// k checks that k of the latents can be active.
func (r *reader) k(k, latents int) int {
	if r.err == nil && k > latents {
		r.fail(unknown("%s: k is %d, and there are %d latents", r.settings.name, k, latents))
	}
	return k
}

// groups remembers the groups, which must share out all latents.
func (r *reader) groups(groups []int) {
	sum := 0
	for _, g := range groups {
		sum += g
	}
	if r.err == nil && len(groups) > 0 && sum != r.net.Encoder.Rows {
		r.fail(unknown("%s: group_sizes %v add up to %d, and there are %d latents", r.file.name, groups, sum, r.net.Encoder.Rows))
	}
	r.info.Groups = groups
}

// batchThreshold reads a threshold for all latents, which was learned where it is
// above least.
func (r *reader) batchThreshold(name string, least float64) {
	theta := 0.0
	if r.file.has(name) {
		theta = r.file.scalar(name)
	}
	if r.err != nil {
		return
	}
	if r.file.has(name) && theta > least {
		r.net.Thresholds = constant(r.net.Encoder.Rows, theta)
		return
	}
	found := "is not in the file"
	if r.file.has(name) {
		found = "was never learned: it is " + figure(theta)
	}
	r.chooseThreshold(name + " " + found)
}

// chooseThreshold uses the caller's threshold, or says that it is wanted, because of
// what.
func (r *reader) chooseThreshold(what string) {
	if theta := r.options.Threshold; theta > 0 {
		r.net.Thresholds, r.chosen = constant(r.net.Encoder.Rows, theta), true
		r.note("the threshold %s is the caller's: %s", figure(theta), what)
		return
	}
	r.unset("%s: %s, so which latents are active is left open (running it as plain ReLU would be wrong). "+
		"Set Options.Threshold, or set Options.Unset and then SetThresholds or Calibrate the network on your rows; "+
		"until then Forward, after Widen, keeps the k·rows largest values of a batch, as training does", r.file.name, what)
}
