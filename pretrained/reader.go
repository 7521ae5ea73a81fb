package pretrained

import (
	"fmt"
	"slices"

	"github.com/ksparse/ksparse"
)

// A reader reads the model of one file. Each format has a method that returns what it
// found; what is the same for all formats is done here.
type reader struct {
	*faults
	file     *tensorFile
	settings *settings // nil where there are none
	options  Options

	format  Format
	notes   []string // for Info
	chosen  bool     // the thresholds are the caller's
	scaled  bool     // the model has a scale that the caller must say
	counted bool     // k is the caller's

	left leftovers
}

// leftovers are the fields of a configuration that a format does not use.
type leftovers struct {
	rests   []rest   // where some may be
	ignored []string // those that there are
}

// A reading is what the method of a format returns.
type reading struct {
	net ksparse.Config // the network to make
	about
}

// about is what only the method of a format can tell Info.
type about struct {
	architecture, version string
	meanK                 float64 // K, where that is a mean over rows; 0: that of the network
	transcoder            bool
	reshape               string
	groups                []int
	modelName, hookName   string
	ignoredTensors        []string
}

// unset reports something that the file leaves open, unless the caller will see to
// it.
func (r *reader) unset(e *OptionError) {
	if r.options.Unset {
		r.note("%s", e.Reason)
		return
	}
	e.cause = ksparse.ErrUnset
	r.fail(e)
}

// note adds a remark for the user.
func (r *reader) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// noteUnused says which of the caller's numbers are not used.
func (r *reader) noteUnused() {
	if r.options.Threshold > 0 && !r.chosen {
		r.note("the threshold %s that was given is not used: the model does not lack one", figure(r.options.Threshold))
	}
	if r.options.Scale > 0 && !r.scaled {
		r.note("the scale %s that was given is not used: the model has no scale that is not known", figure(r.options.Scale))
	}
	if r.options.K > 0 && !r.counted {
		r.note("the k = %d that was given is not used: the model does not lack one", r.options.K)
	}
}

// info says what was found, once the network could be made.
func (r *reader) info(f reading) Info {
	r.noteUnused()
	configuration := ""
	if r.settings != nil {
		configuration = r.settings.path
	}
	net := f.net
	outputs := net.Decoder.Cols
	if net.Tied {
		outputs = net.Encoder.Cols
	}
	kept := "float32"
	if net.Encoder.Float64 != nil || net.Decoder.Float64 != nil {
		kept = "float64"
	}
	selection := selectionName(net)
	return Info{
		Weights: r.file.path, Config: configuration,
		Format: r.format, Version: f.version, Architecture: f.architecture,
		Inputs: net.Encoder.Cols, Latents: net.Encoder.Rows, Outputs: outputs,
		K: declaredK(f, selection), Selection: selection, Thresholds: thresholdRange(net, selection),
		Normalization: net.Normalization.String(), PreBias: net.PreBias, Tied: net.Tied, Skip: !net.Skip.Empty(),
		Transcoder: f.transcoder, Reshape: f.reshape, Groups: f.groups,
		NumberFormat: r.file.typeNames(), Kept: kept,
		ModelName: f.modelName, HookName: f.hookName,
		Ignored: r.left.ignored, IgnoredTensors: f.ignoredTensors, Notes: r.notes,
	}
}

// selectionName names what the network selects by, for Info.
func selectionName(net ksparse.Config) string {
	notZero := func(v float64) bool { return v != 0 }
	switch {
	case net.GateBias != nil:
		return "gated"
	case net.Selection == ksparse.SelectThreshold && net.Thresholds != nil && !slices.ContainsFunc(net.Thresholds, notZero):
		return "relu"
	case net.Selection == ksparse.SelectTopK && net.Activation == ksparse.Identity && net.K >= net.Encoder.Rows:
		return "all"
	}
	return net.Selection.String()
}

// declaredK returns how many latents should be active per row, 0 where the model does
// not go by it.
func declaredK(f reading, selection string) float64 {
	if f.meanK == 0 && f.net.Selection != ksparse.SelectThreshold && selection != "all" {
		return float64(max(f.net.K, 0))
	}
	return f.meanK
}

// thresholdRange returns the lowest and the highest threshold, nil where there are none.
func thresholdRange(net ksparse.Config, selection string) []float64 {
	if net.Thresholds == nil || selection == "relu" {
		return nil
	}
	return []float64{slices.Min(net.Thresholds), slices.Max(net.Thresholds)}
}
