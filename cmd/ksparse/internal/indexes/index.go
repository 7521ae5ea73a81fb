package indexes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/models"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/pretrained"
	"github.com/ksparse/ksparse/search"
)

// Index is an index that is open, with what the command knows of it.
type Index struct {
	*search.Index
	About About
	path  string
	texts texts
}

// Open opens the index in the folder at path.
func Open(path string) (*Index, error) {
	found, err := search.Open(path)
	if err != nil {
		return nil, err
	}
	x := &Index{Index: found, path: path}
	if x.About, err = readAbout(path); err == nil {
		x.About.Texts = slices.DeleteFunc(x.About.Texts, func(p Part) bool { return p.First >= found.Next() }) // of rows that were never added
		x.texts, err = openTexts(path, x.About.Texts)
	}
	if err != nil {
		return nil, errors.Join(err, found.Close())
	}
	return x, nil
}

// Close closes the files of the index.
func (x *Index) Close() error { return errors.Join(x.texts.close(), x.Index.Close()) }

// Name returns the path of the index.
func (x *Index) Name() string { return x.path }

// HasTexts reports whether rows have texts.
func (x *Index) HasTexts() bool { return len(x.texts) > 0 }

// Text returns the text of the row with the ID, "" where it has none.
func (x *Index) Text(id int64) (string, error) { return x.texts.of(id) }

// Has reports whether there is a row with the ID.
func (x *Index) Has(id int64) bool {
	var c ksparse.Codes
	return x.Code(&c, id) == nil
}

// Find returns the IDs of the rows whose text is the wanted one, ascending, one at least.
func (x *Index) Find(text string) ([]int64, error) {
	if !x.HasTexts() {
		return nil, fmt.Errorf("%s has no texts: ksparse index --texts keeps them", x.path)
	}
	ids, like, err := x.texts.find(text, x.Has)
	switch {
	case err != nil:
		return nil, err
	case len(ids) > 0:
		return ids, nil
	case len(like) > 0:
		return nil, fmt.Errorf("no row of %s has the text %q; these begin so: %s", x.path, text, quoted(like))
	}
	return nil, fmt.Errorf("no row of %s has the text %q, and none begins so", x.path, text)
}

// quoted returns texts in quotes, with commas between them.
func quoted(all []string) string {
	s := ""
	for i, text := range all {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%q", text)
	}
	return s
}

// Model opens the model whose codes the index holds: the one at path, or where that is "" the one that the index was made
// with. It must be the same model, not only lie in the same place. where is its path.
func (x *Index) Model(path string) (m *pretrained.Model, where string, err error) {
	var o models.Options
	if about := x.About.Model; about != nil {
		o.Options = about.Options
		if path == "" {
			path = about.find(x.path)
		}
	}
	switch {
	case x.About.Model == nil && path == "":
		return nil, "", say.Wrong("%s was made of codes, and does not know of which model: --model says it", x.path)
	case path == "":
		return nil, "", fmt.Errorf("the model of %s is no longer at %s: --model says where it is", x.path, x.About.Model.Path)
	}
	if m, err = models.Open(path, o); err != nil {
		return nil, "", err
	}
	return m, path, x.Check(path, m)
}

// find returns where the model lies: where it was, or where it was from the index at the path index; "" for neither.
func (about *Model) find(index string) string {
	places := []string{about.Path}
	if about.Beside != "" {
		places = append(places, filepath.Join(index, filepath.FromSlash(about.Beside)))
	}
	for _, path := range places {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// Check returns an error unless m, which was opened from path, is the model whose codes the index holds. Of an index that
// was made of codes it is known that the model has as many latents, or more.
func (x *Index) Check(path string, m *pretrained.Model) error {
	if x.About.Model != nil {
		return x.About.Model.is(path, m, x.path)
	}
	if _, latents := x.Dims(); m.Info.Latents < latents {
		return fmt.Errorf("%s has %d latents, and the codes of %s have %d", path, m.Info.Latents, x.path, latents)
	}
	return nil
}

// within returns a code without the latents that the index does not have. Codes in JSON lines have as many as the largest
// latent in them says, and the model may have more.
func (x *Index) within(latents []int32, values []float64) ([]int32, []float64) {
	if x.About.Model != nil {
		return latents, values
	}
	_, most := x.Dims()
	n := len(latents)
	for n > 0 && int(latents[n-1]) >= most {
		n--
	}
	return latents[:n], values[:n]
}

// ByCode is that of the index.
func (x *Index) ByCode(dst []search.Hit, latents []int32, values []float64, k int, only *search.IDs) ([]search.Hit, error) {
	latents, values = x.within(latents, values)
	return x.Index.ByCode(dst, latents, values, k, only)
}

// Explain is that of the index.
func (x *Index) Explain(id int64, latents []int32, values []float64) ([]search.Share, error) {
	latents, values = x.within(latents, values)
	return x.Index.Explain(id, latents, values)
}
