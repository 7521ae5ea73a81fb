package data

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/natural"
	"github.com/ksparse/ksparse/internal/safetensors"
	"github.com/ksparse/ksparse/internal/tensor"
)

// listFiles returns the files that path means: itself, those of a folder, or those that match
// a pattern.
func listFiles(path string, o Options) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return listFolder(path, o)
	case err == nil && strings.HasSuffix(path, indexEnding):
		return listIndex(path, o)
	case err == nil:
		return []string{path}, nil
	case !strings.ContainsAny(path, "*?["):
		return nil, fault.Errorf(err, "%s", err)
	}
	names, err := filepath.Glob(path)
	switch {
	case err != nil:
		return nil, fault.Errorf(fault.ErrRange, "%s is no pattern of file names: %s", path, err)
	case len(names) == 0:
		return nil, fault.Errorf(fs.ErrNotExist, "no file matches %s", path)
	}
	slices.SortFunc(names, natural.Order)
	return names, nil
}

// listFolder returns the files of a folder: those of its index, or all of one format.
func listFolder(path string, o Options) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fault.Errorf(err, "%s", err)
	}
	var names, indexes []string
	columnar := false
	for _, entry := range entries {
		name := entry.Name()
		extension := strings.ToLower(filepath.Ext(name))
		switch {
		case entry.IsDir() || strings.HasPrefix(name, "."):
		case strings.HasSuffix(name, indexEnding):
			indexes = append(indexes, filepath.Join(path, name))
		case isData(extension, o):
			names = append(names, filepath.Join(path, name))
		case extension == ".arrow" || extension == ".parquet":
			columnar = true
		}
	}
	switch {
	case len(indexes) == 1:
		return listIndex(indexes[0], o)
	case len(indexes) > 1:
		return nil, fault.Errorf(fault.ErrFormat, "the folder %s has %d indexes (*%s): name one of them", path, len(indexes), indexEnding)
	case columnar && len(names) == 0:
		return nil, fault.Advise(fault.ErrFormat, "columnar.Open of package columnar opens it", "the folder %s has Arrow or Parquet files", path)
	case len(names) == 0:
		return nil, fault.Advise(fault.ErrFormat, readable, "the folder %s has no files of numbers", path)
	}
	slices.SortFunc(names, natural.Order)
	format := strings.ToLower(filepath.Ext(names[0]))
	for _, name := range names {
		if extension := strings.ToLower(filepath.Ext(name)); extension != format {
			return nil, fault.Errorf(fault.ErrFormat, "the folder %s has %s and %s files: choose by a pattern such as %s", path, format, extension, filepath.Join(path, "*"+format))
		}
	}
	return names, nil
}

// isData reports whether a file in a folder is taken for data, by its extension.
func isData(extension string, o Options) bool {
	switch extension {
	case ".npy", ".npz", ".safetensors":
		return true
	case ".txt": // may be a licence or a list
		return false
	case ".bin":
		return o.Cols > 0
	}
	return binaryReaders[extension] != nil || textReaders[extension] != nil
}

// The index of a set of safetensors files.
const (
	indexEnding = ".safetensors.index.json"
	maxIndex    = 64 << 20 // bytes
)

// listIndex returns the file that has the array Options.Tensor, by the index at path. Without a name
// the index must have a single one.
func listIndex(path string, o Options) ([]string, error) {
	weights, err := readIndex(path)
	if err != nil {
		return nil, fault.InFile(path, err)
	}
	folder := filepath.Dir(path)
	var names []string
	for name, file := range weights {
		if !filepath.IsLocal(file) {
			return nil, fault.Errorf(fault.ErrFormat, "%s: array %.100q is in %.100q, which is not in its folder", path, name, file)
		}
		names = append(names, name)
	}
	slices.SortFunc(names, natural.Order)
	file, ok := weights[o.Tensor]
	switch {
	case ok:
	case len(names) == 1 && o.Tensor == "":
		file = weights[names[0]]
	default:
		err := chooseError(o.Tensor, names, func(name string) (*tensor.Tensor, error) {
			file, err := safetensors.Open(filepath.Join(folder, weights[name]))
			if err != nil {
				return nil, err
			}
			defer file.Close() // read only
			return file.Tensor(name)
		})
		return nil, fault.InFile(path, err)
	}
	return []string{filepath.Join(folder, file)}, nil
}

// readIndex returns the map of an index, from the names of arrays to those of files.
func readIndex(path string) (map[string]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // read only
	text, err := io.ReadAll(io.LimitReader(file, maxIndex+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxIndex {
		return nil, errors.New("an index of more than 64 MiB")
	}
	var index struct {
		Weights map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, err
	}
	if len(index.Weights) == 0 {
		return nil, errors.New(`no "weight_map" with names of arrays and files`)
	}
	return index.Weights, nil
}
