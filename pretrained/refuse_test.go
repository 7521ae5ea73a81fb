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

// TestMoreRefusals opens the files that testdata/more.py made wrong.
func TestMoreRefusals(t *testing.T) {
	words := map[string]string{
		"openai_activation":        `activation is "JumpReLU", want`,
		"openai_activation_number": "activation is int, want a string",
		"openai_postact":           `postact_fn is "Tanh"`,
		"openai_no_k":              "k is None, want an integer",
		"openai_k_large":           "k is 17, and there are 16 latents",
		"openai_k_vector":          "k has shape [2], want a single number",
		"openai_k_fraction":        "k is 2.5, want an integer above 0",
		"openai_relu_with_k":       "activation_state_dict holds what ReLU does not have: k, postact_fn",
		"openai_state_list":        "activation_state_dict is list, want a dict",
		"openai_state_keys":        "activation_state_dict has a key that is int",
		"openai_extra":             "does not have: steps",
		"openai_integers":          "encoder.weight is I64, want floating point",
		"openai_text_for_tensor":   `"pre_bias" is str, not a tensor`,
		"openai_infinite":          "pre_bias holds +Inf at [0]",
		"openai_tied_differ":       "should be one matrix, and they differ",
		"tied_without_activation":  "has no activation",
		"no_config":                "no configuration lies beside it",
		"groups_sum":               "group_sizes [4 4] add up to 8, and there are 16 latents",
		"groups_zero":              "group_sizes is 0",
		"groups_matrix":            "group_sizes has shape [2,2]",
		"threshold_missing":        "threshold is not in the file",
		"k_large":                  "k is 17, and there are 16 latents",
		"k_negative":               "k is -1, want an integer above 0",
		"backup_without_factor":    "norm_factor is None",
		"backup_factor_zero":       "norm_factor is",
		"class_unknown":            `dict_class is the string "IdentityDict"`,
		"class_missing":            "has no dict_class",
		"trainer_list":             "trainer is a list, want an object",
		"sae_type_unknown":         `sae_type is the string "crosscoder"`,
		"sparsify_in_torch":        "whose weights are not kept as torch.save",
	}
	folders, err := os.ReadDir("testdata/more_bad")
	if err != nil || len(folders) != len(words) {
		t.Fatalf("%d folders, %d words (%v)", len(folders), len(words), err)
	}
	for _, f := range folders {
		_, err := pretrained.Open(filepath.Join("testdata/more_bad", f.Name()), pretrained.Options{})
		if err == nil || words[f.Name()] == "" || !strings.Contains(err.Error(), words[f.Name()]) {
			t.Errorf("%s: %v\ndoes not say %q", f.Name(), err, words[f.Name()])
		}
	}
}

// fields is a change of one field of a configuration; nil removes it.
func fields(key string, v any) map[string]any { return map[string]any{key: v} }

// fieldChanges are changes of a fixture's configuration, with a word of the error.
var fieldChanges = []struct {
	fixture string
	fields  map[string]any
	want    string // "" if it opens
}{
	{"saelens_topk_v6", fields("k", nil), "cfg.json has no k"},
	{"saelens_topk_v6", fields("k", 4.0), ""}, // JSON of 4.0 here is 4
	{"saelens_topk_v6", fields("k", 4.5), "k is 4.5, want an integer"},
	{"saelens_topk_v6", fields("k", true), "k is true"},
	{"saelens_topk_v6", fields("k", 1e12), "k is 1000000000000, want"},
	{"saelens_topk_v6", fields("d_sae", 33), "d_sae is 33, the tensor W_enc says 32"},
	{"saelens_topk_v6", fields("d_sae", nil), "has no d_sae"},
	{"saelens_topk_v6", fields("d_in", "8"), `d_in is the string "8"`},
	{"saelens_topk_v6", fields("architecture", nil), "has no architecture"},
	{"saelens_topk_v6", fields("architecture", 7), "architecture is 7, want a string"},
	{"saelens_topk_v6", fields("architecture", "standard"), "k is 4, and the model is ReLU"},
	{"saelens_topk_v6", map[string]any{"architecture": "standard", "k": nil}, ""}, // it says so, and there is nothing against it
	{"saelens_topk_v6", fields("dtype", true), "dtype is true, want a string"},
	{"saelens_topk_v6", fields("dtype", []any{"float32"}), "dtype is a list"},
	{"saelens_topk_v6", fields("dtype", -1), "dtype is -1"},
	{"saelens_topk_v6", fields("dtype", "int8"), `dtype is the string "int8", want`},
	{"saelens_topk_v6", fields("dtype", nil), ""},
	{"saelens_topk_v6", fields("metadata.sae_lens_version", "str"), `sae_lens_version is the string "str", want a version`},
	{"saelens_topk_v6", fields("metadata.sae_lens_version", []any{6}), "sae_lens_version is a list, want a version"},
	{"saelens_topk_v5", fields("sae_lens_version", "new"), "want a version"},
	{"saelens_topk_v5", fields("finetuning_scaling_factor", true), "finetuning_scaling_factor is true, want false where no tensor"},
	{"saelens_topk_v5", fields("finetuning_scaling_factor", "yes"), "finetuning_scaling_factor is the string"},
	{"saelens_topk_v4_named_standard", fields("activation_fn_str", nil), "activation_fn_kwargs has k = 4, and activation_fn_str is not topk"},
	{"saelens_standard_v2", fields("k", 4), "k is 4, and the model is ReLU"},
	{"dictlearn_autoencoder", fields("trainer.k", 4), "k is 4, and the model is ReLU"},
	{"saelens_topk_v6", fields("architecture", "jumprelu"), "no tensor threshold"},
	{"saelens_topk_v6", fields("architecture", "gated"), "no tensor b_mag"},
	{"saelens_topk_v6", map[string]any{"architecture": "standard", "activation_fn_str": "topk"}, "activation_fn_str is the string"},
	{"saelens_topk_v6", fields("architecture", "transcoder"), "apply_b_dec_to_input is true, want false"},
	{"saelens_topk_v6", fields("reshape_activations", "flatten"), "reshape_activations is"},
	{"saelens_topk_v6", fields("normalize_activations", []any{}), "normalize_activations is a list"},
	{"saelens_topk_v6", fields("apply_b_dec_to_input", 1), "apply_b_dec_to_input is 1, want true or false"},
	{"saelens_topk_v6", fields("metadata", "none"), "metadata is the string"},
	{"saelens_topk_v6", fields("noise", 3), "the field noise is not known"},
	{"saelens_jumprelu_v6", fields("architecture", "standard"), "does not have: threshold"},
	{"saelens_jumprelu_transcoder_v6", fields("d_out", 768), "d_out is 768, the tensor W_dec says 6"},
	{"saelens_batchtopk_training_checkpoint_v6", fields("k", "3"), `k is the string "3"`},
	{"saelens_batchtopk_training_checkpoint_v6", fields("k", 0), "k is 0, want a number above 0"},
	{"saelens_topk_v5", fields("normalize_activations", "no"), "normalize_activations is"},
	{"saelens_topk_v5", fields("normalize_activations", true), "Options.Scale"},
	{"saelens_topk_v5", fields("activation_fn_kwargs", nil), "has no k"},
	{"saelens_topk_v5", fields("activation_fn_str", nil), "has k = 3, and activation_fn_str is not topk"},
	{"saelens_topk_v5", fields("architecture", "jumprelu"), ""}, // topk whatever it says
	{"sparsify_topk_2025", fields("num_latents", 31), "num_latents is 31, the tensor encoder.weight says 32"},
	{"sparsify_topk_2025", fields("num_latents", 32), ""},
	{"sparsify_topk_2025", fields("num_latents", "32"), "num_latents is the string"},
	{"sparsify_topk_2025", fields("k", nil), "cfg.json has no k"},
	{"sparsify_topk_2025", fields("skip_connection", true), "no tensor W_skip"},
	{"sparsify_transcoder_skip", fields("skip_connection", false), "does not have: W_skip"},
	{"sparsify_groupmax", fields("signed", true), "signed is true, want false for groupmax"},
	{"sparsify_topk_2025", fields("d_in", nil), "describes none of the known formats"},
	{"batchtopk_repo_topk", fields("top_k", nil), "has no top_k"},
	{"batchtopk_repo_topk", fields("act_size", 9), "act_size is 9"},
	{"batchtopk_repo_topk", fields("dict_size", 9), "dict_size is 9"},
	{"batchtopk_repo_topk", fields("input_unit_norm", "yes"), "input_unit_norm is"},
	{"matryoshka_repo_global", fields("group_sizes", "[1, 2"), "group_sizes is the string"},
	{"matryoshka_repo_global", fields("group_sizes", []any{1, 2}), "group_sizes [1 2] add up to 3"},
	{"dictlearn_topk", fields("trainer.activation_dim", 9), "activation_dim is 9"},
	{"dictlearn_topk", fields("trainer.dict_size", 9), "dict_size is 9"},
	{"dictlearn_topk_2024", fields("trainer.k", nil), "has no k"},
	{"dictlearn_topk", fields("trainer.dict_class", "BatchTopKSAE"), ""},
	{"more/csr_defaults_normalize", fields("hidden_dim", 8), "hidden_dim is 8, the tensor encoder.weight says 512"},
	{"more/csr_defaults_normalize", fields("k", 513), "k is 513, and there are 512 latents"},
	{"more/csr_defaults_normalize", map[string]any{"k": 8, "normalize": "true"}, "normalize is the string"},
}

// TestFields changes one field of a good configuration at a time.
func TestFields(t *testing.T) {
	for _, c := range fieldChanges {
		_, err := pretrained.Open(edited(t, c.fixture, c.fields), pretrained.Options{})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s with %v: %v, want %q", c.fixture, c.fields, err, c.want)
		}
	}
}

// TestDamaged puts the damaged files that the tests of the containers have in the
// place of a model's weights: the error names the file.
func TestDamaged(t *testing.T) {
	n := 0
	for _, c := range []struct{ glob, fixture, name string }{
		{"../internal/safetensors/testdata/bad/*.safetensors", "sparsify_topk_2025", "sae.safetensors"},
		{"../internal/torchfile/testdata/bad/*", "dictlearn_topk", "ae.pt"},
		{"../internal/npy/testdata/bad/*.np?", "gemma_scope_npz", "params.npz"},
	} {
		paths, err := filepath.Glob(c.glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				continue // a folder
			}
			if strings.Contains(path, "control_ok") {
				continue
			}
			folder := edited(t, c.fixture, map[string]any{"trainer.k": 3, "trainer.dict_size": 24})
			to := filepath.Join(folder, c.name)
			if err := errors.Join(os.Remove(to), os.WriteFile(to, data, 0o666)); err != nil {
				t.Fatal(err)
			}
			for _, p := range []string{folder, to} {
				if _, err := pretrained.Open(p, pretrained.Options{}); err == nil || !strings.Contains(err.Error(), c.name) || !errors.Is(err, pretrained.ErrUnknown) && !errors.Is(err, ksparse.ErrNotFinite) {
					t.Errorf("%s as %s: %v", path, p, err)
				}
			}
			n++
		}
	}
	if n < 40 {
		t.Errorf("only %d damaged files", n)
	}
}
