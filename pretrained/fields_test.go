package pretrained_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/pretrained"
)

// TestUnknownFields: a field that is not known is refused, or noted where the file holds
// all settings of a training. The field is named.
func TestUnknownFields(t *testing.T) {
	const field = "my_temperature"
	for name, refused := range map[string]bool{
		"sparsify_topk_2025": true, "sparsify_topk_2024": true, "more/csr_defaults_normalize": true, "saelens_topk_v6": true,
		"saelens_topk_v5": false, "saelens_standard_v2": false, "batchtopk_repo_topk": false, "dictlearn_topk": false,
	} {
		for _, key := range []string{field, "trainer." + field} {
			inTrainer := strings.HasPrefix(key, "trainer.")
			if inTrainer != (name == "dictlearn_topk") {
				continue
			}
			m, err := pretrained.Open(edited(t, name, fields(key, 2.0)), pretrained.Options{K: 3})
			if refused {
				if !errors.Is(err, pretrained.ErrUnknown) || !strings.Contains(err.Error(), "the field "+key+" is not known") {
					t.Errorf("%s with %s: %v", name, key, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s with %s: %v", name, key, err)
				continue
			}
			notes := strings.Join(m.Info.Notes, "\n")
			if !strings.Contains(notes, "WARNING: the field "+key) || !strings.Contains(strings.Join(m.Info.Ignored, ","), key) {
				t.Errorf("%s with %s: notes %q, ignored %v", name, key, notes, m.Info.Ignored)
			}
		}
	}
	// Where the model comes from changes nothing.
	mustOpen(t, edited(t, "saelens_topk_v6", fields("metadata."+field, 2.0)), pretrained.Options{})
	m := mustOpen(t, edited(t, "saelens_topk_v5", fields("activation_fn_kwargs."+field, 2.0)), pretrained.Options{})
	if notes := strings.Join(m.Info.Notes, "\n"); !strings.Contains(notes, "WARNING: the field activation_fn_kwargs."+field) {
		t.Errorf("notes %q", notes)
	}
	m = mustOpen(t, edited(t, "batchtopk_repo_topk", map[string]any{"a": 1, "b": 2}), pretrained.Options{})
	if notes := strings.Join(m.Info.Notes, "\n"); !strings.Contains(notes, "config.json are not known") {
		t.Errorf("notes %q", notes)
	}
}

// TestNoFieldIsUnknown: the lists have every field of the published files in testdata.
func TestNoFieldIsUnknown(t *testing.T) {
	for _, f := range fixtures(t) {
		if notes := strings.Join(f.open(t).Info.Notes, "\n"); strings.Contains(notes, "WARNING") {
			t.Errorf("%s: %s", f.name(), notes)
		}
	}
}

// TestSwitchedOff: what is not supported must be off.
func TestSwitchedOff(t *testing.T) {
	for _, key := range []string{"embed_skip", "gram_lookup"} {
		mustOpen(t, edited(t, "sparsify_topk_2025", fields(key, false)), pretrained.Options{})
		_, err := pretrained.Open(edited(t, "sparsify_topk_2025", fields(key, true)), pretrained.Options{})
		if !errors.Is(err, pretrained.ErrUnknown) || !strings.Contains(err.Error(), key+" is true, want false") {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// TestMissingK: k is never assumed, however many latents there are. The caller can say it.
func TestMissingK(t *testing.T) {
	for name, key := range map[string]string{
		"saelens_topk_v6": "k", "saelens_topk_v5": "activation_fn_kwargs.k", "saelens_topk_v4_named_standard": "activation_fn_kwargs.k",
		"saelens_batchtopk_training_checkpoint_v6": "k", "sparsify_topk_2025": "k", "sparsify_groupmax": "k", "more/csr_defaults_normalize": "k",
		"dictlearn_topk_2024": "trainer.k", "batchtopk_repo_topk": "top_k", "batchtopk_repo_batchtopk": "top_k",
	} {
		folder := edited(t, name, fields(key, nil))
		_, err := pretrained.Open(folder, pretrained.Options{Threshold: 1})
		var option *pretrained.OptionError
		last := key[strings.LastIndex(key, ".")+1:]
		if !errors.As(err, &option) || option.Option != "K" || !errors.Is(err, pretrained.ErrUnknown) || !errors.Is(err, ksparse.ErrUnset) ||
			!strings.Contains(option.Reason, " has no "+last) || !strings.Contains(option.Reason, ".json") || strings.Contains(option.Reason, "Options") {
			t.Errorf("%s: %v", name, err)
		}
		m, err := pretrained.Open(folder, pretrained.Options{K: 5, Threshold: 1})
		if err != nil || m.Info.K != 5 || !strings.Contains(strings.Join(m.Info.Notes, "\n"), "k = 5 is the caller's") {
			t.Errorf("%s with the caller's k: %v", name, err)
		}
		if _, err := pretrained.Open(folder, pretrained.Options{K: 513, Threshold: 1}); err == nil || !strings.Contains(err.Error(), "is 513, and there are") {
			t.Errorf("%s with a k that is too large: %v", name, err)
		}
	}
	if _, err := pretrained.Open("testdata/saelens_topk_v6", pretrained.Options{K: -1}); !errors.Is(err, ksparse.ErrRange) {
		t.Errorf("k = -1: %v", err)
	}
	m := mustOpen(t, "testdata/saelens_topk_v6", pretrained.Options{K: 7})
	if m.Info.K == 7 || !strings.Contains(strings.Join(m.Info.Notes, "\n"), "is not used: the model does not lack one") {
		t.Errorf("a k that is not wanted: %+v", m.Info)
	}
}

// TestAssumed: a default that was assumed is in the notes, with its field and file.
func TestAssumed(t *testing.T) {
	for _, c := range []struct{ fixture, field, want string }{
		{"saelens_topk_v6", "apply_b_dec_to_input", "apply_b_dec_to_input (true)"},
		{"saelens_jumprelu_transcoder_v6", "apply_b_dec_to_input", "apply_b_dec_to_input (false)"},
		{"saelens_topk_v6", "normalize_activations", "normalize_activations (none)"},
		{"saelens_topk_v6", "rescale_acts_by_decoder_norm", "rescale_acts_by_decoder_norm (false)"},
		{"saelens_topk_v5", "normalize_activations", "normalize_activations (none)"},
		{"saelens_gated_v6", "reshape_activations", "reshape_activations (none)"},
		{"saelens_standard_v2", "normalize_activations", "architecture (standard), normalize_activations (none), activation_fn (relu)"},
		{"sparsify_topk_2025", "transcode", "transcode (false)"},
		{"sparsify_topk_2025", "skip_connection", "skip_connection (false)"},
		{"sparsify_topk_2025", "activation", "activation (topk)"},
		{"more/csr_defaults_normalize", "normalize", "normalize (false)"},
		{"batchtopk_repo_topk", "input_unit_norm", "input_unit_norm (false)"},
	} {
		m := mustOpen(t, edited(t, c.fixture, fields(c.field, nil)), pretrained.Options{K: 8})
		notes := strings.Join(m.Info.Notes, "\n")
		if !strings.Contains(notes, c.want) || !strings.Contains(notes, "does not say") || !strings.Contains(notes, ".json") {
			t.Errorf("%s without %s: notes %q, want %q", c.fixture, c.field, notes, c.want)
		}
	}
	if notes := mustOpen(t, "testdata/sparsify_topk_2025", pretrained.Options{}).Info.Notes; len(notes) > 0 {
		t.Errorf("notes where all is said: %q", notes)
	}
}

// TestUnusedConfiguration: a configuration beside a file that has none is mentioned, and
// is not the model's.
func TestUnusedConfiguration(t *testing.T) {
	for _, name := range []string{"gemma_scope_npz", "openai_topk_v5"} {
		folder := edited(t, name, nil)
		if notes := mustOpen(t, folder, pretrained.Options{}).Info.Notes; strings.Contains(strings.Join(notes, ""), "was not used") {
			t.Errorf("%s: notes %q", name, notes)
		}
		write(t, filepath.Join(folder, "config.json"), []byte(`{"my_temperature": 2}`))
		i := mustOpen(t, folder, pretrained.Options{}).Info
		if i.Config != "" || !strings.Contains(strings.Join(i.Notes, ""), "config.json beside the weights was not used") {
			t.Errorf("%s: configuration %q, notes %q", name, i.Config, i.Notes)
		}
	}
}
