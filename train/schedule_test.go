package train_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/traintest"
	"github.com/ksparse/ksparse/train"
)

// TestScheduleByHand: the factors at single steps, from the documented formulas.
func TestScheduleByHand(t *testing.T) {
	half := math.Sqrt2 / 2 // cos(pi/4)
	for _, c := range []struct {
		schedule    train.Schedule
		step, steps int
		want        float64
	}{
		{train.ConstantRate{}, 0, 1, 1},
		{train.ConstantRate{}, 99, 100, 1},

		{train.StepDecay{Every: 10}, 0, 100, 1},
		{train.StepDecay{Every: 10}, 9, 100, 1},
		{train.StepDecay{Every: 10}, 10, 100, 0.1}, // Gamma is 0.1
		{train.StepDecay{Every: 10}, 29, 100, 0.01},
		{train.StepDecay{Every: 10, Gamma: 0.5}, 30, 100, 0.125},
		{train.StepDecay{Every: 200, Gamma: 0.5}, 99, 100, 1},
		{train.StepDecay{Every: 1, Gamma: 0.5}, 0, 1, 1}, // one step of training

		{train.ExponentialDecay{}, 0, 10, 1},
		{train.ExponentialDecay{}, 1, 10, 0.999},
		{train.ExponentialDecay{}, 2, 10, 0.998001},
		{train.ExponentialDecay{Gamma: 0.5}, 9, 10, 1.0 / 512},
		{train.ExponentialDecay{Gamma: 2}, 3, 10, 8},

		{train.CosineDecay{}, 0, 1, 1}, // one step of training
		{train.CosineDecay{}, 0, 8, 1},
		{train.CosineDecay{}, 2, 8, (1 + half) / 2},
		{train.CosineDecay{}, 4, 8, 0.5},
		{train.CosineDecay{}, 6, 8, (1 - half) / 2},
		{train.CosineDecay{}, 8, 8, 0}, // the end that no step reaches
		{train.CosineDecay{End: 0.2}, 4, 8, 0.6},
		{train.CosineDecay{End: 0.2}, 8, 8, 0.2},
		{train.CosineDecay{End: 1}, 5, 8, 1},
		{train.CosineDecay{}, 1, 3, 0.75}, // cos(pi/3) = 1/2

		{train.LinearDecay{}, 0, 1, 1},
		{train.LinearDecay{}, 0, 4, 1},
		{train.LinearDecay{}, 1, 4, 0.75},
		{train.LinearDecay{}, 3, 4, 0.25},
		{train.LinearDecay{}, 4, 4, 0},
		{train.LinearDecay{End: 0.5}, 2, 4, 0.75},
		{train.LinearDecay{End: 0.5}, 4, 4, 0.5},
		{train.LinearDecay{Start: 0.5}, 4, 8, 1}, // still at 1 at Start itself
		{train.LinearDecay{Start: 0.5}, 6, 8, 0.5},
		{train.LinearDecay{Start: 0.5, End: 0.5}, 6, 8, 0.75},
		{train.LinearDecay{Start: 0.75}, 7, 8, 0.5},
		{train.LinearDecay{Start: 1}, 8, 8, 1}, // never goes down
		{train.LinearDecay{End: 1}, 7, 8, 1},

		{train.Warmup{}, 0, 10, 1},
		{train.Warmup{Steps: 1}, 0, 10, 1},
		{train.Warmup{Steps: 4}, 0, 10, 0.25},
		{train.Warmup{Steps: 4}, 2, 10, 0.75},
		{train.Warmup{Steps: 4}, 3, 10, 1},
		{train.Warmup{Steps: 4}, 9, 10, 1},
		{train.Warmup{Steps: 100}, 9, 10, 0.1}, // longer than the training
		{train.Warmup{Steps: 5}, 0, 1, 0.2},    // one step of training
		{train.Warmup{Steps: 4, Then: train.ConstantRate{}}, 1, 10, 0.5},
		{train.Warmup{Steps: 4, Then: train.StepDecay{Every: 2}}, 2, 10, 0.075},
		{train.Warmup{Steps: 4, Then: train.ExponentialDecay{Gamma: 0.5}}, 1, 10, 0.25},
		{train.Warmup{Steps: 4, Then: train.LinearDecay{}}, 2, 8, 0.5625},        // 3/4·(1-2/8)
		{train.Warmup{Steps: 4, Then: train.LinearDecay{}}, 6, 8, 0.25},          // Then saw the warm-up's steps too
		{train.Warmup{Steps: 4, Then: train.CosineDecay{End: 0.2}}, 4, 8, 0.6},   // after it
		{train.Warmup{Steps: 8, Then: train.CosineDecay{End: 0.2}}, 4, 8, 0.375}, // 5/8·0.6
		{train.Warmup{Steps: 2, Then: train.Warmup{Steps: 4}}, 0, 8, 0.125},
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

// TestSchedulePyTorch compares every step with PyTorch's StepLR, ExponentialLR,
// CosineAnnealingLR (T_max = steps) and LinearLR, and with a LinearLR warm-up
// multiplied by each.
func TestSchedulePyTorch(t *testing.T) {
	// PyTorch gets each rate from the one before by a few operations, so that their
	// rounding, half an ulp (1.1e-16) of at most 1 each, adds up over 40 steps. (A
	// cosine divides by 1+cos, but also multiplies with what shrinks alike.)
	const tolerance = 40 * 5 * 1.1e-16
	seen := map[string]int{}
	for _, c := range readGolden(t).Schedules {
		s := traintest.Schedule(t, c.Kind, c.Settings)
		seen[c.Kind]++
		if c.Warmup > 0 {
			seen["Warmup"]++
			s = train.Warmup{Steps: c.Warmup, Then: s}
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
	for _, s := range []train.Schedule{
		train.StepDecay{Every: 13}, train.ExponentialDecay{Gamma: 0.99},
		train.CosineDecay{}, train.CosineDecay{End: 0.3},
		train.LinearDecay{}, train.LinearDecay{Start: 0.4, End: 0.3},
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
		if got := (train.CosineDecay{End: 0.1}).Factor(step, len(cosineBits)); math.Float64bits(got) != want {
			t.Errorf("factor at step %d is %#x (%v), want %#x", step, math.Float64bits(got), got, want)
		}
	}
}

func TestScheduleValidate(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		schedule train.Schedule
		field    string
	}{
		{train.StepDecay{}, "StepDecay.Every"},
		{train.StepDecay{Every: -3}, "StepDecay.Every"},
		{train.StepDecay{Every: 1, Gamma: -0.5}, "StepDecay.Gamma"},
		{train.StepDecay{Every: 1, Gamma: nan}, "StepDecay.Gamma"},
		{train.ExponentialDecay{Gamma: -1}, "ExponentialDecay.Gamma"},
		{train.ExponentialDecay{Gamma: inf}, "ExponentialDecay.Gamma"},
		{train.CosineDecay{End: -0.1}, "CosineDecay.End"},
		{train.CosineDecay{End: 1.1}, "CosineDecay.End"},
		{train.CosineDecay{End: nan}, "CosineDecay.End"},
		{train.LinearDecay{Start: -0.1}, "LinearDecay.Start"},
		{train.LinearDecay{Start: 1.1}, "LinearDecay.Start"},
		{train.LinearDecay{End: inf}, "LinearDecay.End"},
		{train.Warmup{Steps: -1}, "Warmup.Steps"},
		{train.Warmup{Steps: 5, Then: train.CosineDecay{End: 2}}, "CosineDecay.End"},
		{train.Warmup{Then: train.StepDecay{}}, "StepDecay.Every"},
	} {
		err := c.schedule.Validate()
		if !errors.Is(err, fault.ErrRange) || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%+v: got %v, want a fault.ErrRange that names %s", c.schedule, err, c.field)
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
