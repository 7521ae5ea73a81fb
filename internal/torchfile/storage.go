package torchfile

import (
	"fmt"

	"github.com/ksparse/ksparse/internal/tensor"
)

// A storageView is what a pickle has for a storage.
type storageView struct {
	*tensor.Storage
	dtype tensor.DType
	numel int64
}

// A storageID is the persistent id of a storage.
type storageID struct {
	dtype tensor.DType // 0 for an untyped storage
	key   string
	numel int64
	view  Tuple // of a legacy file: nil, or key, offset and size of a part of it
}

// parseID reads ('storage', class, key, location, numel), with the view after that
// in legacy files. The location, a device, says nothing about the values.
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

func newStorages(fileSize int64) *storages {
	return &storages{map[string]*storageView{}, tensor.Budget(fileSize)}
}

// get returns the storage of id; make makes it when it is met first.
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

// tensor makes a tensor of (storage, offset, size, stride, ...); of 7 or 8 arguments
// in version 3, the seventh is the type of the elements.
func (m *machine) tensor(args Tuple, least, most int) (any, error) {
	if len(args) < least || len(args) > most {
		return nil, fmt.Errorf("%d arguments, want %d to %d", len(args), least, most)
	}
	view, ok := args[0].(*storageView)
	if !ok || m.storages == nil {
		return nil, fmt.Errorf("a %s, want a storage", Kind(args[0]))
	}
	offset, err := integer(args[1])
	if err != nil {
		return nil, err
	}
	l := tensor.Layout{DType: view.dtype, Offset: offset}
	if l.Shape, err = integers(args[2]); err != nil {
		return nil, err
	}
	if l.Strides, err = integers(args[3]); err != nil {
		return nil, err
	}
	if least == 7 {
		g, _ := args[6].(Global)
		l.DType = dtypes[g]
	}
	name, _ := m.top().(string) // the key in the dict, if the tensor goes there at once
	t, err := tensor.New(name, l, view.Storage)
	if err != nil {
		return nil, err
	}
	m.storages.budget -= 8 * int64(t.Count())
	if m.storages.budget < 0 {
		return nil, fmt.Errorf("tensor %.100q of shape %v and those before it repeat elements to many times the size of the file", name, l.Shape)
	}
	return t, nil
}
