package search

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"sync"

	"github.com/ksparse/ksparse/internal/fault"
)

// origin is what an index, and those that are made of it, were opened from and saved as: the checksums of the lists of
// segments.
type origin struct {
	mu    sync.Mutex
	lists map[[sha256.Size]byte]bool
}

// add notes a list.
func (o *origin) add(list []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lists == nil {
		o.lists = map[[sha256.Size]byte]bool{}
	}
	o.lists[sha256.Sum256(list)] = true
}

// check returns an error where the list at path is one that is not known: another program wrote it. An origin that knows none
// is content with any.
func (o *origin) check(path string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	list, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || len(o.lists) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if !o.lists[sha256.Sum256(list)] {
		return fault.Errorf(fs.ErrExist, "another program has changed %s since the index was opened: open it again, and change that", path)
	}
	return nil
}
