// Package traintest helps the tests that compare with pytorch_training.json, which
// holds what PyTorch computed. It makes the optimizers and schedules that the file
// names.
package traintest

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/ksparse/ksparse/train"
)

// Read returns the file as a T, which may have fields for a part of it only.
func Read[T any](t testing.TB, path string) T {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// Optimizer returns the optimizer of the given type, with the given fields.
func Optimizer(t testing.TB, kind string, settings json.RawMessage) train.Optimizer {
	t.Helper()
	switch kind {
	case "SGD":
		return withFields[train.SGD](t, settings)
	case "RMSProp":
		return withFields[train.RMSProp](t, settings)
	case "AdaGrad":
		return withFields[train.AdaGrad](t, settings)
	case "Adam":
		return withFields[train.Adam](t, settings)
	case "AdamW":
		return withFields[train.AdamW](t, settings)
	}
	t.Fatalf("unknown optimizer %q", kind)
	return nil
}

// Schedule returns the schedule of the given type, with the given fields; nil for "".
func Schedule(t testing.TB, kind string, settings json.RawMessage) train.Schedule {
	t.Helper()
	switch kind {
	case "":
		return nil
	case "ConstantRate":
		return withFields[train.ConstantRate](t, settings)
	case "StepDecay":
		return withFields[train.StepDecay](t, settings)
	case "ExponentialDecay":
		return withFields[train.ExponentialDecay](t, settings)
	case "CosineDecay":
		return withFields[train.CosineDecay](t, settings)
	case "LinearDecay":
		return withFields[train.LinearDecay](t, settings)
	}
	t.Fatalf("unknown schedule %q", kind)
	return nil
}

// withFields decodes the fields of a T, and fails on one that T does not have.
func withFields[T any](t testing.TB, settings json.RawMessage) T {
	t.Helper()
	var v T
	if len(settings) == 0 {
		return v
	}
	d := json.NewDecoder(bytes.NewReader(settings))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
