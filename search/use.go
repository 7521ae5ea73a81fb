package search

import (
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/ksparse/ksparse/internal/fault"
)

// use counts the calls that an index answers, so that Close can wait for the last one to let go of files.
type use struct {
	state atomic.Int64 // how many calls run; closed is added by Close
	files []*segmentFile
	once  sync.Once // release
}

// closed is the bit of use.state that says that no further call begins.
const closed = 1 << 62

// begin holds the files of parts until release.
func (u *use) begin(parts []part) {
	for i := range parts {
		if f := parts[i].file; f != nil {
			f.hold()
			u.files = append(u.files, f)
		}
	}
}

// release lets go of the files.
func (u *use) release() {
	u.once.Do(func() {
		for _, f := range u.files {
			f.letGo()
		}
	})
}

// begin begins a call: until end, files stay open, and one that cannot be read where it is mapped is an error.
// Its result is for end.
func (x *Index) begin() (faults bool, err error) {
	if x.use.state.Add(1)&closed != 0 {
		x.leave()
		return false, fault.Errorf(os.ErrClosed, "the index is closed")
	}
	if len(x.use.files) > 0 {
		faults = debug.SetPanicOnFault(true)
	}
	return faults, nil
}

// end ends a call, and sets err where a file could not be read. It is deferred.
func (x *Index) end(faults bool, err *error) {
	if len(x.use.files) > 0 {
		debug.SetPanicOnFault(faults)
	}
	p := recover()
	defer x.leave()
	if p == nil {
		if *err == nil {
			*err = x.check()
		}
		return
	}
	for _, f := range x.use.files {
		if failed := f.contents.Fault(p); failed != nil {
			*err = fault.InFile(f.path, failed)
			return
		}
	}
	panic(p)
}

// check returns an error where a file of the index was cut short: then what was read of it is void.
func (x *Index) check() error {
	for _, f := range x.use.files {
		if err := f.contents.Check(); err != nil {
			return fault.InFile(f.path, err)
		}
	}
	return nil
}

// leave counts a call as ended. The last one of a closed index releases the files.
func (x *Index) leave() {
	if x.use.state.Add(-1) == closed {
		x.use.release()
	}
}

// Close lets go of the files of the index, when the calls that run have ended. Later calls give os.ErrClosed, as
// does a second Close. Other indexes that share files with this one go on. An index in memory alone
// need not be closed.
func (x *Index) Close() error {
	old := x.use.state.Or(closed)
	if old&closed != 0 {
		return fault.Errorf(os.ErrClosed, "the index is closed")
	}
	if old == 0 {
		x.use.release()
	}
	return nil
}
