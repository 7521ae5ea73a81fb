package torchfile

import (
	"errors"
	"fmt"
	"iter"
	"math/big"
	"slices"

	"github.com/ksparse/ksparse/internal/tensor"
)

// A Dict is a Python dict or OrderedDict: keys in the order of their insertion,
// none twice.
type Dict struct {
	ordered bool // it is an OrderedDict, which alone can be given attributes
	entries []dictEntry
	index   map[any]int // of a large Dict: the entries by key, for keys that Go can compare
}

// A dictEntry is a key of a Dict with its value.
type dictEntry struct{ key, value any }

// A List is a Python list.
type List struct{ Items []any }

// A Set is a Python set without elements: no instruction that is executed adds one.
type Set struct{}

// A Tuple is a Python tuple.
type Tuple []any

// A Device is the name of a torch.device, such as "cpu" or "cuda:0".
type Device string

// A Global is the name of a torch type, such as "torch.float32".
type Global string

// A storageView is what a pickle has for a storage.
type storageView struct {
	*tensor.Storage
	dtype tensor.DType
	numel int64
}

// Len returns the number of entries.
func (d *Dict) Len() int { return len(d.entries) }

// Get returns the value of a key that is a str, and whether there is one.
func (d *Dict) Get(key string) (any, bool) {
	i := d.find(key)
	if i < 0 {
		return nil, false
	}
	return d.entries[i].value, true
}

// indexed is the length from which a Dict has an index.
const indexed = 16

// find returns the entry of a key of a type that Go can compare, or -1.
func (d *Dict) find(key any) int {
	if d.index != nil {
		if i, ok := d.index[key]; ok {
			return i
		}
		return -1
	}
	return slices.IndexFunc(d.entries, func(e dictEntry) bool { return e.key == key })
}

// All returns the keys and values in order. A key is a string, int64, *big.Int,
// float64, bool, nil or Tuple of these.
func (d *Dict) All() iter.Seq2[any, any] {
	return func(yield func(key, value any) bool) {
		for _, e := range d.entries {
			if !yield(e.key, e.value) {
				return
			}
		}
	}
}

// set adds an entry. A tensor is named by its key, if that is a str.
func (d *Dict) set(key, value any) error {
	comparable, ok := compares(key)
	if !ok {
		return fmt.Errorf("a %s is no key", Kind(key))
	}
	if comparable && d.find(key) >= 0 {
		return fmt.Errorf("the key %.100q is there twice", fmt.Sprint(key)) // never a Tuple, which may be of any size
	}
	if t, ok := value.(*tensor.Tensor); ok {
		if name, ok := key.(string); ok {
			value = t.Named(name)
		}
	}
	d.entries = append(d.entries, dictEntry{key, value})
	if d.index != nil {
		if comparable {
			d.index[key] = len(d.entries) - 1
		}
	} else if len(d.entries) == indexed {
		d.index = map[any]int{}
		for i, e := range d.entries {
			if comparable, _ := compares(e.key); comparable {
				d.index[e.key] = i
			}
		}
	}
	return nil
}

// compares reports whether Go compares the key as Python does, and whether it can
// be a key at all.
func compares(key any) (comparable, ok bool) {
	switch key := key.(type) {
	case string, int64, float64, bool, nil:
		return true, true
	case *big.Int:
		return false, true
	case Tuple:
		return false, !slices.ContainsFunc(key, func(item any) bool {
			_, nested := item.(Tuple) // which may be of any depth
			return nested || !isKey(item)
		})
	}
	return false, false
}

// isKey reports whether a value can be a key.
func isKey(value any) bool {
	_, ok := compares(value)
	return ok
}

// Kind names the type of a value as Python does, for messages.
func Kind(value any) string {
	switch v := value.(type) {
	case *Dict:
		return "dict"
	case *List:
		return "list"
	case Set:
		return "set"
	case Tuple:
		return "tuple"
	case string:
		return "str"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case bool:
		return "bool"
	case nil:
		return "None"
	case *tensor.Tensor:
		return "Tensor"
	case Device:
		return "torch.device"
	case Global:
		return string(v)
	case *storageView:
		return "storage"
	}
	return "value"
}

// integer returns the int that value is. It is an error where Go's int does not hold it.
func integer(value any) (int, error) {
	v, ok := value.(int64)
	if !ok {
		return 0, fmt.Errorf("a %s where an integer is wanted", Kind(value))
	}
	if int64(int(v)) != v {
		return 0, fmt.Errorf("%d is out of range", v)
	}
	return int(v), nil
}

// maxDims is the most ints that integers returns: the dimensions of a tensor.
const maxDims = 64

// integers returns a tuple or list of ints.
func integers(value any) ([]int, error) {
	items, ok := value.(Tuple)
	if list, isList := value.(*List); isList {
		items, ok = list.Items, true
	}
	if !ok {
		return nil, fmt.Errorf("a %s where a tuple of integers is wanted", Kind(value))
	}
	if len(items) > maxDims {
		return nil, errors.New("too many dimensions")
	}
	out := make([]int, len(items))
	for i, item := range items {
		var err error
		if out[i], err = integer(item); err != nil {
			return nil, err
		}
	}
	return out, nil
}
