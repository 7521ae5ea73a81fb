package search

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ksparse/ksparse/internal/atomicfile"
	"github.com/ksparse/ksparse/internal/fault"
)

// listName is the file of an index that lists its segments.
const listName = "index.ksi"

// indexInfo is what the list of segments says of the index.
type indexInfo struct {
	Latents int    `json:"latents"`
	Next    int64  `json:"next"` // the ID of the next row that is added
	Scaled  bool   `json:"scaled,omitempty"`
	Parts   []kept `json:"parts"`
	// Near is what Nearest needs beside the segments; nil where there are codes alone.
	Near *nearInfo `json:"near,omitempty"`
}

// kept is a part in the list of segments. Its deleted rows, if it has any, are the next section of the file.
type kept struct {
	File    string `json:"file"`
	Rows    int64  `json:"rows"`
	Deleted int    `json:"deleted,omitempty"`
}

// Save writes the index to the folder path, which is made where it is not there; the folder in which it lies must
// be. A folder that holds an index is brought up to date: segments that are there already stay as they are,
// those that the index no longer has are removed, and other files are left alone. A folder that holds other
// files and no index is refused.
//
// An index that was opened, or made of one that was, is saved only over what it comes from: where another program has changed the
// folder since, there is an error that wraps fs.ErrExist. Open it then, and change that. An index that Build made takes
// the place of any other.
//
// The list of segments is written last, and at once. So whenever a program is killed, by whatever, the folder
// opens as the old index or as the new one. Indexes that were opened from the folder go on, and an Open that runs
// at the same time gives one or the other. Two programs cannot save to one folder at the same time, where the system
// has locks: the second gets an error. Errors are those of package os, or wrap ksparse.ErrFormat where the files of
// x are damaged.
func (x *Index) Save(path string) (err error) {
	faults, err := x.begin()
	if err != nil {
		return err
	}
	defer x.end(faults, &err)
	if err := prepare(path); err != nil {
		return fault.Errorf(err, "saving the index: %s", fault.Text(err))
	}
	release, err := atomicfile.LockFolder(path)
	if err != nil {
		return fault.Errorf(err, "saving the index: %s", fault.Text(err))
	}
	defer release()
	list := filepath.Join(path, listName)
	if err := x.origin.check(list); err != nil {
		return fault.Errorf(err, "saving the index: %s", fault.Text(err))
	}
	d, err := x.saveSegments(path)
	if err == nil {
		err = x.check()
	}
	if err == nil {
		text := d.describe()
		err = atomicfile.Write(list, func(w io.Writer) error {
			var written bytes.Buffer
			if err := d.write(&written, text); err != nil {
				return err
			}
			x.origin.add(written.Bytes())
			_, err := w.Write(written.Bytes())
			return err
		})
	}
	if err != nil {
		return fault.Errorf(err, "saving the index: %s", fault.Text(err))
	}
	removeOthers(path, d.Index.Parts)
	return nil
}

// prepare makes the folder path, or finds that an index may be written to it.
func prepare(path string) error {
	if err := os.Mkdir(path, 0o777); !errors.Is(err, fs.ErrExist) {
		return err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == listName {
			return nil
		}
	}
	for _, e := range entries { // of a Save that was killed
		if _, unfinished := atomicfile.Unfinished(e.Name()); !unfinished && !isSegmentName(e.Name()) {
			return &fs.PathError{Op: "write", Path: path, Err: fault.Errorf(fs.ErrExist, "the folder holds %s and no index: an index needs a folder of its own", e.Name())}
		}
	}
	return nil
}

// saveSegments writes the segments that are not in the folder yet, and returns the list of all.
func (x *Index) saveSegments(path string) (*description, error) {
	d := &description{Index: &indexInfo{Latents: x.latents, Next: x.next, Scaled: x.scaled, Parts: []kept{}}}
	for i := range x.parts {
		p := &x.parts[i]
		parts, text, name := p.describe()
		if file := filepath.Join(path, name); !holds(file, string(text), parts.size()) {
			if err := atomicfile.Write(file, func(w io.Writer) error { return parts.write(w, text) }); err != nil {
				return nil, err
			}
		}
		d.Index.Parts = append(d.Index.Parts, kept{name, int64(len(p.ids)), p.deleted.len()})
		if p.deleted != nil {
			d.Sections = append(d.Sections, section{Name: "deleted", bytes: bytesOf(p.deleted.words)})
		}
	}
	if x.dense != nil {
		info, sections := x.dense.describe()
		d.Index.Near, d.Sections = info, append(d.Sections, sections...)
	}
	return d, nil
}

// size returns the size of the file that d describes.
func (d *description) size() int64 {
	last := d.Sections[len(d.Sections)-1]
	return last.At + last.Size
}

// holds reports whether the file has that description, and that size: then it has the contents too, for the
// description has their checksums, and files are whole.
func holds(file, text string, size int64) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close() // read only
	info, err := f.Stat()
	if err != nil || info.Size() != size {
		return false
	}
	b := make([]byte, headSize+len(text))
	if _, err := io.ReadFull(f, b); err != nil {
		return false
	}
	got, err := readHead(b)
	return err == nil && string(got) == text
}

// removeOthers removes the segments in a folder that are not in the list, and those that a Save began that was killed:
// no other Save runs. One that cannot be removed does no harm but to take space, so there is no error.
func removeOthers(path string, parts []kept) {
	listed := map[string]bool{}
	for _, p := range parts {
		listed[p.File] = true
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return
	}
	for _, e := range entries {
		name := e.Name()
		if final, unfinished := atomicfile.Unfinished(name); unfinished {
			name = final
		} else if listed[name] {
			continue
		}
		if isSegmentName(name) && e.Type().IsRegular() {
			os.Remove(filepath.Join(path, e.Name()))
		}
	}
}
