package pretrained_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/pretrained"
)

// TestBadConfigs opens good weights with a configuration that does not fit. Each
// error says what is wrong: a word of it is here.
func TestBadConfigs(t *testing.T) {
	words := map[string]string{
		"dictlearn_batchtopk_threshold_unset": "Options.Threshold",
		"saelens_architecture_unknown":        `architecture is the string "crosscoder"`,
		"saelens_bias_matrix":                 "b_enc has shape [24,1], want [24]",
		"saelens_jumprelu_without_threshold":  "no tensor threshold",
		"saelens_normalize_unknown":           `normalize_activations is the string "batch_norm"`,
		"saelens_scaling_factor_not_one":      "scaling_factor is not all ones",
		"saelens_threshold_short":             "threshold has shape [23], want [24]",
		"sparsify_activation_unknown":         `activation is the string "softmax"`,
		"sparsify_cfg_cut":                    "cfg.json is not a JSON object",
		"sparsify_cfg_missing":                "cfg.json with d_in and k (sparsify)",
		"sparsify_d_in_disagrees":             "d_in is 9, the tensor encoder.weight says 8",
		"sparsify_groupmax_indivisible":       "groupmax with k = 5",
		"sparsify_k_over_latents":             "k is 25, and there are 24 latents",
		"sparsify_k_string":                   `k is the string "3"`,
		"sparsify_k_zero":                     "k is 0, want",
		"sparsify_missing_b_dec":              "no tensor b_dec",
		"sparsify_W_dec_transposed":           "W_dec has shape [8,24], want [24,8]",
	}
	text, err := os.ReadFile("testdata/bad_configs/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Files []struct{ File, Why, Must string }
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest.Files) != len(words) {
		t.Errorf("%d bad models, and %d words for them", len(manifest.Files), len(words))
	}
	for _, f := range manifest.Files {
		folder := filepath.Dir(f.File)
		for _, path := range []string{folder, f.File} {
			m, err := pretrained.Open(filepath.Join("testdata/bad_configs", path), pretrained.Options{})
			switch {
			case err == nil:
				t.Errorf("%s opens: %+v; %s", path, m.Info, f.Why)
			case words[folder] == "" || !strings.Contains(err.Error(), words[folder]):
				t.Errorf("%s: %v\ndoes not say %q (%s)", path, err, words[folder], f.Why)
			case !errors.Is(err, pretrained.ErrUnknown) && !errors.Is(err, ksparse.ErrUnset):
				t.Errorf("%s: %v wraps no sentinel", path, err)
			}
		}
	}
}

// TestNotFinite opens models with NaN or an infinity among their weights.
func TestNotFinite(t *testing.T) {
	for _, folder := range []string{"nan", "inf"} {
		_, err := pretrained.Open(filepath.Join("../internal/safetensors/testdata/bad", folder), pretrained.Options{})
		if err != nil && errors.Is(err, os.ErrNotExist) {
			t.Skip("no such fixtures here")
		}
		if !errors.Is(err, ksparse.ErrNotFinite) || !strings.Contains(err.Error(), "tensor ") {
			t.Errorf("%s: %v", folder, err)
		}
	}
}
