package columnar

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/hub"
	"github.com/ksparse/ksparse/internal/natural"
)

// hubPrefix begins the name of a data set of the Hugging Face hub.
const hubPrefix = "hf:"

// hubFile is a file of a data set in a cache folder.
type hubFile struct{ path, config, split string }

// findHub returns the files of a data set that the libraries of Hugging Face have in their
// cache folders. name is "org/name", or "name" of old ones, with "/config" and ":split" where
// there are several.
func findHub(name string) ([]string, error) {
	name, split, _ := strings.Cut(name, ":")
	parts := strings.Split(name, "/")
	for _, part := range parts {
		if part == "" || !filepath.IsLocal(part) || strings.ContainsAny(part, `\*?[`) {
			return nil, fault.Errorf(fault.ErrRange, "%q is not the name of a data set, want \"hf:org/name\", with \"/config\" or \":split\" after it where there are several", hubPrefix+name)
		}
	}
	config := ""
	if len(parts) > 2 {
		parts, config = parts[:2], strings.Join(parts[2:], "/")
	}
	prepared, raw := datasetsCache(), hubCache()
	files, err := preparedFiles(prepared, parts)
	if err == nil && len(files) == 0 {
		files, err = rawFiles(raw, parts)
	}
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fault.Errorf(os.ErrNotExist, "the data set %s is not on this machine: looked for %s in %s and for %s in %s; nothing is downloaded",
			name, strings.Join(parts, "___"), prepared, "datasets--"+strings.Join(parts, "--"), raw)
	}
	if files, err = narrow(files, name, "config", config, func(f hubFile) string { return f.config }, "/"); err != nil {
		return nil, err
	}
	if files, err = narrow(files, name, "split", split, func(f hubFile) string { return f.split }, ":"); err != nil {
		return nil, err
	}
	var paths []string
	for _, f := range files {
		paths = append(paths, f.path)
	}
	slices.SortFunc(paths, natural.Order)
	return paths, nil
}

// narrow returns the files whose part is the wanted one, or all where none is wanted and all
// have the same.
func narrow(files []hubFile, name, what, want string, part func(hubFile) string, mark string) ([]hubFile, error) {
	var there []string
	var kept []hubFile
	for _, f := range files {
		p := part(f)
		if !slices.Contains(there, p) {
			there = append(there, p)
		}
		if p == want {
			kept = append(kept, f)
		}
	}
	switch {
	case len(kept) > 0:
		return kept, nil
	case want == "" && len(there) == 1:
		return files, nil
	case want == "":
		return nil, fault.Errorf(fault.ErrRange, "the data set %s has several %ss, name one of them as %q: %s", name, what, hubPrefix+name+mark+strings.ToUpper(what), strings.Join(there, ", "))
	}
	return nil, fault.Errorf(fault.ErrRange, "the data set %s has no %s %q: it has %s", name, what, want, strings.Join(there, ", "))
}

// cacheFolder returns the folder that the first of the variables names that is set; else the
// named one in the cache folder of Hugging Face.
func cacheFolder(name string, variables ...string) string {
	for _, variable := range variables {
		if folder := os.Getenv(variable); folder != "" {
			return folder
		}
	}
	if home := os.Getenv("HF_HOME"); home != "" {
		return filepath.Join(home, name)
	}
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, _ := os.UserHomeDir() // without one nothing is found, and the error says where
		cache = filepath.Join(home, ".cache")
	}
	return filepath.Join(cache, "huggingface", name)
}

// datasetsCache is where the library datasets keeps what it prepared, in Arrow files.
func datasetsCache() string { return cacheFolder("datasets", "HF_DATASETS_CACHE") }

// hubCache is where huggingface_hub keeps what it downloaded.
func hubCache() string { return cacheFolder("hub", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") }

// shardName takes the number of a shard from the end of a file's name.
var shardName = regexp.MustCompile(`^(.*?)-?[0-9]+-of-[0-9]+(-[0-9a-f]+)?$`)

// splitName returns the split that a file's name says: "name-train-00000-of-00002", "train".
func splitName(file string) string {
	stem := strings.TrimSuffix(file, filepath.Ext(file))
	if m := shardName.FindStringSubmatch(stem); m != nil {
		stem = m[1]
	}
	return stem[strings.LastIndexByte(stem, '-')+1:]
}

// plainName is a name without what datasets changes in it for a folder's name: "MyData" is
// "my_data" there.
func plainName(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "") }

// preparedFiles lists root/org___name/config/version/hash/*.arrow.
func preparedFiles(root string, parts []string) ([]hubFile, error) {
	entries, _ := os.ReadDir(root) // one that is not there has no files
	var files []hubFile
	for _, entry := range entries {
		names := strings.Split(entry.Name(), "___")
		if !slices.EqualFunc(names, parts, func(a, b string) bool { return plainName(a) == plainName(b) }) {
			continue
		}
		found, err := filepath.Glob(filepath.Join(root, entry.Name(), "*", "*", "*", "*.arrow"))
		if err != nil {
			return nil, fault.Errorf(fault.ErrRange, "%s: %v", root, err)
		}
		home := map[string]string{} // of each config
		for _, path := range found {
			folder, file := filepath.Split(path)
			if strings.HasPrefix(file, "cache-") || strings.Contains(path, ".incomplete") {
				continue
			}
			config := filepath.Base(filepath.Dir(filepath.Dir(filepath.Clean(folder))))
			if other := home[config]; other != "" && other != folder {
				return nil, fault.Errorf(fault.ErrRange, "there are several versions of that data set, open one of the folders: %s, %s", other, folder)
			}
			home[config] = folder
			files = append(files, hubFile{path, config, splitName(file)})
		}
	}
	return files, nil
}

// rawFiles lists the .parquet and .arrow files of root/datasets--org--name, in the snapshot
// that refs/main names, or the only one.
func rawFiles(root string, parts []string) ([]hubFile, error) {
	folder, err := hub.Snapshot(filepath.Join(root, "datasets--"+strings.Join(parts, "--")))
	switch {
	case fault.FromOS(err):
		return nil, fault.Errorf(err, "%v", err)
	case err != nil:
		return nil, fault.Errorf(fault.ErrRange, "%v", err)
	case folder == "":
		return nil, nil // it is not there
	}
	var files []hubFile
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if ending := filepath.Ext(path); ending != ".parquet" && ending != ".arrow" {
			return nil
		}
		relative, err := filepath.Rel(folder, path)
		if err == nil {
			files = append(files, rawFile(path, filepath.ToSlash(relative)))
		}
		return err
	})
	if err != nil {
		return nil, fault.Errorf(err, "%v", err)
	}
	return files, nil
}

// rawFile says of which config and split a downloaded file is: config/train-00000-of-00002.parquet,
// config/train/0000.parquet, data/train.parquet.
func rawFile(path, relative string) hubFile {
	parts := strings.Split(relative, "/")
	file, folders := parts[len(parts)-1], parts[:len(parts)-1]
	split := splitName(file)
	if stem := strings.TrimSuffix(file, filepath.Ext(file)); natural.Digits(stem) == len(stem) && len(folders) > 0 {
		split, folders = folders[len(folders)-1], folders[:len(folders)-1]
	}
	return hubFile{path, strings.Join(folders, "/"), split}
}
