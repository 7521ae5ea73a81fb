package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/indexes"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/progress"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/rows"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/search"
)

// indexAddCommand returns the command index add.
func indexAddCommand() *cobra.Command {
	var (
		from         rows.Options
		model, texts string
	)
	c := &cobra.Command{
		Use:   "add INDEX DATA...",
		Short: "Add rows to an index",
		Long: `index add encodes the rows of DATA with the model of INDEX and adds them. An index that was made of codes takes codes in
the place of DATA. Rows that are added lie in a segment of their own, and each segment makes searches a little slower:
index merge puts all into one.`,
		Example: `  ksparse index add activations.index more.npy
  ksparse index add words.index names.npy --texts names.txt`,
		Args: wantArgs(2, -1, "INDEX and DATA"),
		RunE: func(c *cobra.Command, args []string) error {
			return change(c, args[0], func(x *indexes.Index, p *progress.Printer) (*search.Index, string, error) {
				return added(c, x, p, args[1:], model, texts, from)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&model, "model", "", "the `model` of the index, where it no longer lies where it was")
	f.StringVar(&texts, "texts", "", "where the index has texts, those of the rows: a `FILE[:COLUMN]`")
	from.AddFlags(f)
	return c
}

// added adds rows to x, and says what it did.
func added(c *cobra.Command, x *indexes.Index, p *progress.Printer, paths []string, model, texts string, o rows.Options) (*search.Index, string, error) {
	switch {
	case x.HasTexts() && texts == "":
		return nil, "", fmt.Errorf("%s has texts: --texts has those of the new rows", x.Name())
	case !x.HasTexts() && texts != "":
		return nil, "", fmt.Errorf("%s has no texts for the rows that it has, so --texts is not for it", x.Name())
	}
	from, err := contentFor(x, paths, model, o)
	if err != nil {
		return nil, "", err
	}
	defer from.Close() // read only
	if texts != "" {
		if err := addTexts(x, texts, from.rows()); err != nil {
			return nil, "", err
		}
	}
	p.Say("encoding")
	from.options.Progress = p.Count("encoding: row")
	after, err := x.Add(c.Context(), from.codes, from.options)
	return after, fmt.Sprintf("%d rows added", from.rows()), err
}

// addTexts adds the texts of n rows that are about to be added to x.
func addTexts(x *indexes.Index, name string, n int) error {
	texts, err := indexes.OpenTexts(name, n)
	if err != nil {
		return err
	}
	defer texts.Close() // read only
	return x.AddTexts(texts)
}

// contentFor opens what is added to x: rows, or codes where that is what x was made of.
func contentFor(x *indexes.Index, paths []string, model string, o rows.Options) (*content, error) {
	if x.About.Model == nil {
		if model != "" {
			return nil, say.Wrong("%s was made of codes, and takes codes: --model is not for it", x.Name())
		}
		_, latents := x.Dims()
		return openCodes(paths, latents)
	}
	m, path, err := x.Model(model)
	if err != nil {
		return nil, err
	}
	return openRows(m, path, o, paths, !x.HasRows())
}

// indexDeleteCommand returns the command index delete.
func indexDeleteCommand() *cobra.Command {
	var (
		list []int64
		file string
	)
	c := &cobra.Command{
		Use:   "delete INDEX --ids IDS",
		Short: "Delete rows of an index",
		Long: `index delete marks rows as deleted: no search finds them any more. index merge takes them, and their texts, out of the
files.`,
		Example: `  ksparse index delete activations.index --ids 17,40
  ksparse index delete activations.index --file old.txt`,
		Args: wantArgs(1, 1, "INDEX"),
		RunE: func(c *cobra.Command, args []string) error {
			if (len(list) > 0) == (file != "") {
				return say.Wrong("want the rows to delete: --ids or --file")
			}
			if file != "" {
				var err error
				if list, err = rows.IDs(file); err != nil {
					return err
				}
			}
			return change(c, args[0], func(x *indexes.Index, _ *progress.Printer) (*search.Index, string, error) {
				ids := search.NewIDs(list...)
				after, deleted, err := x.Delete(ids)
				text := fmt.Sprintf("%d rows deleted", deleted)
				if missing := ids.Len() - deleted; missing > 0 {
					text += fmt.Sprintf(", %d were not there", missing)
				}
				return after, text, err
			})
		},
	}
	f := c.Flags()
	f.Int64SliceVar(&list, "ids", nil, "`IDs` with commas between them")
	f.Lookup("ids").DefValue = "" // for the help
	f.StringVar(&file, "file", "", "a `FILE[:COLUMN]` of IDs: a number in each line, or in a column of a table or of JSON lines")
	return c
}

// indexMergeCommand returns the command index merge.
func indexMergeCommand() *cobra.Command {
	var anew bool
	c := &cobra.Command{
		Use:   "merge INDEX",
		Short: "Put all rows of an index into one segment, without those that were deleted",
		Long: `index merge writes all rows into one segment, without those that were deleted. Rows keep their IDs. Searches are faster
afterwards, and by code they find the same. --calibrate is for an index that has got many rows of another kind: searches by
neighbours go by what was measured on the rows that index began with.`,
		Example: `  ksparse index merge activations.index`,
		Args:    wantArgs(1, 1, "INDEX"),
		RunE: func(c *cobra.Command, args []string) error {
			return change(c, args[0], func(x *indexes.Index, p *progress.Printer) (*search.Index, string, error) {
				if anew && !x.HasRows() {
					return nil, "", fmt.Errorf("%s keeps no rows, so there is no recall to measure", args[0])
				}
				after, err := merged(c, x, p)
				if err == nil && anew {
					after, err = calibrated(c, after, p)
				}
				before := x.Stats()
				return after, fmt.Sprintf("%d segments merged, %d deleted rows taken out", before.Segments, before.Deleted), err
			})
		},
	}
	c.Flags().BoolVar(&anew, "calibrate", false, "measure anew how much must be looked at for which recall")
	return c
}

// merged returns x in one segment, without the rows that were deleted, of which the texts go too.
func merged(c *cobra.Command, x *indexes.Index, p *progress.Printer) (*search.Index, error) {
	if x.Stats().Deleted > 0 {
		if err := x.DropTexts(); err != nil {
			return nil, err
		}
	}
	return x.Merge(c.Context(), p.Count("merging: row"))
}

// change opens the index at path, lets a command change it, writes what came of it and prints what was done.
func change(c *cobra.Command, path string, how func(x *indexes.Index, p *progress.Printer) (after *search.Index, done string, err error)) error {
	x, err := indexes.Open(path)
	if err != nil {
		return err
	}
	defer x.Close() // what was written is on the disk
	p := progress.New(c.ErrOrStderr())
	after, done, err := how(x, p)
	p.End()
	if err != nil {
		return err
	}
	if err := after.Save(path); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s; %s has %d rows now\n", path, done, path, after.Stats().Rows)
	return err
}
