package search

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/mapped"
)

// Open opens an index that Save wrote to the folder path. Its files are mapped where the system can do that, and
// stay where they are until Close. All of them are read once, and checked.
//
// Errors wrap ksparse.ErrFormat where a file is damaged, with its name; else they are those of package os.
func Open(path string) (*Index, error) {
	list, err := os.ReadFile(filepath.Join(path, listName))
	for {
		if err != nil {
			return nil, openError(path, err)
		}
		x, failed := openListed(path, list)
		if !errors.Is(failed, fs.ErrNotExist) {
			return x, failed
		}
		// A Save may just have put other segments in the place of those.
		before := string(list)
		if list, err = os.ReadFile(filepath.Join(path, listName)); err == nil && string(list) == before {
			return nil, openError(path, failed)
		}
	}
}

// openError is err as the error of Open.
func openError(path string, err error) error {
	info, failed := os.Stat(path)
	if failed == nil && !info.IsDir() {
		return fault.Errorf(fault.ErrFormat, "%s is a file: an index is a folder", path)
	}
	if errors.Is(failed, fs.ErrNotExist) {
		return fault.Errorf(failed, "there is no index %s", path)
	}
	if failed == nil && errors.Is(err, fs.ErrNotExist) {
		return fault.Errorf(err, "%s holds no whole index: %s", path, fault.Text(err))
	}
	return fault.Errorf(err, "opening the index: %s", fault.Text(err))
}

// openListed opens the index in a folder whose list of segments has the given bytes.
func openListed(path string, list []byte) (_ *Index, err error) {
	var d description
	info, deleted, err := d.readList(list)
	var shared *dense
	if err == nil {
		shared, err = readDense(&d)
	}
	if err != nil {
		return nil, fault.InFile(filepath.Join(path, listName), err)
	}
	var parts []part
	defer func() {
		if err != nil {
			for i := range parts {
				parts[i].file.contents.Close() // read only
			}
		}
	}()
	last := int64(-1)
	for i, k := range info.Parts {
		file := filepath.Join(path, k.File)
		s, err := openSegment(file, info.Latents)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{segment: s, deleted: deleted[i]})
		first := s.ids[0]
		before := last
		last = s.ids[len(s.ids)-1]
		if first <= before || last >= info.Next || int64(len(s.ids)) != k.Rows || (s.codes.mean != nil) != info.Scaled {
			return nil, fault.InFile(file, fault.Errorf(fault.ErrFormat, "its %d rows with the IDs %d to %d do not belong to the index", len(s.ids), first, last))
		}
		if cols := s.nearCols(); shared == nil && cols != 0 || shared != nil && cols != shared.cols {
			return nil, fault.InFile(file, fault.Errorf(fault.ErrFormat, "its rows of %d numbers do not belong to the index", cols))
		}
	}
	x, err := newIndex(info.Latents, info.Scaled, info.Next, parts)
	if err == nil {
		x.setDense(shared)
		x.origin = new(origin)
		x.origin.add(list)
	}
	return x, err
}

// readList reads the list of segments, and the deleted rows of each.
func (d *description) readList(list []byte) (*indexInfo, []*bitmap, error) {
	if err := d.read(list); err != nil {
		return nil, nil, err
	}
	info := d.Index
	if info == nil || info.Latents < 1 || info.Latents > maxLatents || info.Next < 0 {
		return nil, nil, fault.Errorf(fault.ErrFormat, "it is no list of the segments of an index")
	}
	var deleted []*bitmap
	sections := d.Sections
	for _, k := range info.Parts {
		if !isSegmentName(k.File) || k.Rows < 1 || k.Rows > maxRows {
			return nil, nil, fault.Errorf(fault.ErrFormat, "it lists the file %q with %d rows", k.File, k.Rows)
		}
		if k.Deleted == 0 {
			deleted = append(deleted, nil)
			continue
		}
		if len(sections) == 0 || sections[0].Name != "deleted" {
			return nil, nil, fault.Errorf(fault.ErrFormat, "the deleted rows of %s are not there", k.File)
		}
		words, err := numbers[uint64](append([]byte(nil), sections[0].bytes...))
		if err != nil || int64(len(words)) != (k.Rows+63)/64 {
			return nil, nil, fault.Errorf(fault.ErrFormat, "the deleted rows of %s take %d bytes, of %d rows", k.File, len(sections[0].bytes), k.Rows)
		}
		b := newBitmap(words)
		if b.n != k.Deleted || k.Rows%64 != 0 && words[len(words)-1]>>(k.Rows%64) != 0 {
			return nil, nil, fault.Errorf(fault.ErrFormat, "%s has %d deleted rows, want %d of %d", k.File, b.n, k.Deleted, k.Rows)
		}
		deleted, sections = append(deleted, b), sections[1:]
	}
	return info, deleted, nil
}

// openSegment opens the file of a segment.
func openSegment(path string, latents int) (s *segment, err error) {
	contents, err := mapped.OpenWhole(path)
	if err != nil {
		return nil, fault.Errorf(err, "opening the index: %s", fault.Text(err))
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			if err = contents.Fault(p); err == nil {
				panic(p)
			}
		}
		if err != nil {
			contents.Close() // read only
			s, err = nil, fault.InFile(path, err)
		}
	}()
	s, err = readSegment(contents.Bytes(), latents)
	if err == nil {
		s.file = newSegmentFile(path, contents)
	}
	return s, err
}
