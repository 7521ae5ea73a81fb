package pretrained

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/safetensors"
)

// A saving is a network on its way into a file.
type saving struct {
	ksparse.Config
	info    Info
	options SaveOptions
}

// rule is how a network selects, in the words that the formats share.
type rule string

const (
	topKRule     rule = "topk"
	reluRule     rule = "relu"
	jumpReLURule rule = "jumprelu"
	gatedRule    rule = "gated"
	groupMaxRule rule = "groupmax"
	otherRule    rule = ""
)

// rule tells by what the network selects when it is used, not trained. Errors wrap
// ksparse.ErrUnset.
func (s *saving) rule() (rule, error) {
	if s.Activation != ksparse.ReLU && s.Activation != ksparse.Identity {
		return otherRule, nil
	}
	identity := s.Activation == ksparse.Identity
	switch s.Selection {
	case ksparse.SelectTopK:
		if !identity {
			return topKRule, nil
		}
	case ksparse.SelectGroupMax:
		if !identity {
			return groupMaxRule, nil
		}
	case ksparse.SelectThreshold, ksparse.SelectBatchTopK:
		if s.GateBias != nil {
			return gatedRule, nil
		}
		if s.Thresholds == nil {
			return otherRule, errorf(ksparse.ErrUnset, "the network's threshold was never learned: SetThresholds or Calibrate give it one")
		}
		lowest, highest := slices.Min(s.Thresholds), slices.Max(s.Thresholds)
		switch {
		case lowest == 0 && highest == 0:
			return reluRule, nil
		case lowest >= 0 || !identity: // a code below zero is no JumpReLU
			return jumpReLURule, nil
		}
	}
	return otherRule, nil
}

// selects describes the selection for an error.
func (s *saving) selects() string {
	return fmt.Sprintf("selection %v with activation %v", s.Selection, s.Activation)
}

// hasK reports whether k latents can be active, and some are.
func (s *saving) hasK() bool { return 1 <= s.K && s.K <= s.Latents }

// entries makes entries of the tensors, all of one type: F32 where that holds every
// number or may round it, else F64, which the format must allow.
func (s *saving) entries(allow64 bool, tensors ...outTensor) (entries []safetensors.Entry, wide bool, err error) {
	for _, t := range tensors {
		if s.options.Round || t.exact32() {
			continue
		}
		if wide = true; !allow64 {
			return nil, false, &OptionError{
				Option: "Round", cause: ErrLossy,
				Reason: t.name + " holds numbers that float32 does not",
				Advice: "SaveOptions.Round would round them",
			}
		}
	}
	for _, t := range tensors {
		entries = append(entries, t.entry(wide))
	}
	return entries, wide, nil
}

// safetensorsFile returns what writes a safetensors file.
func safetensorsFile(metadata map[string]string, entries []safetensors.Entry) func(io.Writer) error {
	return func(w io.Writer) error { return safetensors.Write(w, metadata, entries) }
}

// jsonFile returns what writes v as JSON.
func jsonFile(v any) func(io.Writer) error {
	return func(w io.Writer) error {
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return err
		}
		_, err = w.Write(append(bytes.TrimSpace(text), '\n'))
		return err
	}
}

// orNull is a text for JSON, null where there is none.
func orNull(text string) *string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return &text
}
