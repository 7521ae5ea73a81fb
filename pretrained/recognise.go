package pretrained

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ksparse/ksparse/internal/torchfile"
)

// isModel reports whether the tensors may be those of a sparse autoencoder.
func (w *weights) isModel() bool {
	_, backup := w.values["ae"].(*torchfile.Dict)
	_, ours := w.metadata[ownKey]
	return backup || ours || w.hasInWords() || w.has("encoder.weight") || w.has("decoder.linear.weight")
}

// hasInWords reports whether the weights have the names of SAELens, which writes the
// encoder [inputs, latents].
func (w *weights) hasInWords() bool { return w.has("W_enc") || w.has("w_enc") }

// A format is one of those that can be opened.
type format struct {
	name       Format
	containers []container
	// fits says whether tensors and configuration, nil for none, are of this format.
	fits func(w *weights, c *config) bool
	read func(r *reader)
	// config is what the configuration is called in the error that misses it, "" for
	// a format that has none.
	config string
}

// formats are tried in this order: what cannot be mistaken comes first.
var formats = []format{
	{Native, []container{inSafetensors}, func(w *weights, _ *config) bool {
		_, ours := w.metadata[ownKey]
		return ours
	}, (*reader).own, ""},
	{DictionaryLearning, []container{inTorch}, func(_ *weights, c *config) bool {
		return c.holds("trainer")
	}, (*reader).dictionaryLearning, "config.json with trainer"},
	{SentenceTransformers, []container{inSafetensors, inTorch}, func(_ *weights, c *config) bool {
		return c.holds("input_dim")
	}, (*reader).sentenceTransformers, "config.json with input_dim and k"},
	{BatchTopK, []container{inTorch}, func(_ *weights, c *config) bool {
		return c.holds("sae_type")
	}, (*reader).batchTopK, "config.json with sae_type"},
	{SAELens, []container{inSafetensors}, func(w *weights, c *config) bool {
		return w.hasInWords() && c.holds("d_in")
	}, (*reader).saeLens, "cfg.json with d_in and d_sae"},
	{Sparsify, []container{inSafetensors}, func(w *weights, c *config) bool {
		return !w.hasInWords() && c.holds("d_in")
	}, (*reader).sparsify, "cfg.json with d_in and k"},
	{OpenAI, []container{inTorch}, func(w *weights, c *config) bool {
		return c == nil && w.has("pre_bias") && w.has("latent_bias")
	}, (*reader).openAI, ""},
	{GemmaScope, []container{inNpz}, func(w *weights, _ *config) bool {
		return w.container == inNpz && w.hasInWords()
	}, (*reader).gemmaScope, ""},
}

// holds reports whether there is a configuration, with that field.
func (c *config) holds(key string) bool {
	if c == nil {
		return false
	}
	_, ok := c.fields[key]
	return ok
}

// recognise finds the configuration and the format, and returns the function that
// reads it.
func (r *reader) recognise() (func(*reader), error) {
	configs, err := r.configs()
	if err != nil {
		return nil, err
	}
	for _, c := range append(configs, nil) {
		for _, f := range formats {
			if !f.fits(r.weights, c) {
				continue
			}
			if !slices.Contains(f.containers, r.weights.container) {
				if c == nil {
					continue
				}
				return nil, unknown("%s describes a model of %s, whose weights are not kept as %v, as %s is", c.name, f.name, r.weights.container, r.weights.name)
			}
			r.info.Format, r.config = f.name, c
			return f.read, nil
		}
	}
	return nil, r.unrecognised(configs)
}

// unrecognised says what was found, and what is missing.
func (r *reader) unrecognised(configs []*config) error {
	var wanted []string
	for _, f := range formats {
		if f.config != "" && slices.Contains(f.containers, r.weights.container) {
			wanted = append(wanted, f.config+" ("+string(f.name)+")")
		}
	}
	found := "no configuration lies beside it"
	if len(configs) > 0 {
		var names []string
		for _, c := range configs {
			names = append(names, c.name)
		}
		found = "what lies beside it, " + some(names) + ", describes none of the known formats"
	}
	return unknown("%s holds %s, and %s; wanted: %s", r.weights.name, r.weights.list(), found, strings.Join(wanted, ", or "))
}

// configs reads the configurations beside the weights, the usual names first, and
// for a checkpoint of dictionary_learning that of its run.
func (r *reader) configs() ([]*config, error) {
	folder := filepath.Dir(r.weights.path)
	found, err := r.configsIn(folder)
	if err != nil {
		return nil, err
	}
	if whole, err := filepath.Abs(folder); err == nil && filepath.Base(whole) == "checkpoints" {
		above, err := r.configsIn(filepath.Dir(whole))
		if err != nil {
			return nil, err
		}
		for _, c := range above {
			if c.holds("trainer") {
				found = append(found, c)
			}
		}
	}
	return found, nil
}

// maxConfigs is how many JSON files beside the weights are read.
const maxConfigs = 64

func (r *reader) configsIn(folder string) ([]*config, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if n := e.Name(); filepath.Ext(n) == ".json" && !strings.HasPrefix(n, ".") {
			names = append(names, n)
		}
	}
	usual := func(name string) int { return slices.Index([]string{"config.json", "cfg.json"}, name) }
	slices.SortStableFunc(names, func(a, b string) int { return usual(b) - usual(a) })
	var found []*config
	for _, name := range names[:min(len(names), maxConfigs)] {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		c, err := readConfig(path, r.faults)
		switch {
		case err == nil:
			found = append(found, c)
		case usual(name) >= 0: // any other may be what it likes
			return nil, err
		}
	}
	return found, nil
}
