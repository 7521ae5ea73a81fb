package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/indexes"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/models"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/progress"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/rows"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/internal/atomicfile"
	"github.com/ksparse/ksparse/pretrained"
	"github.com/ksparse/ksparse/search"
)

// indexFlags are the flags of the command index.
type indexFlags struct {
	open        models.Options
	rows        rows.Options
	output      string
	texts       string
	codesOnly   bool
	notMeasured bool
	asJSON      bool
}

// indexCommand returns the command index.
func indexCommand() *cobra.Command {
	var n indexFlags
	c := &cobra.Command{
		Use:   "index MODEL DATA... -o INDEX",
		Short: "Make an index of codes, which search and serve search",
		Long: `index encodes the rows of DATA with MODEL and makes an index of their codes: a new folder INDEX. A single argument
is a file of codes, as encode writes them:

  ksparse index CODES -o INDEX

Rows have IDs: their numbers from 0, in the order in which they come. A row that is added later gets the next number, and the
number of a row that was deleted is never given again.

The index keeps the rows of DATA too, in float32, and can be searched in two ways: by code, for the rows with the
largest product of codes, exactly; and by neighbours, for the rows with the largest cosine, approximately. For these index
measures on some of the rows how much must be looked at for which recall. --codes-only leaves the rows out, and makes the
index smaller. It notes which model MODEL is: rows to search for are encoded with that one, and another one is refused.

--texts has a text for each row, such as a word or a title, for search --text and beside what is found. The index keeps a copy of
the texts.

Each change writes new files beside the old ones; then one small file says which of them count. So an index that is killed
at any time is the one before or the one after. Let one process at a time change an index.`,
		Example: `  ksparse index sae.ksp activations.npy -o activations.index
  ksparse index words.ksp words.npy --texts words.txt -o words.index
  ksparse search words.index --text king
  ksparse index codes.ksc -o codes.index`,
		Args: wantArgs(1, -1, "MODEL and DATA, or CODES"),
		RunE: func(c *cobra.Command, args []string) error { return n.run(c, args) },
	}
	f := c.Flags()
	f.StringVarP(&n.output, "output", "o", "", "the `folder` of the index, which must be new or empty")
	f.StringVar(&n.texts, "texts", "", "a `FILE[:COLUMN]` with the text of each row: a line, or a field of a column of a table or of JSON lines")
	f.BoolVar(&n.codesOnly, "codes-only", false, "keep no rows: the index is smaller, and searched by code only")
	f.BoolVar(&n.notMeasured, "no-calibrate", false, "do not measure the recall: searches by neighbours look at what is usual")
	f.BoolVar(&n.asJSON, "json", false, "print JSON")
	n.open.AddFlags(f)
	n.rows.AddFlags(f)
	c.AddCommand(indexAddCommand(), indexDeleteCommand(), indexMergeCommand(), indexInfoCommand())
	return c
}

// run makes the index.
func (n *indexFlags) run(c *cobra.Command, args []string) error {
	if n.output == "" {
		return say.Wrong("want -o INDEX, the folder to write")
	}
	var x *search.Index
	var about indexes.About
	err := atomicfile.MakeFolder(n.output, func(folder string) (err error) {
		x, err = n.make(c, args, folder, &about)
		return err
	})
	if err != nil {
		return err
	}
	return printIndex(c.OutOrStdout(), x, about, n.asJSON)
}

// make makes the index in a folder, and completes what there is to say about it.
func (n *indexFlags) make(c *cobra.Command, args []string, folder string, about *indexes.About) (*search.Index, error) {
	from, err := n.content(args, about)
	if err != nil {
		return nil, err
	}
	defer from.Close() // read only
	var texts rows.Texts
	if n.texts != "" {
		if texts, err = indexes.OpenTexts(n.texts, from.rows()); err != nil {
			return nil, err
		}
		defer texts.Close() // read only
	}
	x, err := n.build(c, from)
	if err == nil {
		err = saveIn(folder, x)
	}
	if err == nil && texts != nil {
		err = about.AddTexts(folder, texts, 0)
	}
	if err == nil {
		err = about.Write(folder)
	}
	return x, err
}

// saveIn writes x to a folder that is locked: Save makes one of its own, whose files then move.
func saveIn(folder string, x *search.Index) error {
	own := filepath.Join(folder, "index")
	if err := x.Save(own); err != nil {
		return err
	}
	files, err := os.ReadDir(own)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := os.Rename(filepath.Join(own, f.Name()), filepath.Join(folder, f.Name())); err != nil {
			return err
		}
	}
	return os.Remove(own)
}

// content opens what the arguments name.
func (n *indexFlags) content(args []string, about *indexes.About) (*content, error) {
	if len(args) == 1 {
		return openCodes(args, 1)
	}
	m, err := models.Open(args[0], n.open)
	if err != nil {
		return nil, err
	}
	if about.Model, err = indexes.ModelAt(args[0], m, n.open.Options, n.output); err != nil {
		return nil, models.InFlags(args[0], err)
	}
	return openRows(m, args[0], n.rows, args[1:], n.codesOnly)
}

// build makes the index of what was opened.
func (n *indexFlags) build(c *cobra.Command, from *content) (*search.Index, error) {
	p := progress.New(c.ErrOrStderr())
	defer p.End()
	p.Say("encoding")
	from.options.Progress = p.Count("encoding: row")
	x, err := search.Build(c.Context(), from.codes, from.options)
	if err != nil || from.options.Rows == nil || n.notMeasured {
		return x, err
	}
	return calibrated(c, x, p)
}

// calibrated returns x with its recall measured. Of an index of few rows there is nothing to measure.
func calibrated(c *cobra.Command, x *search.Index, p *progress.Printer) (*search.Index, error) {
	p.Say("measuring the recall")
	after, err := x.Calibrate(c.Context(), 0, p.Count("measuring the recall: step"))
	if errors.Is(err, ksparse.ErrEmpty) {
		return x, nil
	}
	return after, err
}

// content is what goes into an index: codes, and the rows that they are of where the index keeps rows.
type content struct {
	codes   codefile.Source
	options search.Options
	files   []io.Closer
}

// rows returns how many there are.
func (from *content) rows() int {
	rows, _ := from.codes.Dims()
	return rows
}

// Close closes the files.
func (from *content) Close() error {
	var errs []error
	for _, f := range from.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// openCodes opens codes in files, for an index of at least so many latents: JSON lines do not say how many there are, and
// may lack the last ones.
func openCodes(paths []string, latents int) (*content, error) {
	codes, err := codefile.Open(paths...)
	if err != nil {
		return nil, err
	}
	from := &content{codes: codes, files: []io.Closer{codes}}
	if _, has := codes.Dims(); has < latents && !slices.ContainsFunc(paths, func(path string) bool { return !strings.EqualFold(filepath.Ext(path), ".jsonl") }) {
		if from.codes, err = codefile.Widen(codes, latents); err != nil {
			return nil, errors.Join(err, from.Close())
		}
	}
	return from, nil
}

// openRows opens the rows at paths, to be encoded with m, the model at path.
func openRows(m *pretrained.Model, path string, o rows.Options, paths []string, codesOnly bool) (*content, error) {
	if i := m.Info; !codesOnly && (i.Outputs != i.Inputs || i.Transcoder) {
		return nil, fmt.Errorf("%s does not reconstruct rows, so they are not searched by neighbours: --codes-only makes an index that is searched by code", path)
	}
	frozen, err := m.Freeze() // fast for many rows
	if err != nil {
		return nil, models.InFlags(path, err)
	}
	x, err := rows.Open(o, paths...)
	if err != nil {
		return nil, err
	}
	from := &content{files: []io.Closer{x}}
	if err = rows.Want(x, m.In(), paths); err == nil {
		from.codes, err = codefile.Encode(frozen, x)
	}
	if err != nil {
		return nil, fmt.Errorf("%w", errors.Join(models.InFlags(path, err), from.Close()))
	}
	if !codesOnly {
		from.options.Rows, from.options.Model = x, frozen
	}
	return from, nil
}
