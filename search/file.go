package search

import (
	"runtime"
	"sync/atomic"

	"github.com/ksparse/ksparse/internal/mapped"
)

// segmentFile is the file in which a segment lies. It stays in memory while an index that is not closed has the
// segment.
type segmentFile struct {
	path     string
	contents *mapped.Whole
	holders  atomic.Int64
}

// newSegmentFile returns the file with the given contents, which are let go of with it.
func newSegmentFile(path string, contents *mapped.Whole) *segmentFile {
	f := &segmentFile{path: path, contents: contents}
	runtime.AddCleanup(f, func(w *mapped.Whole) { w.Close() }, contents) // of indexes that nobody closed
	return f
}

// hold counts one more index.
func (f *segmentFile) hold() { f.holders.Add(1) }

// letGo counts one index less. The last one closes the file.
func (f *segmentFile) letGo() {
	if f.holders.Add(-1) == 0 {
		f.contents.Close() // read only
	}
}
