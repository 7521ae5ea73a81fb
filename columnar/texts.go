package columnar

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/natural"
)

// Texts are the texts, or labels, of a column: one for each row. Its methods may be called from
// any number of goroutines at once.
type Texts struct {
	shards
	inFile []textColumn
	names  []string // of the labels; nil where the texts are what they are
	blocks cache[string]
}

// OpenTexts opens the column of strings or integers at path, the only one if column is "".
// path is what Open takes. Integers are written as such, but for those that the data set says
// are numbers of labels (ClassLabel of Hugging Face datasets): these are the labels' names.
//
// Errors are those of Open.
func OpenTexts(path, column string) (*Texts, error) {
	what, err := find(path)
	if err != nil {
		return nil, err
	}
	t := &Texts{}
	t.blocks.size = textsSize
	err = t.open(what, func(i int, c container) (int, error) {
		fields := c.fields()
		at, err := choose(fields, column, forTexts)
		if err != nil {
			return 0, err
		}
		column = fields[at].name
		if i == 0 {
			t.names = labels(c.note("huggingface"), filepath.Dir(t.paths[0]), column)
		}
		texts, err := c.textsOf(i, at, &t.blocks)
		if err != nil {
			return 0, err
		}
		t.inFile = append(t.inFile, texts)
		return texts.rows(), nil
	})
	if err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// labels returns the names of the labels in a column, nil where nothing has them: what the file
// notes of the data set, or its folder.
func labels(note, folder, column string) []string {
	type features map[string]json.RawMessage
	var noted struct{ Info struct{ Features features } }
	var saved struct{ Features features }
	if json.Unmarshal([]byte(note), &noted) == nil && noted.Info.Features != nil {
		saved.Features = noted.Info.Features
	} else if b, err := os.ReadFile(filepath.Join(folder, "dataset_info.json")); err != nil || json.Unmarshal(b, &saved) != nil {
		return nil
	}
	var feature struct {
		Type  string `json:"_type"`
		Names []string
	}
	if json.Unmarshal(saved.Features[column], &feature) != nil || feature.Type != "ClassLabel" {
		return nil
	}
	return feature.Names
}

// Len returns how many texts there are, also once t is closed.
func (t *Texts) Len() int {
	if t == nil {
		return 0
	}
	return t.rows()
}

// Text returns the text of row i. Errors are those of Open, wrap ksparse.ErrRange or, once t is
// closed, os.ErrClosed.
func (t *Texts) Text(i int) (text string, err error) {
	if i < 0 || i >= t.Len() {
		return "", fault.Errorf(fault.ErrRange, "text %d of %d", i, t.Len())
	}
	row, _ := t.run(i, i+1)
	shard := t.find(row)
	err = guard(t.paths[shard], func() (err error) {
		text, err = t.inFile[shard].text(row - t.starts[shard])
		return err
	})
	if err != nil || t.names == nil {
		return text, err
	}
	if label, err := strconv.Atoi(text); err == nil && label >= 0 && label < len(t.names) {
		return t.names[label], nil
	}
	return text, nil // -1 stands for a row without a label
}

// Close closes the files. Of Texts that OpenTexts did not make, nil too, the error wraps
// os.ErrInvalid.
func (t *Texts) Close() error {
	if t == nil {
		return os.ErrInvalid
	}
	return t.close()
}

// String says in one line what was found.
func (t *Texts) String() string {
	if t == nil || len(t.files) == 0 {
		return "no file"
	}
	return fmt.Sprintf("%v, %s texts", &t.shards, natural.Number(t.rows()))
}
