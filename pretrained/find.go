package pretrained

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/hub"
)

// Bounds of the search for models below a folder.
const (
	maxDepth = 6
	maxFiles = 100_000
)

// A candidate is a file that may hold a model's weights.
type candidate struct {
	path string
	kind container
}

// findWeights returns the file of weights that path and hookpoint name.
func findWeights(path, hookpoint string) (candidate, error) {
	info, err := os.Stat(path)
	if err == nil && hookpoint != "" {
		path, info, err = atHookpoint(path, info, hookpoint)
	}
	if err != nil {
		return candidate{}, err
	}
	if !info.IsDir() {
		c, kind, err := containerOf(path)
		if err == nil && c == noContainer {
			err = fault.Advise(ErrUnknown, kind.Advice(), "%s is %s", path, kind.Instead("a file of a model"))
		}
		return candidate{path, c}, err
	}
	if path, err = snapshot(path); err != nil {
		return candidate{}, err
	}
	if path, err = sentenceModule(path); err != nil {
		return candidate{}, err
	}
	s := search{root: path}
	if err := s.folder(path, 0); err != nil {
		return candidate{}, err
	}
	switch len(s.found) {
	case 0:
		return candidate{}, s.nothing()
	case 1:
		return s.found[0], nil
	}
	return candidate{}, s.several()
}

// atHookpoint returns the path of one model of the folder path, and what is there.
func atHookpoint(path string, info os.FileInfo, hookpoint string) (string, os.FileInfo, error) {
	if !info.IsDir() {
		return "", nil, hookpointError("%s is a file, and the hookpoint %q is for a folder", path, hookpoint)
	}
	if !filepath.IsLocal(filepath.FromSlash(hookpoint)) {
		return "", nil, hookpointError("%s: the hookpoint %q leads out of the folder", path, hookpoint)
	}
	path, err := snapshot(path)
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(path, filepath.FromSlash(hookpoint))
	info, err = os.Stat(path)
	return path, info, err
}

// hookpointError is an error of Options.Hookpoint.
func hookpointError(format, path, hookpoint string) error {
	return &OptionError{Option: "Hookpoint", cause: ErrUnknown, Reason: fmt.Sprintf(format, path, hookpoint), Advice: "see Options.Hookpoint"}
}

// A search goes through a folder for models. Those that lie in a folder itself are
// the folder's; only where there are none do its subfolders count.
type search struct {
	root   string
	found  []candidate
	looked []string        // what was not a model, and why
	seen   map[string]bool // the folders below, so that links do not lead round
	files  int
}

// folder adds the models of a folder.
func (s *search) folder(path string, depth int) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	if s.files += len(entries); s.files > maxFiles {
		return unknown("%s holds more than %d files; name the folder of the model itself", s.root, maxFiles)
	}
	var here []candidate
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		if strings.HasPrefix(e.Name(), ".") || e.IsDir() {
			continue
		}
		kind, err := s.look(name)
		if err != nil {
			return err
		}
		if kind != noContainer {
			here = append(here, candidate{name, kind})
		}
	}
	if len(here) > 0 {
		s.found = append(s.found, oneOfEach(here)...)
		return nil
	}
	if depth == maxDepth {
		return nil
	}
	isLink := func(e os.DirEntry) int { return int(e.Type() & os.ModeSymlink) }
	slices.SortStableFunc(entries, func(a, b os.DirEntry) int { return cmp.Compare(isLink(a), isLink(b)) }) // links last
	for _, e := range entries {
		below := filepath.Join(path, e.Name())
		if strings.HasPrefix(e.Name(), ".") || !s.isNew(below) {
			continue
		}
		inner, err := snapshot(below)
		if err == nil {
			err = s.folder(inner, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isNew reports whether path is a folder, or a link to one, that was not seen yet.
func (s *search) isNew(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return false
	}
	whole, err := filepath.EvalSymlinks(path)
	if err != nil || s.seen[whole] {
		return false
	}
	if s.seen == nil {
		s.seen = make(map[string]bool)
	}
	s.seen[whole] = true
	return true
}

// look returns the container of a file that holds a model's weights, noContainer
// for any other file.
func (s *search) look(path string) (container, error) {
	info, err := os.Stat(path)
	if err != nil {
		s.skip(path, "a link to nothing")
	}
	if err != nil || !info.Mode().IsRegular() {
		return noContainer, nil
	}
	in, kind, err := containerOf(path)
	switch {
	case err != nil:
		return noContainer, err
	case in == noContainer && isNamedAsWeights(path):
		s.skip(path, kind.Instead("a file of a model"))
		return noContainer, nil
	case in == noContainer, in == inNetwork, in == inCheckpoint:
		return in, nil
	}
	file, err := openTensorFile(path, in, new(faults))
	if err != nil {
		if in == inTorch { // optimiser states and the like, which are not for us
			s.skip(path, err.Error())
			return noContainer, nil
		}
		return noContainer, containerError(path, err)
	}
	defer file.close() // read only
	if !file.isModel() {
		s.skip(path, "no sparse autoencoder's tensors: "+file.list())
		return noContainer, nil
	}
	return in, nil
}

// skip remembers a file that is no model, for an error.
func (s *search) skip(path, why string) {
	s.looked = append(s.looked, fmt.Sprintf("%s: %s", s.below(path), why))
}

// below returns the path below the root, with slashes.
func (s *search) below(path string) string {
	if below, err := filepath.Rel(s.root, path); err == nil {
		path = below
	}
	return filepath.ToSlash(path)
}

// nothing says that there is no model, and what there is.
func (s *search) nothing() error {
	if len(s.looked) == 0 {
		return unknown("%s: there is no file of a model (safetensors, torch.save, .npz or a network file) in this folder", s.root)
	}
	return unknown("%s: there is no model in this folder; what there is: %s", s.root, strings.Join(s.looked[:min(8, len(s.looked))], "; "))
}

// several lists the models, as Options.Hookpoint takes them.
func (s *search) several() error {
	folders := make(map[string]int)
	for _, c := range s.found {
		folders[filepath.Dir(c.path)]++
	}
	var names []string
	for _, c := range s.found {
		name := c.path
		if folders[filepath.Dir(c.path)] == 1 {
			name = filepath.Dir(c.path)
		}
		names = append(names, fmt.Sprintf("%q", s.below(name)))
	}
	slices.Sort(names)
	return &OptionError{
		Option: "Hookpoint", cause: ErrSeveral,
		Reason: fmt.Sprintf("%s holds %d models: %s", s.root, len(names), some(names)),
		Advice: "name one in Options.Hookpoint, or open its own path",
	}
}

// oneOfEach leaves of a model that is there as safetensors and as pytorch_model.bin
// the first.
func oneOfEach(here []candidate) []candidate {
	if len(here) != 2 {
		return here
	}
	for i, c := range here {
		if c.kind == inSafetensors && filepath.Base(here[1-i].path) == "pytorch_model.bin" {
			return here[i : i+1]
		}
	}
	return here
}

// snapshot returns path, or, where path is a repository folder of the Hugging Face
// cache, the snapshot in it.
func snapshot(path string) (string, error) {
	inner, err := hub.Snapshot(path)
	var e *hub.Error
	switch {
	case errors.As(err, &e) && e.Several:
		return "", errorf(ErrSeveral, "%v", e)
	case errors.As(err, &e):
		return "", unknown("%v", e)
	case inner != "" || err != nil:
		return inner, err
	}
	return path, nil
}

// sentenceModule returns path, or, where path is a sentence-transformers model, the
// folder of its sparse autoencoder.
func sentenceModule(path string) (string, error) {
	module, _ := sentenceModules(path)
	if module == nil {
		return path, nil
	}
	if !filepath.IsLocal(filepath.FromSlash(module.Path)) {
		return "", unknown("%s: path %.60q leads out of the folder", filepath.Join(path, "modules.json"), module.Path)
	}
	return filepath.Join(path, filepath.FromSlash(module.Path)), nil
}

// A module is an entry of modules.json, the list of what a sentence-transformers model
// consists of.
type module struct{ Path, Type string }

// sentenceModules reads modules.json in a folder and returns the entry of the
// sparse autoencoder, nil if there is none, and those before it.
func sentenceModules(folder string) (sparse *module, before []module) {
	text, err := readSmall(filepath.Join(folder, "modules.json"))
	var modules []module
	if err != nil || json.Unmarshal(text, &modules) != nil { // none, or another program's file
		return nil, nil
	}
	for i, m := range modules {
		if strings.HasSuffix(m.Type, ".SparseAutoEncoder") {
			if m.Path == "" {
				m.Path = "."
			}
			return &m, modules[:i]
		}
	}
	return nil, nil
}
