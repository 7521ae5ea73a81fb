package columnar

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/natural"
)

// Is reports whether Open and OpenTexts are the functions for path: by a file's first bytes,
// a folder's files, or the "hf:" that it begins with. What cannot be read is not for them.
func Is(path string) bool {
	if strings.HasPrefix(path, hubPrefix) {
		return true
	}
	if folder, _, ok := splitOf(path); ok {
		path = folder
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if exists(path, "dataset_dict.json") || exists(path, "state.json") {
			return true
		}
		files, err := filesIn(path)
		return err == nil && len(files) > 0
	}
	if what, err := find(path); err == nil {
		path = what.paths[0]
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular() && kindOf(f, info.Size()) != ""
}

// find returns what path stands for.
func find(path string) (found, error) {
	if name, ok := strings.CutPrefix(path, hubPrefix); ok {
		paths, err := findHub(name)
		return found{paths: paths}, err
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return findFolder(path, "")
	case err == nil:
		return found{paths: []string{path}}, nil
	}
	if folder, split, ok := splitOf(path); ok {
		return findFolder(folder, split)
	}
	if !strings.ContainsAny(path, "*?[") {
		return found{}, fault.Errorf(err, "%v", err)
	}
	paths, bad := filepath.Glob(path)
	if bad != nil {
		return found{}, fault.Errorf(fault.ErrRange, "%s is not a pattern: %v", path, bad)
	}
	if len(paths) == 0 {
		return found{}, fault.Errorf(os.ErrNotExist, "no file fits %s", path)
	}
	slices.SortFunc(paths, natural.Order)
	return found{paths: paths}, nil
}

// splitOf cuts "folder:split", where there is a folder with splits of that name.
func splitOf(path string) (folder, split string, ok bool) {
	i := strings.LastIndexByte(path, ':')
	if i < 0 || !exists(path[:i], "dataset_dict.json") {
		return "", "", false
	}
	return path[:i], path[i+1:], true
}

// exists reports whether there is a file of that name in the folder.
func exists(folder, name string) bool {
	info, err := os.Stat(filepath.Join(folder, name))
	return err == nil && !info.IsDir()
}

// findFolder returns what is in a folder, or in a split of it.
func findFolder(folder, split string) (found, error) {
	if exists(folder, "dataset_dict.json") {
		var saved struct{ Splits []string }
		if err := readJSON(filepath.Join(folder, "dataset_dict.json"), &saved); err != nil {
			return found{}, err
		}
		if split == "" && len(saved.Splits) == 1 {
			split = saved.Splits[0]
		}
		if !slices.Contains(saved.Splits, split) || !filepath.IsLocal(split) {
			return found{}, fault.Errorf(fault.ErrRange, "%s has the splits %s: name one as %q", folder, strings.Join(saved.Splits, ", "), folder+":SPLIT")
		}
		folder = filepath.Join(folder, split)
	}
	if exists(folder, "state.json") {
		return findSaved(folder)
	}
	files, err := filesIn(folder)
	if err == nil && len(files) == 0 {
		err = fault.Errorf(fault.ErrFormat, "%s has no .arrow or .parquet files", folder)
	}
	return found{paths: files}, err
}

// findSaved returns the files that the state of a saved data set names.
func findSaved(folder string) (what found, err error) {
	type files []struct{ Filename string }
	var state struct {
		Data    files `json:"_data_files"`
		Indices files `json:"_indices_data_files"`
		Older   files `json:"_indices_files"`
	}
	if err := readJSON(filepath.Join(folder, "state.json"), &state); err != nil {
		return found{}, err
	}
	paths := func(list files) (paths []string) {
		for _, file := range list {
			if !filepath.IsLocal(file.Filename) {
				err = fault.Errorf(fault.ErrFormat, "%s: state.json names %q, which lies outside of the folder", folder, file.Filename)
			}
			paths = append(paths, filepath.Join(folder, file.Filename))
		}
		return paths
	}
	what = found{paths(state.Data), paths(slices.Concat(state.Indices, state.Older))}
	if err == nil && len(what.paths) == 0 {
		err = fault.Errorf(fault.ErrFormat, "%s: state.json names no files", folder)
	}
	return what, err
}

// readJSON decodes a file.
func readJSON(path string, into any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fault.Errorf(err, "%v", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fault.Errorf(fault.ErrFormat, "%s: %v", path, err)
	}
	return nil
}

// filesIn returns the .arrow files in a folder or, if there are none, the .parquet files. Those
// in which datasets keeps the results of its functions are no part of a data set.
func filesIn(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fault.Errorf(err, "%v", err)
	}
	for _, ending := range []string{".arrow", ".parquet"} {
		var paths []string
		for _, entry := range entries {
			if name := entry.Name(); filepath.Ext(name) == ending && !strings.HasPrefix(name, "cache-") && !strings.HasPrefix(name, ".") {
				paths = append(paths, filepath.Join(folder, name))
			}
		}
		if len(paths) > 0 {
			slices.SortFunc(paths, natural.Order)
			return paths, nil
		}
	}
	return nil, nil
}
