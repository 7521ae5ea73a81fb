package indexes

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/rows"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/atomicfile"
)

// textField is the field of the lines of JSON in which texts are kept.
const textField = "text"

// OpenTexts opens the texts that name names, as FILE or FILE:COLUMN. There is one for each of n rows, or an error.
func OpenTexts(name string, n int) (rows.Texts, error) {
	texts, err := rows.OpenTexts(name)
	if err != nil {
		return nil, err
	}
	if texts.Len() != n {
		return nil, errors.Join(fmt.Errorf("%s has %d texts, and there are %d rows: each row has one text", name, texts.Len(), n), texts.Close())
	}
	return texts, nil
}

// AddTexts copies texts into the folder of an index: those of the rows from the ID first on.
func (a *About) AddTexts(folder string, texts rows.Texts, first int64) error {
	part := Part{File: a.newFile(), First: first, Rows: texts.Len()}
	if err := part.write(folder, texts.Text); err != nil {
		return err
	}
	a.Texts = append(a.Texts, part)
	return nil
}

// newFile returns the name of a file for texts that no part has.
func (a *About) newFile() string {
	number := 0
	for _, p := range a.Texts {
		var n int
		if _, err := fmt.Sscanf(p.File, "texts-%d.jsonl", &n); err == nil {
			number = max(number, n+1)
		}
	}
	return fmt.Sprintf("texts-%d.jsonl", number)
}

// write writes the texts of p to its file in a folder.
func (p *Part) write(folder string, text func(i int) (string, error)) error {
	return atomicfile.Write(filepath.Join(folder, p.File), func(w io.Writer) error {
		sum := crc32.New(castagnoli)
		e := json.NewEncoder(io.MultiWriter(w, sum))
		e.SetEscapeHTML(false)
		for i := range p.Rows {
			t, err := text(i)
			if err != nil {
				return err
			}
			if err := e.Encode(map[string]string{textField: t}); err != nil {
				return err
			}
		}
		p.Sum = sum.Sum32()
		return nil
	})
}

// sumOf returns the checksum of a file.
func sumOf(path string) (uint32, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close() // read only
	sum := crc32.New(castagnoli)
	_, err = io.Copy(sum, f)
	return sum.Sum32(), err
}

// texts are the texts of all rows of an index.
type texts []part

// part is a Part that is open.
type part struct {
	Part
	*data.Texts
}

// openTexts opens the parts, which lie in folder.
func openTexts(folder string, parts []Part) (texts, error) {
	var all texts
	for _, p := range parts {
		t, err := openPart(folder, p)
		if err != nil {
			return nil, errors.Join(err, all.close())
		}
		all = append(all, part{p, t})
	}
	return all, nil
}

// openPart opens the texts of p.
func openPart(folder string, p Part) (*data.Texts, error) {
	path := filepath.Join(folder, p.File)
	sum, err := sumOf(path)
	switch {
	case err != nil:
		return nil, err
	case sum != p.Sum:
		return nil, fmt.Errorf("%s is damaged: its checksum is another one", path)
	}
	t, err := data.OpenTexts(path, textField)
	if err != nil {
		return nil, say.Error(err)
	}
	if t.Len() != p.Rows {
		return nil, errors.Join(fmt.Errorf("%s is damaged: it has %d texts, want %d", path, t.Len(), p.Rows), t.Close())
	}
	return t, nil
}

// close closes all files.
func (t texts) close() error {
	var errs []error
	for _, p := range t {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// of returns the text of the row with the ID, "" where it has none.
func (t texts) of(id int64) (string, error) {
	i := sort.Search(len(t), func(i int) bool { return t[i].First > id }) - 1
	if i < 0 || id-t[i].First >= int64(t[i].Rows) {
		return "", nil
	}
	return t[i].Text(int(id - t[i].First))
}

// mostLike is how many texts are named in place of one that is not there.
const mostLike = 5

// find returns the rows of which is holds whose text is the wanted one; else some texts that begin with it, whatever their
// case.
func (t texts) find(wanted string, is func(id int64) bool) (ids []int64, like []string, err error) {
	for _, p := range t {
		for i := range p.Rows {
			text, err := p.Text(i)
			if err != nil {
				return nil, nil, err
			}
			switch id := p.First + int64(i); {
			case text == wanted:
				if is(id) {
					ids = append(ids, id)
				}
			case len(like) < mostLike && begins(text, wanted) && !slices.Contains(like, text) && is(id):
				like = append(like, text)
			}
		}
	}
	return ids, like, nil
}

// begins reports whether text begins with the letters of another, large or small.
func begins(text, with string) bool {
	return with != "" && len(text) >= len(with) && strings.EqualFold(text[:len(with)], with)
}
