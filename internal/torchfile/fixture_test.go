package torchfile_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/tensor"
	"github.com/ksparse/ksparse/internal/tensor/tensortest"
	"github.com/ksparse/ksparse/internal/torchfile"
)

// lookUp follows names joined by slashes from dict to dict.
func lookUp(dict *torchfile.Dict, path string) any {
	name, rest, more := strings.Cut(path, "/")
	value, _ := dict.Get(name)
	if inner, ok := value.(*torchfile.Dict); ok && more {
		return lookUp(inner, rest)
	}
	return value
}

func TestFixtures(t *testing.T) {
	for _, fixture := range tensortest.Fixtures(t, ".pt", ".bin") {
		t.Run(fixture.Path, func(t *testing.T) {
			f, err := torchfile.Open(fixture.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			dict := f.Dict()
			if inner, ok := lookUp(dict, "ae").(*torchfile.Dict); ok { // of an interrupted run
				dict = inner
			}
			for name, want := range fixture.Tensors {
				got, ok := lookUp(dict, name).(*tensor.Tensor)
				if !ok {
					t.Errorf("%s is a %T, want a tensor", name, lookUp(dict, name))
					continue
				}
				if base := filepath.Base(name); got.Name() != base {
					t.Errorf("tensor %s is called %q", name, got.Name())
				}
				tensortest.Check(t, got, want)
			}
			if fixture.Values != nil {
				values, _ := dict.Get("values")
				decoder := json.NewDecoder(bytes.NewReader(fixture.Values))
				decoder.UseNumber()
				var want any
				if err := decoder.Decode(&want); err != nil {
					t.Fatal(err)
				}
				equal(t, "values", values, want)
			} else if tensors := count(dict); tensors != len(fixture.Tensors) {
				t.Errorf("%d tensors, want %d", tensors, len(fixture.Tensors))
			}
		})
	}
}

// count returns how many values of dict are tensors.
func count(dict *torchfile.Dict) int {
	n := 0
	for _, value := range dict.All() {
		if _, ok := value.(*tensor.Tensor); ok {
			n++
		}
	}
	return n
}

// equal compares a value with what JSON says of it. JSON has lists for tuples,
// strings for large integers and for keys of every kind.
func equal(t *testing.T, where string, got, want any) {
	switch want := want.(type) {
	case map[string]any:
		dict, ok := got.(*torchfile.Dict)
		if !ok || dict.Len() != len(want) {
			t.Errorf("%s is a %s, want a dict of %d", where, torchfile.Kind(got), len(want))
			return
		}
		for key, value := range dict.All() {
			name, ok := key.(string)
			if n, isInt := key.(int64); isInt {
				name, ok = strconv.FormatInt(n, 10), true
			}
			if _, there := want[name]; !ok || !there {
				t.Errorf("%s has the key %v", where, key)
				continue
			}
			equal(t, where+"/"+name, value, want[name])
		}
		return
	case []any:
		items, ok := got.(torchfile.Tuple)
		if list, isList := got.(*torchfile.List); isList {
			items, ok = list.Items, true
		}
		if !ok || len(items) != len(want) {
			t.Errorf("%s is %v, want %v", where, got, want)
			return
		}
		for i := range want {
			equal(t, where+"/"+strconv.Itoa(i), items[i], want[i])
		}
		return
	case string:
		switch got := got.(type) {
		case int64:
			if strconv.FormatInt(got, 10) == want {
				return
			}
		case *big.Int:
			if got.String() == want && !got.IsInt64() {
				return
			}
		case string:
			if got == want {
				return
			}
		}
	case json.Number:
		switch got := got.(type) {
		case int64:
			if strconv.FormatInt(got, 10) == want.String() {
				return
			}
		case float64:
			if f, err := want.Float64(); err == nil && f == got {
				return
			}
		}
	default: // bool, nil
		if got == want {
			return
		}
	}
	t.Errorf("%s is %v (%s), want %v", where, got, torchfile.Kind(got), want)
}

// TestTied: two names of one storage are known as such; two storages are not.
func TestTied(t *testing.T) {
	for file, want := range map[string]bool{
		"openai_topk_tied_shared_storage/autoencoder.pt":        true,
		"csr_pytorch_bin/3_SparseAutoEncoder/pytorch_model.bin": true,
		"dictlearn_topk/ae.pt":                                  false,
	} {
		f, err := torchfile.Open("../../pretrained/testdata/" + file)
		if err != nil {
			t.Error(err)
			continue
		}
		defer f.Close()
		a, _ := lookUp(f.Dict(), "encoder.weight").(*tensor.Tensor)
		b, _ := lookUp(f.Dict(), "decoder.linear.weight").(*tensor.Tensor)
		if b == nil {
			b, _ = lookUp(f.Dict(), "decoder.weight").(*tensor.Tensor)
		}
		if a == nil || b == nil || a.Same(b) != want {
			t.Errorf("%s: encoder %v and decoder %v, want tied: %v", file, a, b, want)
		}
	}
}

// TestBad opens the files that must be refused. One is well-formed; that its values
// make no model is for the caller to find.
func TestBad(t *testing.T) {
	wants := map[string]string{ // what the message must name
		"global_builtins_print.pt":  "builtins.print",
		"global_os_system.pt":       "os.system",
		"global_posix_system.pt":    "posix.system",
		"global_in_value.pt":        "builtins.eval",
		"global_uncalled.pt":        "builtins.exec",
		"stack_global_protocol4.pt": "builtins.print",
		"inst_opcode.pt":            "'i'",
		"newobj_module_class.pt":    "__main__.SAE",
		"getattr_chain.pt":          "builtins.getattr",
		"offset_past_storage.pt":    "storage of",
		"stride_past_storage.pt":    "storage of",
		"stride_negative.pt":        "negative",
		"numel_over_file.pt":        "want 800 elements",
		"storage_missing.pt":        "data/9",
		"storage_traversal.pt":      "not in the archive",
		"zip_traversal.pt":          "evil",
		"zip_bomb_storage.pt":       "data/0",
		"zip_bomb_pickle.pt":        "data.pkl",
		"not_a_dict.pt":             "a Python list",
		"no_pickle.pt":              "without data.pkl",
		"byteorder_big.pt":          "big",
		"size_huge_stride_zero.pt":  "1099511627776",
	}
	for _, bad := range tensortest.Manifest(t, "testdata/bad") {
		if bad.Must == "no test" {
			continue
		}
		data := tensortest.ReadFile(t, filepath.Join("testdata/bad", bad.File))
		var f *torchfile.File
		var err error
		taken := tensortest.Allocated(func() { f, err = torchfile.Read(bytes.NewReader(data), int64(len(data))) })
		if limit := int64(64<<10 + 32*len(data)); taken > limit {
			t.Errorf("%s: %d bytes allocated, want at most %d", bad.File, taken, limit)
		}
		switch {
		case bad.File == "nan.pt" || bad.Must == "load":
			if err != nil {
				t.Errorf("%s (%s): %v", bad.File, bad.Why, err)
				continue
			}
			strange := 0
			for _, value := range f.Dict().All() {
				values, err := value.(*tensor.Tensor).Float64s()
				if err != nil {
					t.Error(err)
				}
				for _, v := range values {
					if math.IsNaN(v) {
						strange++
					}
				}
			}
			if (strange > 0) != (bad.File == "nan.pt") {
				t.Errorf("%s: %d values are NaN", bad.File, strange)
			}
		case err == nil || !strings.Contains(err.Error(), wants[bad.File]):
			t.Errorf("%s (%s): error %v, want %q", bad.File, bad.Why, err, wants[bad.File])
		default:
			t.Logf("%s: %v (%d bytes)", bad.File, err, taken)
		}
	}
}
