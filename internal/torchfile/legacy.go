package torchfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/ksparse/ksparse/internal/tensor"
)

// The first value of a legacy file, and the second.
var legacyMagic, _ = new(big.Int).SetString("1950a86a20f9469cfc6c", 16)

const legacyProtocol = 1001

// readLegacy returns the value of a file that is one stream: five pickles (magic
// number, version, facts about the machine, the value, the keys of the storages),
// then for each key the number of elements and the elements.
func readLegacy(r io.ReaderAt, size int64) (any, error) {
	l := &legacy{r: r, size: size, places: map[string]*legacyPlace{}, views: map[string]*storageView{}}
	m := newMachine(io.NewSectionReader(r, 0, size), size)
	magic, err := m.run()
	if err != nil {
		return nil, err
	}
	if n, ok := magic.(*big.Int); !ok || n.Cmp(legacyMagic) != 0 {
		return nil, fmt.Errorf("a pickle, but not of torch.save: it holds a Python %s", Kind(magic))
	}
	version, err := m.run()
	if err != nil {
		return nil, err
	}
	if n, ok := version.(int64); !ok || n != legacyProtocol {
		return nil, fmt.Errorf("version %d of the file format (a Python %s), want %d", n, Kind(version), legacyProtocol)
	}
	info, err := m.run()
	if err != nil {
		return nil, fmt.Errorf("system information: %w", err)
	}
	if err := checkSystem(info); err != nil {
		return nil, err
	}
	m.storages, m.persistent = newStorages(size), l.storage
	l.storages = m.storages
	value, err := m.run()
	if err != nil {
		return nil, err
	}
	m.storages, m.persistent = nil, nil
	keys, err := m.run()
	if err != nil {
		return nil, fmt.Errorf("storage keys: %w", err)
	}
	return value, l.locate(keys, m.at)
}

// checkSystem refuses files of big-endian machines.
func checkSystem(info any) error {
	facts, ok := info.(*Dict)
	if !ok {
		return fmt.Errorf("system information is a Python %s, want a dict", Kind(info))
	}
	if little, _ := facts.Get("little_endian"); little != true {
		return errors.New("the file was written on a big-endian machine")
	}
	return nil
}

// legacy is a legacy file while it is read, with the storages that its pickles describe.
type legacy struct {
	r        io.ReaderAt
	size     int64
	storages *storages
	places   map[string]*legacyPlace
	views    map[string]*storageView // by the key of the view
}

// A legacyPlace is where the elements of a storage are, which is known when all pickles
// have been read.
type legacyPlace struct {
	at, bytes, numel int64
	found            bool
}

// storage returns a storage whose place is still to be found.
func (l *legacy) storage(id storageID) (*storageView, error) {
	root, err := l.storages.get(id, func() (*tensor.Storage, error) {
		bytes, err := id.bytes(l.size)
		if err != nil {
			return nil, err
		}
		place := &legacyPlace{bytes: bytes, numel: id.numel}
		l.places[id.key] = place
		return tensor.NewStorage(bytes, func() (io.ReaderAt, error) { return io.NewSectionReader(l.r, place.at, bytes), nil }), nil
	})
	if err != nil || id.view == nil {
		return root, err
	}
	key, ok := id.view[0].(string)
	offset, okOffset := id.view[1].(int64)
	numel, okNumel := id.view[2].(int64)
	if !ok || !okOffset || !okNumel || offset < 0 || numel < 0 || offset > root.numel || numel > root.numel-offset {
		return nil, fmt.Errorf("storage %.40q: a view outside its %d elements", id.key, root.numel)
	}
	if l.views[key] == nil {
		size := int64(id.dtype.Size())
		l.views[key] = &storageView{root.Sub(offset*size, numel*size), id.dtype, numel}
	}
	return l.views[key], nil
}

// locate finds the elements of each storage, in the order of keys, from byte at on.
func (l *legacy) locate(keys any, at int64) error {
	list, ok := keys.(*List)
	if !ok {
		return fmt.Errorf("the storage keys are a Python %s, want a list", Kind(keys))
	}
	for _, key := range list.Items {
		name, _ := key.(string)
		place := l.places[name]
		if place == nil || place.found {
			return fmt.Errorf("storage %.40q is in the list of storages twice, or in no tensor", name)
		}
		var count [8]byte
		if l.size-at < int64(len(count)) {
			return fmt.Errorf("storage %.40q: the file is cut short", name)
		}
		if err := tensor.ReadFull(l.r, count[:], at); err != nil {
			return err
		}
		at += int64(len(count))
		if n := binary.LittleEndian.Uint64(count[:]); n != uint64(place.numel) {
			return fmt.Errorf("storage %.40q has %d elements, its tensors want %d", name, n, place.numel)
		}
		if place.bytes > l.size-at {
			return fmt.Errorf("storage %.40q: the file is cut short: %d bytes wanted at byte %d of %d", name, place.bytes, at, l.size)
		}
		place.at, place.found = at, true
		at += place.bytes
	}
	for name, place := range l.places {
		if !place.found {
			return fmt.Errorf("storage %.40q is not in the list of storages", name)
		}
	}
	if at != l.size {
		return fmt.Errorf("%d bytes after the last storage", l.size-at)
	}
	return nil
}
