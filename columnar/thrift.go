package columnar

import (
	"errors"
	"runtime"

	"github.com/parquet-go/parquet-go/encoding/thrift"
)

// boundedThrift is a reader of Parquet's metadata that lets no length in it take more memory than
// goes with the bytes that are left, and nothing in it stand so deep that the stack overflows.
type boundedThrift struct {
	thriftReader
	size  int
	reads int // of heads of fields, lists and maps
}

// thriftReader is what the decoder wants of a reader of bytes.
type thriftReader interface {
	thrift.Reader
	Discard(n int) (int, error)
}

// decodeThrift sets v to the struct that b begins with, and returns how many bytes it has. v may
// keep parts of b.
func decodeThrift(b []byte, v any) (int, error) {
	r := &boundedThrift{thriftReader: new(thrift.CompactProtocol).NewReaderFromBytes(b).(thriftReader), size: len(b)}
	err := thrift.NewDecoder(r).Decode(v)
	return r.BytesRead(), err
}

// ReadField reads the head of a field.
func (r *boundedThrift) ReadField() (thrift.Field, error) {
	if err := r.checkDepth(); err != nil {
		return thrift.Field{}, err
	}
	return r.thriftReader.ReadField()
}

// ReadList reads the head of a list.
func (r *boundedThrift) ReadList() (thrift.List, error) {
	l, err := r.thriftReader.ReadList()
	if err == nil {
		err = r.check(l.Size, l.Type)
	}
	return l, err
}

// ReadSet reads the head of a set.
func (r *boundedThrift) ReadSet() (thrift.Set, error) {
	s, err := r.thriftReader.ReadSet()
	if err == nil {
		err = r.check(s.Size, s.Type)
	}
	return s, err
}

// ReadMap reads the head of a map.
func (r *boundedThrift) ReadMap() (thrift.Map, error) {
	m, err := r.thriftReader.ReadMap()
	if err == nil {
		err = r.check(m.Size, m.Value)
	}
	return m, err
}

// check returns an error where so many values do not fit in the bytes that are left: each has one
// or more, and a struct, of those that Parquet has lists of, three.
func (r *boundedThrift) check(n int32, kind thrift.Type) error {
	least := 1
	if kind == thrift.STRUCT {
		least = 3
	}
	if int(n) > (r.size-r.BytesRead())/least {
		return errors.New("a list has more values than there are bytes")
	}
	return r.checkDepth()
}

// checkDepth returns an error where structs and lists stand very deep in one another. It looks at
// the stack, from time to time.
func (r *boundedThrift) checkDepth() error {
	const often, most = 1 << 10, 1 << 13
	if r.reads++; r.reads%often == 0 {
		if runtime.Callers(most, make([]uintptr, 1)) > 0 {
			return errors.New("its structs stand too deep in one another")
		}
	}
	return nil
}
