package indexes

import (
	"testing"

	"github.com/ksparse/ksparse"
)

// TestDigest: the digest is that of what the network does: numbers in float32 are those of float64, and each number that
// matters counts.
func TestDigest(t *testing.T) {
	config := func() ksparse.Config {
		return ksparse.Config{
			Classic: true, K: 1, Activation: ksparse.ReLU,
			Encoder: ksparse.Weights{Rows: 2, Cols: 3, Float64: []float64{1, 0, 0.5, 0, 1, -2}}, EncoderBias: []float64{0, 0.25},
			Decoder: ksparse.Weights{Rows: 2, Cols: 3, Float64: []float64{1, 0, 0.5, 0, 1, -2}}, DecoderBias: []float64{0, 0, 1},
		}
	}
	of := func(what string, c ksparse.Config) string {
		t.Helper()
		n, err := ksparse.New(c)
		if err != nil {
			t.Fatal(what, err)
		}
		d, err := digest(n)
		if err != nil || len(d) != 64 {
			t.Fatalf("%s: %q, %v", what, d, err)
		}
		return d
	}
	want := of("plain", config())
	for what, change := range map[string]func(c *ksparse.Config){
		"float32":    func(c *ksparse.Config) { c.Encoder.Float64, c.Encoder.Float32 = nil, []float32{1, 0, 0.5, 0, 1, -2} },
		"modern":     func(c *ksparse.Config) { c.Classic = false },
		"thresholds": func(c *ksparse.Config) { c.Thresholds = []float64{1, 2} }, // which play no part
	} {
		c := config()
		change(&c)
		if of(what, c) != want {
			t.Errorf("%s: another digest", what)
		}
	}
	seen := map[string]string{want: "plain"}
	for what, change := range map[string]func(c *ksparse.Config){
		"k":             func(c *ksparse.Config) { c.K = 2 },
		"activation":    func(c *ksparse.Config) { c.Activation = ksparse.Identity },
		"selection":     func(c *ksparse.Config) { c.Selection = ksparse.SelectAbsTopK; c.Activation = ksparse.Identity },
		"pre-bias":      func(c *ksparse.Config) { c.PreBias = true },
		"weight":        func(c *ksparse.Config) { c.Encoder.Float64[5] = -2.0000000000000004 },
		"atom":          func(c *ksparse.Config) { c.Decoder.Float64[0] = 2 },
		"encoder bias":  func(c *ksparse.Config) { c.EncoderBias[0] = 1 },
		"decoder bias":  func(c *ksparse.Config) { c.DecoderBias[2] = 2 },
		"normalization": func(c *ksparse.Config) { c.Normalization = ksparse.LayerNorm },
		"threshold":     func(c *ksparse.Config) { c.Selection, c.Thresholds = ksparse.SelectThreshold, []float64{1, 2} },
		"thresholds":    func(c *ksparse.Config) { c.Selection, c.Thresholds = ksparse.SelectThreshold, []float64{1, 3} },
	} {
		c := config()
		change(&c)
		d := of(what, c)
		if seen[d] != "" {
			t.Errorf("%s has the digest of %s", what, seen[d])
		}
		seen[d] = what
	}
}
