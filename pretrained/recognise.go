package pretrained

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// A formatReader reads one of the formats that can be opened.
type formatReader struct {
	name       Format
	containers []container
	// fits says whether tensors and configuration, nil for none, are of this format.
	fits func(file *tensorFile, s *settings) bool
	read func(r *reader) reading
	// configuration is what that is called in the error that misses it, "" for a format
	// that has none.
	configuration string
}

// formatReaders are tried in this order: what cannot be mistaken comes first.
var formatReaders = []formatReader{
	{Native, []container{inSafetensors}, func(file *tensorFile, _ *settings) bool {
		return file.isNative()
	}, (*reader).native, ""},
	{DictionaryLearning, []container{inTorch}, func(_ *tensorFile, s *settings) bool {
		return s.holds("trainer")
	}, (*reader).dictionaryLearning, "config.json with trainer"},
	{SentenceTransformers, []container{inSafetensors, inTorch}, func(_ *tensorFile, s *settings) bool {
		return s.holds("input_dim")
	}, (*reader).sentenceTransformers, "config.json with input_dim and k"},
	{BatchTopK, []container{inTorch}, func(_ *tensorFile, s *settings) bool {
		return s.holds("sae_type")
	}, (*reader).batchTopK, "config.json with sae_type"},
	{SAELens, []container{inSafetensors}, func(file *tensorFile, s *settings) bool {
		return file.hasSAELensNames() && s.holds("d_in")
	}, (*reader).saeLens, "cfg.json with d_in and d_sae"},
	{Sparsify, []container{inSafetensors}, func(file *tensorFile, s *settings) bool {
		return !file.hasSAELensNames() && s.holds("d_in")
	}, (*reader).sparsify, "cfg.json with d_in and k"},
	{OpenAI, []container{inTorch}, func(file *tensorFile, s *settings) bool {
		return s == nil && file.has("pre_bias") && file.has("latent_bias")
	}, (*reader).openAI, ""},
	{GemmaScope, []container{inNpz}, func(file *tensorFile, _ *settings) bool {
		return file.container == inNpz && file.hasSAELensNames()
	}, (*reader).gemmaScope, ""},
}

// recognise finds the configuration and the format, and returns the function that
// reads it.
func (r *reader) recognise() (func(*reader) reading, error) {
	found, err := r.configurations()
	if err != nil {
		return nil, err
	}
	var fit []*settings // the configurations that are of a format, the first of which counts
	var format formatReader
	for _, s := range found {
		if f, ok := r.formatOf(s); ok {
			if fit = append(fit, s); len(fit) == 1 {
				format = f
			}
		}
	}
	if len(fit) == 0 {
		var ok bool
		if format, ok = r.formatOf(nil); !ok {
			return nil, r.unrecognised(found)
		}
	}
	r.format = format.name
	switch {
	case format.configuration == "" && len(found) > 0:
		r.note("%s beside the weights was not used: files of %s have no configuration", namesOf(found), format.name)
	case format.configuration == "":
	case !slices.Contains(format.containers, r.file.container):
		return nil, unknown("%s describes a model of %s, whose weights are not kept as %v, as %s is", fit[0].name, format.name, r.file.container, r.file.name)
	default:
		r.settings = fit[0]
		return format.read, r.others(fit)
	}
	return format.read, nil
}

// formatOf returns the format that tensors and configuration, nil for none, are of.
func (r *reader) formatOf(s *settings) (formatReader, bool) {
	for _, f := range formatReaders {
		if f.fits(r.file, s) && (s != nil && f.configuration != "" || slices.Contains(f.containers, r.file.container)) {
			return f, true
		}
	}
	return formatReader{}, false
}

// others looks at the configurations beside the first that fit, too. Which of two counts
// is known where one alone has a usual name or is nearer; else they must say the same.
func (r *reader) others(fit []*settings) error {
	first := fit[0]
	for _, s := range fit[1:] {
		switch {
		case reflect.DeepEqual(s.fields, first.fields):
		case usualName(s.path) >= 0 == (usualName(first.path) >= 0) && filepath.Dir(s.path) == filepath.Dir(first.path):
			return unknown("%s and %s both describe the model, and they differ: leave one of them beside the weights", first.name, s.name)
		default:
			r.note("%s describes the model otherwise than %s, which was used", s.path, first.path)
		}
	}
	return nil
}

// usualName returns a number of 0 or more for the usual names of a configuration, the
// largest for the first that counts, and -1 for others.
func usualName(path string) int {
	return slices.Index([]string{"config.json", "cfg.json"}, filepath.Base(path))
}

// unrecognised says what was found, and what is missing.
func (r *reader) unrecognised(configurations []*settings) error {
	var wanted []string
	for _, f := range formatReaders {
		if f.configuration != "" && slices.Contains(f.containers, r.file.container) {
			wanted = append(wanted, f.configuration+" ("+string(f.name)+")")
		}
	}
	found := "no configuration lies beside it"
	if len(configurations) > 0 {
		found = "what lies beside it, " + namesOf(configurations) + ", describes none of the known formats"
	}
	return unknown("%s holds %s, and %s; wanted: %s", r.file.name, r.file.list(), found, strings.Join(wanted, ", or "))
}

// namesOf lists the names of the files.
func namesOf(configurations []*settings) string {
	var names []string
	for _, s := range configurations {
		names = append(names, s.name)
	}
	return some(names)
}

// configurations reads those beside the weights, the usual names first, and for a
// checkpoint of dictionary_learning that of its run.
func (r *reader) configurations() ([]*settings, error) {
	folder := filepath.Dir(r.file.path)
	found, err := r.configurationsIn(folder)
	if err != nil {
		return nil, err
	}
	if whole, err := filepath.Abs(folder); err == nil && filepath.Base(whole) == "checkpoints" {
		above, err := r.configurationsIn(filepath.Dir(whole))
		if err != nil {
			return nil, err
		}
		for _, s := range above {
			if s.holds("trainer") {
				found = append(found, s)
			}
		}
	}
	return found, nil
}

// maxConfigurations is how many JSON files beside the weights are read.
const maxConfigurations = 64

// configurationsIn reads the JSON files of a folder that hold objects.
func (r *reader) configurationsIn(folder string) ([]*settings, error) {
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
	slices.SortStableFunc(names, func(a, b string) int { return usualName(b) - usualName(a) })
	var found []*settings
	for _, name := range names[:min(len(names), maxConfigurations)] {
		s, err := readSettings(filepath.Join(folder, name), r.faults)
		switch {
		case err == nil:
			found = append(found, s)
		case usualName(name) >= 0: // any other may be what it likes
			return nil, err
		}
	}
	return found, nil
}
