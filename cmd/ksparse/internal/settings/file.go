package settings

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/pflag"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
)

// DataKey is the key of a file that is no flag: the paths of the data.
const DataKey = "data"

// Read takes the settings in a YAML or JSON file for the flags of f that were not given. Its keys are the names of the
// flags. The key data lists what could stand on the command line as DATA: it is returned.
func Read(path string, f *pflag.FlagSet) (paths []string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := yaml.Unmarshal(text, &all); err != nil { // JSON is YAML, too
		return nil, say.Wrong("%s is no YAML or JSON object of settings: %s", path, firstLine(err))
	}
	for key, value := range all {
		if key == DataKey {
			if paths, err = pathsOf(value); err != nil {
				return nil, say.Wrong("%s: %v", path, err)
			}
			continue
		}
		flag := f.Lookup(key)
		if flag == nil || notInFiles[key] {
			return nil, say.Wrong("%s has the key %q, which is no setting", path, key)
		}
		if flag.Changed {
			continue
		}
		if err := f.Set(key, written(value)); err != nil {
			return nil, say.Wrong("%s: %s is %q: %v", path, key, written(value), err)
		}
	}
	return paths, nil
}

// pathsOf returns the value of the key data: a path, or a list of paths.
func pathsOf(value any) ([]string, error) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	var paths []string
	for _, v := range list {
		path, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("%s is %v, want a path or a list of paths", DataKey, v)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// notInFiles are the flags that are for one call of the command.
var notInFiles = map[string]bool{"config": true, "help": true, "force": true, "resume": true, "json": true, "output": true, "keep": true}

// written returns a value as it would be written after a flag.
func written(value any) string {
	if list, ok := value.([]any); ok {
		var parts []string
		for _, v := range list {
			parts = append(parts, written(v))
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(value)
}

// firstLine returns the first line of an error's text.
func firstLine(err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return line
}

// Used returns the settings as a JSON object that Read takes: all flags of f that are settings, in the order of their
// names, but for some, and the paths of the data.
func Used(f *pflag.FlagSet, paths []string, but ...string) ([]byte, error) {
	all := map[string]any{DataKey: paths}
	f.VisitAll(func(flag *pflag.Flag) {
		if !notInFiles[flag.Name] && !slices.Contains(but, flag.Name) && flag.Value.String() != "" && flag.Value.String() != "[]" {
			all[flag.Name] = value(flag)
		}
	})
	text, err := json.MarshalIndent(all, "", "  ")
	return append(text, '\n'), err
}

// value returns the value of a flag for JSON.
func value(flag *pflag.Flag) any {
	switch flag.Value.Type() {
	case "intSlice":
		return strings.Trim(flag.Value.String(), "[]")
	case "int", "uint64", "float64":
		return json.Number(flag.Value.String())
	case "bool":
		return flag.Value.String() == "true"
	}
	return flag.Value.String()
}

// Whole reads one whole number from the settings file at path; 0 where there is none.
func Whole(path, key string) int {
	var all map[string]any
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &all) != nil {
		return 0
	}
	n, _ := all[key].(float64)
	return int(n)
}
