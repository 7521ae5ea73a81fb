package pretrained_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/pretrained"
)

// copied writes a fixture's configuration once more, under another name and with fields
// changed.
func copied(t *testing.T, folder, from, to string, changes map[string]any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, from))
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	for key, v := range changes {
		c[key] = v
	}
	if text, err = json.Marshal(c); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, to), text)
}

// TestTwoConfigurations: two that describe the model must say the same, unless one alone has a
// usual name, which is then used and said to be.
func TestTwoConfigurations(t *testing.T) {
	k2 := map[string]any{"k": 2}
	for _, c := range []struct {
		fixture, name string
		others        []string
		changes       map[string]any
		want          string // of an error, or a note; "" for neither
		refused       bool
	}{
		{"sparsify_topk_2025", "cfg.json", []string{"config.json"}, k2, "both describe the model, and they differ", true},
		{"sparsify_topk_2025", "cfg.json", []string{"config.json"}, nil, "", false},
		{"sparsify_topk_2025", "cfg.json", []string{"other.json"}, k2, "other.json describes the model otherwise", false},
		{"sparsify_topk_2025", "zzz.json", []string{"aaa.json"}, k2, "zzz.json both describe", true},
		{"saelens_topk_v6", "cfg.json", []string{"runner_cfg.json"}, map[string]any{"normalize_activations": "layer_norm"}, "runner_cfg.json describes the model otherwise", false},
		{"saelens_topk_v6", "cfg.json", []string{"config.json", "a.json"}, k2, "both describe", true},
	} {
		folder := edited(t, c.fixture, nil)
		for _, other := range c.others {
			copied(t, folder, "cfg.json", other, c.changes)
		}
		if err := os.Rename(filepath.Join(folder, "cfg.json"), filepath.Join(folder, c.name)); err != nil {
			t.Fatal(err)
		}
		m, err := pretrained.Open(folder, pretrained.Options{})
		if c.refused {
			if !errors.Is(err, pretrained.ErrUnknown) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if notes := strings.Join(m.Info.Notes, "\n"); !strings.Contains(notes, c.want) || c.want == "" && notes != "" || filepath.Base(m.Info.Config) != c.name && c.want != "" {
			t.Errorf("%+v: configuration %s, notes %q", c, m.Info.Config, notes)
		}
	}
}

// TestNoRegularConfiguration: a configuration that is a folder or leads nowhere is named.
func TestNoRegularConfiguration(t *testing.T) {
	for what, put := range map[string]func(path string) error{
		"a folder":          func(path string) error { return os.Mkdir(path, 0o777) },
		"a link to nothing": func(path string) error { return os.Symlink(path+".none", path) },
	} {
		folder := edited(t, "sparsify_topk_2025", nil)
		path := filepath.Join(folder, "cfg.json")
		if err := errors.Join(os.Remove(path), put(path)); err != nil {
			t.Skip(err)
		}
		if _, err := pretrained.Open(folder, pretrained.Options{}); err == nil || !strings.Contains(err.Error(), "cfg.json") || strings.Contains(err.Error(), "no configuration lies beside") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestNullFields: a field that is known may be null, and is not called unknown.
func TestNullFields(t *testing.T) {
	null := json.RawMessage("null")
	for _, c := range []struct{ fixture, field string }{
		{"more/csr_defaults_normalize", "hidden_dim"}, {"dictlearn_topk", "trainer.activation_dim"}, {"dictlearn_topk", "trainer.dict_size"},
		{"dictlearn_autoencoder", "trainer.k"}, {"saelens_standard_v6", "k"}, {"saelens_standard_v2", "activation_fn_kwargs"},
	} {
		m := mustOpen(t, edited(t, c.fixture, fields(c.field, null)), pretrained.Options{K: 8})
		if notes := strings.Join(m.Info.Notes, "\n"); strings.Contains(notes, "WARNING") {
			t.Errorf("%s: %s null: %s", c.fixture, c.field, notes)
		}
	}
}

// TestNoGroups: a matryoshka model without the sizes of its groups opens, and says so.
func TestNoGroups(t *testing.T) {
	for _, v := range []any{nil, json.RawMessage("null"), []int{}} {
		m := mustOpen(t, edited(t, "matryoshka_repo_global", fields("group_sizes", v)), pretrained.Options{})
		if notes := strings.Join(m.Info.Notes, "\n"); m.Info.Groups != nil || !strings.Contains(notes, "config.json has no group_sizes") {
			t.Errorf("group_sizes %v: groups %v, notes %q", v, m.Info.Groups, notes)
		}
	}
}

// TestSAELensGroups: the ends of the groups of a matryoshka model are their sizes in Info.
func TestSAELensGroups(t *testing.T) {
	const name = "more/saelens_matryoshka_checkpoint"
	for _, c := range []struct {
		widths any
		want   []int
		says   string // of an error or a note
	}{
		{[]int{4, 16}, []int{4, 12}, ""}, {[]int{4, 8}, []int{4, 4, 8}, ""}, {[]int{16}, []int{16}, ""}, {nil, nil, "has no matryoshka_widths"},
		{[]int{8, 4}, nil, "numbers that rise"}, {[]int{4, 17}, nil, "to 16 at most"}, {"wide", nil, "a list of integers"},
	} {
		text := ""
		m, err := pretrained.Open(edited(t, name, fields("matryoshka_widths", c.widths)), pretrained.Options{})
		if err != nil {
			m, text = &pretrained.Model{}, err.Error()
		}
		if text += strings.Join(m.Info.Notes, "\n"); !slices.Equal(m.Info.Groups, c.want) || !strings.Contains(text, c.says) {
			t.Errorf("widths %v: groups %v, %s", c.widths, m.Info.Groups, text)
		}
	}
}

// TestLinkedFolder: a model is found behind a link to its folder, once, and links that lead
// round end.
func TestLinkedFolder(t *testing.T) {
	model, root := edited(t, "sparsify_topk_2025", nil), t.TempDir()
	if err := os.Symlink(model, filepath.Join(root, "linked")); err != nil {
		t.Skip(err)
	}
	mustOpen(t, root, pretrained.Options{})
	if err := errors.Join(os.Symlink(model, filepath.Join(root, "again")), os.Symlink(root, filepath.Join(root, "round"))); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, root, pretrained.Options{})
}
