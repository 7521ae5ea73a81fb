package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/export"
)

// exporting is what the command export was asked for.
type exporting struct {
	to, out        string
	force, setup   bool
	query, hits    int // query is -1 for none
	latents        int
	options        export.Options
	format         export.Format
	codes          codefile.Source
	rows, selected int // of the codes
}

// exportCommand returns the command export.
func exportCommand() *cobra.Command {
	var x exporting
	formats := formatNames()
	c := &cobra.Command{
		Use:   "export CODES... --to FORMAT -o FILE",
		Short: "Write codes for a search engine",
		Long: `export writes codes, as encode writes them, in the form in which a search engine loads them:

  elasticsearch       lines for _bulk, field sparse_vector
  milvus              a JSON list for an import job; the name of FILE must end in .json
  opensearch          lines for _bulk, field rank_features
  opensearch-seismic  lines for _bulk, field sparse_vector: approximate
  pgvector            text for COPY, column sparsevec
  pgvector-binary     binary rows for COPY
  qdrant              requests that upsert points, one a line
  seismic             JSON lines of documents

--print-setup prints what makes the place for them and loads FILE, --print-query what asks for the rows like one of them.
doc/export.md says for each engine what it changes. The scores of all of them are products of codes.`,
		Example: `  ksparse export codes.ksc --to pgvector -o codes.txt --print-setup
  ksparse export codes.ksc --to elasticsearch --name rows --print-query 17`,
		Args: wantArgs(1, -1, "CODES"),
		RunE: func(c *cobra.Command, args []string) error {
			return x.run(c.Context(), c.OutOrStdout(), args)
		},
	}
	f := c.Flags()
	f.StringVar(&x.to, "to", "", "the `format`: "+strings.Join(formats, ", "))
	f.StringVarP(&x.out, "output", "o", "", "the `file` to write")
	f.StringVar(&x.options.Name, "name", "", "the `name` of the collection, index or table (default codes)")
	f.StringVar(&x.options.Field, "field", "", "the `name` of the field, column or vector of the codes (default code)")
	f.Int64Var(&x.options.FirstID, "first-id", 0, "the `number` of the first row; the others count on from it")
	f.IntVar(&x.options.Batch, "batch", 0, "`rows` in a request of Qdrant (default 1000)")
	f.IntVar(&x.latents, "latents", 0, "how many `latents` there are, for JSON lines, which do not say it")
	f.BoolVar(&x.setup, "print-setup", false, "print what makes the collection, index or table, and what loads the file")
	f.IntVar(&x.query, "print-query", -1, "print what asks for the rows like this `row` of CODES, counted from 0")
	f.IntVarP(&x.hits, "hits", "k", 10, "the `rows` that --print-query asks for")
	f.BoolVar(&x.force, "force", false, "replace a file that exists")
	complete(c, "to", formats...)
	return c
}

// formatNames returns what --to takes.
func formatNames() []string {
	var names []string
	for _, f := range export.Formats() {
		names = append(names, string(f))
	}
	return names
}

// run does what was asked for.
func (x *exporting) run(ctx context.Context, w io.Writer, paths []string) error {
	x.format = export.Format(x.to)
	if !slices.Contains(export.Formats(), x.format) {
		return say.Wrong("--to is %q, want one of %s", x.to, strings.Join(formatNames(), ", "))
	}
	if x.query < -1 {
		return say.Wrong("--print-query is %d, want the number of a row, from 0 on", x.query)
	}
	printing := x.setup || x.query >= 0
	if x.out != "" || !printing {
		if err := mayWrite(x.out, x.force, paths...); err != nil {
			return err
		}
	}
	if x.format == export.Milvus && x.out != "" && !strings.HasSuffix(x.out, ".json") {
		return say.Wrong("-o is %q, want a name that ends in .json: Milvus goes by it", x.out)
	}
	f, err := codefile.Open(paths...)
	if err != nil {
		return err
	}
	defer f.Close() // read only
	x.codes = f
	if x.latents > 0 {
		if x.codes, err = codefile.Widen(f, x.latents); err != nil {
			return err
		}
	}
	x.rows, x.selected = x.codes.Dims()
	if err := x.write(ctx, w); err != nil {
		return err
	}
	return x.print(w)
}

// write writes the file, where one is asked for. Without one it still reads all codes where the largest is to be known.
func (x *exporting) write(ctx context.Context, w io.Writer) error {
	if x.out == "" {
		if x.format != export.OpenSearchSeismic {
			return nil
		}
		s, err := x.format.Write(ctx, io.Discard, x.codes, x.options)
		x.options.Ceiling = s.Largest
		return err
	}
	s, err := x.format.WriteFile(ctx, x.out, x.codes, x.options)
	if err != nil {
		return err
	}
	x.options.Ceiling = s.Largest
	_, err = fmt.Fprintf(w, "%d rows of %d latents, %d values, in %s\n", s.Rows, s.Latents, s.Entries, x.out)
	return err
}

// print prints what is sent beside the file.
func (x *exporting) print(w io.Writer) error {
	var requests []export.Request
	if x.setup {
		s, err := x.format.Setup(x.selected, x.options)
		if err != nil {
			return err
		}
		requests = append(requests, s.Create, s.Load, s.Index)
	}
	if x.query >= 0 {
		if x.query >= x.rows {
			return fmt.Errorf("--print-query is %d, and there are %d rows, from 0 on", x.query, x.rows)
		}
		var code ksparse.Codes
		if err := x.codes.ReadCodes(&code, x.query, x.query+1); err != nil {
			return err
		}
		r, err := x.format.Query(&code, 0, x.hits, x.options)
		if err != nil {
			return errors.New(strings.Replace(say.Error(err).Error(), "row 0 ", fmt.Sprintf("row %d ", x.query), 1)) // the one row of code
		}
		requests = append(requests, r)
	}
	for _, r := range requests {
		if _, err := io.WriteString(w, r.String()); err != nil {
			return err
		}
	}
	return nil
}
