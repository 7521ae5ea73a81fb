// Package indexes keeps with an index of package search what the command needs beside it: which model its codes
// are of, and the texts of its rows. Both are in files of the index's folder: command.json and texts-N.jsonl, where N
// is the ID of the first row that has a text there.
package indexes

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/internal/atomicfile"
	"github.com/ksparse/ksparse/pretrained"
)

// aboutFile holds an About. aboutVersion is the version of it that this program writes, and the only one that it reads.
const (
	aboutFile    = "command.json"
	aboutVersion = 1
)

// About says what the command knows of an index. Its zero value is that of one made of codes, without texts.
type About struct {
	Model *Model `json:"model,omitempty"`
	Texts []Part `json:"texts,omitempty"` // by their first row, ascending
}

// Model is the model whose codes an index holds.
type Model struct {
	Path    string             `json:"path"`             // absolute
	Beside  string             `json:"beside,omitempty"` // from the folder of the index, for when both have moved
	Digest  string             `json:"digest"`           // see digest
	Options pretrained.Options `json:"options"`          // with which it was opened
}

// Part says which rows the texts in a file belong to.
type Part struct {
	File  string `json:"file"` // in the folder of the index
	First int64  `json:"first"`
	Rows  int    `json:"rows"`
	Sum   uint32 `json:"crc32c"` // of the file
}

// ModelAt describes m, which was opened from path, for the index at the path index.
func ModelAt(path string, m *pretrained.Model, o pretrained.Options, index string) (*Model, error) {
	whole, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	folder, err := filepath.Abs(index)
	if err != nil {
		return nil, err
	}
	about := &Model{Path: whole, Options: o}
	if beside, err := filepath.Rel(folder, whole); err == nil { // there is none between two drives
		about.Beside = filepath.ToSlash(beside)
	}
	about.Digest, err = digest(m.Network)
	return about, err
}

// readAbout reads what the command knows of the index in a folder, which need not be made by the command.
func readAbout(folder string) (about About, err error) {
	path := filepath.Join(folder, aboutFile)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return about, nil
	case err != nil:
		return about, err
	}
	var read file
	d := json.NewDecoder(bytes.NewReader(text))
	if err = d.Decode(&read); err == nil {
		_, err = d.Token()
	}
	switch {
	case err == nil:
		return about, fmt.Errorf("%s is damaged: it goes on after its end", path)
	case !errors.Is(err, io.EOF) || read.Version < 1:
		return about, fmt.Errorf("%s is damaged: it is no JSON object of an index", path)
	case read.Version > aboutVersion:
		return about, fmt.Errorf("%s has the version %d, and this program reads version %d", path, read.Version, aboutVersion)
	case read.sum() != read.Sum || json.Unmarshal(read.About, &about) != nil:
		return about, fmt.Errorf("%s is damaged: its checksum is another one", path)
	}
	return about, about.check(path)
}

// file is what aboutFile holds.
type file struct {
	Version int             `json:"version"`
	Sum     uint32          `json:"crc32c"` // of About without space between its tokens
	About   json.RawMessage `json:"about"`
}

// castagnoli is the table of CRC-32C.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum returns the checksum of f.About.
func (f *file) sum() uint32 {
	var b bytes.Buffer
	if json.Compact(&b, f.About) != nil { // there is none
		return ^f.Sum
	}
	return crc32.Checksum(b.Bytes(), castagnoli)
}

// check returns an error where a file has an About that no index has.
func (a *About) check(path string) error {
	if m := a.Model; m != nil && (m.Path == "" || len(m.Digest) != 2*sha256.Size) {
		return fmt.Errorf("%s is damaged: it names a model without its path or its digest", path)
	}
	next := int64(0)
	for i, p := range a.Texts {
		if p.First < next || p.Rows < 1 || p.First > math.MaxInt64-int64(p.Rows) || p.File == "." || p.File != filepath.Base(p.File) || !filepath.IsLocal(p.File) {
			return fmt.Errorf("%s is damaged: part %d of the texts has %d rows from %d on in %.100q", path, i, p.Rows, p.First, p.File)
		}
		next = p.First + int64(p.Rows)
	}
	return nil
}

// Write writes a to the folder of an index.
func (a About) Write(folder string) error {
	f := file{Version: aboutVersion}
	var err error
	if f.About, err = json.Marshal(a); err != nil {
		return err
	}
	f.Sum = f.sum()
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(folder, aboutFile), func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

// is returns an error unless m, which was opened from path, is the model whose codes the index at the path index holds.
func (about *Model) is(path string, m *pretrained.Model, index string) error {
	found, err := digest(m.Network)
	if err != nil {
		return fmt.Errorf("%s: %w", path, say.Error(err))
	}
	if found == about.Digest {
		return nil
	}
	if whole, err := filepath.Abs(path); err == nil && whole == about.Path {
		return fmt.Errorf("%s has changed since %s was made with it: its codes are others now; --model names the model as it was", path, index)
	}
	return fmt.Errorf("%s is another model than that of %s, which was made with %s", path, index, about.Path)
}
