package pretrained

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// snapshot returns path, or, where path is a repository folder of the Hugging Face
// cache (models--org--name, with refs and snapshots), the snapshot of its branch
// main, or its only one.
func snapshot(path string) (string, error) {
	all := filepath.Join(path, "snapshots")
	entries, err := os.ReadDir(all)
	if err != nil {
		return path, nil // not such a folder
	}
	var revisions []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			revisions = append(revisions, e.Name())
		}
	}
	ref, err := readSmall(filepath.Join(path, "refs", "main"))
	switch {
	case err == nil:
		main := strings.TrimSpace(string(ref))
		for _, r := range revisions {
			if r == main {
				return filepath.Join(all, r), nil
			}
		}
		return "", unknown("refs/main names the snapshot %.60q, and there is none of that name: the download is not complete", main)
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	case len(revisions) == 1:
		return filepath.Join(all, revisions[0]), nil
	case len(revisions) == 0:
		return "", unknown("there is no snapshot in %s", all)
	}
	return "", errorf(ErrSeveral, "there is no refs/main, and there are %d snapshots; open the path of one: %s", len(revisions), some(revisions))
}

// sentenceModule returns path, or, where path is a sentence-transformers model, the
// folder of its sparse autoencoder.
func sentenceModule(path string) (string, error) {
	module, _, err := sentenceModules(path)
	if err != nil || module == nil {
		return path, err
	}
	if !filepath.IsLocal(filepath.FromSlash(module.Path)) {
		return "", unknown("modules.json: path %.60q leads out of the folder", module.Path)
	}
	return filepath.Join(path, filepath.FromSlash(module.Path)), nil
}

// A module is an entry of modules.json.
type module struct{ Path, Type string }

// sentenceModules reads modules.json in a folder and returns the entry of the
// sparse autoencoder, nil if there is none, and those before it.
func sentenceModules(folder string) (sparse *module, before []module, err error) {
	text, err := readSmall(filepath.Join(folder, "modules.json"))
	if err != nil {
		return nil, nil, nil
	}
	var modules []module
	if json.Unmarshal(text, &modules) != nil {
		return nil, nil, nil // another program's file
	}
	for i, m := range modules {
		if strings.HasSuffix(m.Type, ".SparseAutoEncoder") {
			if m.Path == "" {
				m.Path = "."
			}
			return &m, modules[:i], nil
		}
	}
	return nil, nil, nil
}
