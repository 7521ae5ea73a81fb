package torchfile

import (
	"fmt"

	"github.com/ksparse/ksparse/internal/tensor"
)

// A storageID is the persistent id of a storage.
type storageID struct {
	dtype tensor.DType // 0 for an untyped storage
	key   string
	numel int64
	view  Tuple // nil, or, in a legacy file, key, offset and size of a range of elements
}

// parseID reads ('storage', class, key, location, numel), with the view after that
// in legacy files. The location, a device, does not matter to the values.
func parseID(id Tuple) (storageID, error) {
	var out storageID
	if len(id) != 5 && len(id) != 6 {
		return out, fmt.Errorf("a storage of %d fields, want 5 or 6", len(id))
	}
	class, _ := id[1].(Global)
	var known, ok bool
	out.dtype, known = storageTypes[class]
	out.key, ok = id[2].(string)
	if id[0] != "storage" || !known || !ok {
		return out, fmt.Errorf("a storage of class %s with a key that is a %s", Kind(id[1]), Kind(id[2]))
	}
	if _, ok := id[3].(string); !ok {
		return out, fmt.Errorf("storage %.40q: its location is a %s, want a str", out.key, Kind(id[3]))
	}
	if out.numel, ok = id[4].(int64); !ok || out.numel < 0 {
		return out, fmt.Errorf("storage %.40q: its number of elements is no whole number", out.key)
	}
	if len(id) == 6 && id[5] != nil {
		if out.view, ok = id[5].(Tuple); !ok || len(out.view) != 3 {
			return out, fmt.Errorf("storage %.40q: a view that is no tuple of 3", out.key)
		}
	}
	return out, nil
}

// bytes returns the size of the storage, which must be at most limit.
func (id *storageID) bytes(limit int64) (int64, error) {
	size := int64(id.dtype.Size())
	if id.numel > limit/size {
		return 0, fmt.Errorf("storage %.40q of %d elements is larger than the file", id.key, id.numel)
	}
	return id.numel * size, nil
}

// storages has the storages of a file, each once.
type storages struct {
	byKey  map[string]*storageView
	budget int64 // bytes that tensors may still have, as float64
}

// newStorages returns the storages of a file of that size.
func newStorages(fileSize int64) *storages {
	return &storages{map[string]*storageView{}, tensor.Budget(fileSize)}
}

// get returns the storage of id, which make makes at the first call.
func (s *storages) get(id storageID, make func() (*tensor.Storage, error)) (*storageView, error) {
	if v := s.byKey[id.key]; v != nil {
		if v.dtype != id.dtype || v.numel != id.numel {
			return nil, fmt.Errorf("storage %.40q is described in two ways", id.key)
		}
		return v, nil
	}
	storage, err := make()
	if err != nil {
		return nil, fmt.Errorf("storage %.40q: %w", id.key, err)
	}
	v := &storageView{storage, id.dtype, id.numel}
	s.byKey[id.key] = v
	return v, nil
}
