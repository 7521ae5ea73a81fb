package ksparse_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
)

// TestScheduleByHand: the factors at single steps, from the documented formulas.
func TestScheduleByHand(t *testing.T) {
	half := math.Sqrt2 / 2 // cos(pi/4)
	for _, c := range []struct {
		schedule    ksparse.Schedule
		step, steps int
		want        float64
	}{
		{ksparse.ConstantRate{}, 0, 1, 1},
		{ksparse.ConstantRate{}, 99, 100, 1},

		{ksparse.StepDecay{Every: 10}, 0, 100, 1},
		{ksparse.StepDecay{Every: 10}, 9, 100, 1},
		{ksparse.StepDecay{Every: 10}, 10, 100, 0.1}, // Gamma is 0.1
		{ksparse.StepDecay{Every: 10}, 29, 100, 0.01},
		{ksparse.StepDecay{Every: 10, Gamma: 0.5}, 30, 100, 0.125},
		{ksparse.StepDecay{Every: 200, Gamma: 0.5}, 99, 100, 1},
		{ksparse.StepDecay{Every: 1, Gamma: 0.5}, 0, 1, 1}, // one step of training

		{ksparse.ExponentialDecay{}, 0, 10, 1},
		{ksparse.ExponentialDecay{}, 1, 10, 0.999},
		{ksparse.ExponentialDecay{}, 2, 10, 0.998001},
		{ksparse.ExponentialDecay{Gamma: 0.5}, 9, 10, 1.0 / 512},
		{ksparse.ExponentialDecay{Gamma: 2}, 3, 10, 8},

		{ksparse.CosineDecay{}, 0, 1, 1}, // one step of training
		{ksparse.CosineDecay{}, 0, 8, 1},
		{ksparse.CosineDecay{}, 2, 8, (1 + half) / 2},
		{ksparse.CosineDecay{}, 4, 8, 0.5},
		{ksparse.CosineDecay{}, 6, 8, (1 - half) / 2},
		{ksparse.CosineDecay{}, 8, 8, 0}, // the end that no step reaches
		{ksparse.CosineDecay{End: 0.2}, 4, 8, 0.6},
		{ksparse.CosineDecay{End: 0.2}, 8, 8, 0.2},
		{ksparse.CosineDecay{End: 1}, 5, 8, 1},
		{ksparse.CosineDecay{}, 1, 3, 0.75}, // cos(pi/3) = 1/2

		{ksparse.LinearDecay{}, 0, 1, 1},
		{ksparse.LinearDecay{}, 0, 4, 1},
		{ksparse.LinearDecay{}, 1, 4, 0.75},
		{ksparse.LinearDecay{}, 3, 4, 0.25},
		{ksparse.LinearDecay{}, 4, 4, 0},
		{ksparse.LinearDecay{End: 0.5}, 2, 4, 0.75},
		{ksparse.LinearDecay{End: 0.5}, 4, 4, 0.5},
		{ksparse.LinearDecay{Start: 0.5}, 4, 8, 1}, // still at 1 at Start itself
		{ksparse.LinearDecay{Start: 0.5}, 6, 8, 0.5},
		{ksparse.LinearDecay{Start: 0.5, End: 0.5}, 6, 8, 0.75},
		{ksparse.LinearDecay{Start: 0.75}, 7, 8, 0.5},
		{ksparse.LinearDecay{Start: 1}, 8, 8, 1}, // never goes down
		{ksparse.LinearDecay{End: 1}, 7, 8, 1},

		{ksparse.Warmup{}, 0, 10, 1},
		{ksparse.Warmup{Steps: 1}, 0, 10, 1},
		{ksparse.Warmup{Steps: 4}, 0, 10, 0.25},
		{ksparse.Warmup{Steps: 4}, 2, 10, 0.75},
		{ksparse.Warmup{Steps: 4}, 3, 10, 1},
		{ksparse.Warmup{Steps: 4}, 9, 10, 1},
		{ksparse.Warmup{Steps: 100}, 9, 10, 0.1}, // longer than the training
		{ksparse.Warmup{Steps: 5}, 0, 1, 0.2},    // one step of training
		{ksparse.Warmup{Steps: 4, Then: ksparse.ConstantRate{}}, 1, 10, 0.5},
		{ksparse.Warmup{Steps: 4, Then: ksparse.StepDecay{Every: 2}}, 2, 10, 0.075},
		{ksparse.Warmup{Steps: 4, Then: ksparse.ExponentialDecay{Gamma: 0.5}}, 1, 10, 0.25},
		{ksparse.Warmup{Steps: 4, Then: ksparse.LinearDecay{}}, 2, 8, 0.5625},        // 3/4·(1-2/8)
		{ksparse.Warmup{Steps: 4, Then: ksparse.LinearDecay{}}, 6, 8, 0.25},          // Then saw the warm-up's steps too
		{ksparse.Warmup{Steps: 4, Then: ksparse.CosineDecay{End: 0.2}}, 4, 8, 0.6},   // after it
		{ksparse.Warmup{Steps: 8, Then: ksparse.CosineDecay{End: 0.2}}, 4, 8, 0.375}, // 5/8·0.6
		{ksparse.Warmup{Steps: 2, Then: ksparse.Warmup{Steps: 4}}, 0, 8, 0.125},
	} {
		if err := c.schedule.Validate(); err != nil {
			t.Errorf("%+v: %v", c.schedule, err)
		}
		// A few operations, half an ulp (1.1e-16) of 1 each; powers of larger numbers
		// than 1 are exact here.
		if got := c.schedule.Factor(c.step, c.steps); !(math.Abs(got-c.want) <= 5e-16) {
			t.Errorf("%+v: factor at step %d of %d is %.17g, want %.17g", c.schedule, c.step, c.steps, got, c.want)
		}
	}
}

func scheduleNamed(t *testing.T, kind string, settings json.RawMessage) ksparse.Schedule {
	t.Helper()
	switch kind {
	case "":
		return nil
	case "ConstantRate":
		return fromSettings[ksparse.ConstantRate](t, settings)
	case "StepDecay":
		return fromSettings[ksparse.StepDecay](t, settings)
	case "ExponentialDecay":
		return fromSettings[ksparse.ExponentialDecay](t, settings)
	case "CosineDecay":
		return fromSettings[ksparse.CosineDecay](t, settings)
	case "LinearDecay":
		return fromSettings[ksparse.LinearDecay](t, settings)
	}
	t.Fatalf("unknown schedule %q", kind)
	return nil
}

// TestSchedulePyTorch compares every step with PyTorch's StepLR, ExponentialLR,
// CosineAnnealingLR (T_max = steps) and LinearLR, and with a LinearLR warm-up
// multiplied by each.
func TestSchedulePyTorch(t *testing.T) {
	// PyTorch gets each rate from the one before by a few operations, so that their
	// rounding, half an ulp (1.1e-16) of at most 1 each, adds up over 40 steps. (A
	// cosine divides by 1+cos, but also multiplies with what shrinks alike.)
	const tolerance = 40 * 5 * 1.1e-16
	seen := map[string]int{}
	for _, c := range readTrainingGolden(t).Schedules {
		s := scheduleNamed(t, c.Kind, c.Settings)
		seen[c.Kind]++
		if c.Warmup > 0 {
			seen["Warmup"]++
			s = ksparse.Warmup{Steps: c.Warmup, Then: s}
		}
		if len(c.Want) != c.Steps {
			t.Fatalf("%+v: %d factors for %d steps", s, len(c.Want), c.Steps)
		}
		for step, want := range c.Want {
			if got := s.Factor(step, c.Steps); !(math.Abs(got-want) <= tolerance) {
				t.Errorf("%+v: factor at step %d of %d is %.17g, want %.17g", s, step, c.Steps, got, want)
			}
		}
	}
	for kind, least := range map[string]int{"StepDecay": 3, "ExponentialDecay": 3, "CosineDecay": 4, "LinearDecay": 4, "Warmup": 5} {
		if seen[kind] < least {
			t.Errorf("%d cases of %s, want %d or more", seen[kind], kind, least)
		}
	}
}

// TestScheduleMonotone: a decay never rises, and stays between 1 and its end.
func TestScheduleMonotone(t *testing.T) {
	for _, s := range []ksparse.Schedule{
		ksparse.StepDecay{Every: 13}, ksparse.ExponentialDecay{Gamma: 0.99},
		ksparse.CosineDecay{}, ksparse.CosineDecay{End: 0.3},
		ksparse.LinearDecay{}, ksparse.LinearDecay{Start: 0.4, End: 0.3},
	} {
		for _, steps := range []int{1, 2, 7, 1000} {
			before := 1.0
			for step := range steps + 1 {
				f := s.Factor(step, steps)
				if !(f <= before && f >= 0) {
					t.Errorf("%+v: factor at step %d of %d is %v, after %v", s, step, steps, f, before)
				}
				before = f
			}
		}
	}
}

// TestCosineDecayBits holds the bits that every processor must give, those of
// the formula with every product rounded. A processor that fuses x*y + z gives
// others where the code lets it: arm64, or amd64 with GOAMD64=v3.
func TestCosineDecayBits(t *testing.T) {
	for step, want := range cosineBits {
		if got := (ksparse.CosineDecay{End: 0.1}).Factor(step, len(cosineBits)); math.Float64bits(got) != want {
			t.Errorf("factor at step %d is %#x (%v), want %#x", step, math.Float64bits(got), got, want)
		}
	}
}

func TestScheduleValidate(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		schedule ksparse.Schedule
		field    string
	}{
		{ksparse.StepDecay{}, "StepDecay.Every"},
		{ksparse.StepDecay{Every: -3}, "StepDecay.Every"},
		{ksparse.StepDecay{Every: 1, Gamma: -0.5}, "StepDecay.Gamma"},
		{ksparse.StepDecay{Every: 1, Gamma: nan}, "StepDecay.Gamma"},
		{ksparse.ExponentialDecay{Gamma: -1}, "ExponentialDecay.Gamma"},
		{ksparse.ExponentialDecay{Gamma: inf}, "ExponentialDecay.Gamma"},
		{ksparse.CosineDecay{End: -0.1}, "CosineDecay.End"},
		{ksparse.CosineDecay{End: 1.1}, "CosineDecay.End"},
		{ksparse.CosineDecay{End: nan}, "CosineDecay.End"},
		{ksparse.LinearDecay{Start: -0.1}, "LinearDecay.Start"},
		{ksparse.LinearDecay{Start: 1.1}, "LinearDecay.Start"},
		{ksparse.LinearDecay{End: inf}, "LinearDecay.End"},
		{ksparse.Warmup{Steps: -1}, "Warmup.Steps"},
		{ksparse.Warmup{Steps: 5, Then: ksparse.CosineDecay{End: 2}}, "CosineDecay.End"},
		{ksparse.Warmup{Then: ksparse.StepDecay{}}, "StepDecay.Every"},
	} {
		err := c.schedule.Validate()
		if !errors.Is(err, ksparse.ErrRange) || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%+v: got %v, want an ErrRange that names %s", c.schedule, err, c.field)
		}
	}
}

// cosineBits is the factor of CosineDecay{End: 0.1} at each of 24 steps.
var cosineBits = [...]uint64{
	0x3ff0000000000000, 0x3fefe0765bb72f13, 0x3fef8263934722c9, 0x3feee763b6d6bf93,
	0x3fee121db55aef4d, 0x3fed0637beb403a7, 0x3febc84747b9414f, 0x3fea5dbcf63648f5,
	0x3fe8cccccccccccd, 0x3fe71c52ff1a7fb6, 0x3fe553b5e5277b14, 0x3fe37ac591bc5584,
	0x3fe199999999999a, 0x3fdf70db42edbb60, 0x3fdbbefa9c17703e, 0x3fd82dc0683166fa,
	0x3fd4cccccccccccf, 0x3fd1aaec79f9d47a, 0x3fcdabafade7c791, 0x3fc8b3edd1fcbe2e,
	0x3fc48455f7610f99, 0x3fc12f3df171ce82, 0x3fbd867cff608356, 0x3fba95e6bbe02102,
}
