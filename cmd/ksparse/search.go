package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/indexes"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/models"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/rows"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/search"
)

// The kinds of search, which --by names.
const (
	byCode = "code"
	byRows = "neighbours"
)

// searchFlags are the flags of the command search.
type searchFlags struct {
	read    rows.Options
	id      int64
	file    string
	text    string
	hits    int
	by      string
	recall  float64
	only    string
	explain bool
	model   string
	asJSON  bool
}

// searchCommand returns the command search.
func searchCommand() *cobra.Command {
	var s searchFlags
	c := &cobra.Command{
		Use:   "search INDEX",
		Short: "Find the rows of an index that are like a row, or like rows in a file",
		Long: `search prints for each query the -k rows of INDEX that are most like it, the best first. A query is a row of the index, by
its ID (--row) or by its text (--text), or each row of a file (--rows). Rows of a file are encoded with the model that INDEX
was made with. A row of the index is not found by itself.

--by code is exact: the score is the product of the codes, and only rows with a score above 0 are found. It says which rows are
made of the same latents. --by neighbours is approximate: the score is the cosine of the rows, and --recall says which share of the
nearest rows should be found, on average. Neighbours are what is searched for where INDEX keeps rows. A product of codes is
not a way to find them: rows that are close may be coded by other latents.

--explain adds the latents that a hit shares with the query, with their values in the query and in the hit; the products sum to the
score by code.

Here words.npy has the vector of each word, and words.txt the words, one in each line:

  ksparse train words.npy --latents 4096 -k 16 -o words.ksp
  ksparse index words.ksp words.npy --texts words.txt -o words.index
  ksparse search words.index --text king`,
		Example: `  ksparse search activations.index --row 17
  ksparse search activations.index --rows queries.npy -k 100 --json
  ksparse search words.index --text king
  ksparse search words.index --text king --by code --explain`,
		Args: wantArgs(1, 1, "INDEX"),
		RunE: func(c *cobra.Command, args []string) error { return s.run(c, args[0]) },
	}
	f := c.Flags()
	f.Int64Var(&s.id, "row", 0, "the query is the row of the index with this `ID`")
	f.StringVar(&s.text, "text", "", "the query is the row of the index with this `text`")
	f.StringVar(&s.file, "rows", "", "the queries are the rows of `DATA`")
	f.IntVarP(&s.hits, "k", "k", 10, "how many `rows` to find, at most")
	f.StringVar(&s.by, "by", "", "`what` is compared: code or neighbours")
	f.Float64Var(&s.recall, "recall", 0.95, "of neighbours: which `share` of the nearest rows should be found")
	f.StringVar(&s.only, "only", "", "find only rows with the IDs in a `FILE[:COLUMN]`: a number in each line, or a column")
	f.BoolVar(&s.explain, "explain", false, "print the latents that a hit shares with the query")
	f.StringVar(&s.model, "model", "", "the `model` of the index, where it no longer lies where it was")
	f.BoolVar(&s.asJSON, "json", false, "print a line of JSON for each query")
	s.read.AddFlags(f)
	complete(c, "by", byCode, byRows)
	return c
}

// run searches.
func (s *searchFlags) run(c *cobra.Command, path string) error {
	if err := s.check(c); err != nil {
		return err
	}
	var only *search.IDs
	if s.only != "" {
		ids, err := rows.IDs(s.only)
		if err != nil {
			return err
		}
		only = search.NewIDs(ids...)
	}
	x, err := indexes.Open(path)
	if err != nil {
		return err
	}
	defer x.Close() // read only
	switch {
	case s.by == "" && x.HasRows():
		s.by = byRows
	case s.by == "":
		s.by = byCode
	case s.by == byRows && !x.HasRows():
		return fmt.Errorf("%s keeps no rows, so it is searched by code only", path)
	}
	if s.by == byCode && c.Flags().Changed("recall") {
		return say.Wrong("--recall is for neighbours: a search by code finds all")
	}
	p := newPrinter(c.OutOrStdout(), x, s)
	if s.file != "" {
		return s.searchFile(c.Context(), x, only, p)
	}
	id := s.id
	if c.Flags().Changed("text") {
		if id, err = s.idOf(c.ErrOrStderr(), x); err != nil {
			return err
		}
	}
	q, err := rowOf(x, id)
	if err != nil {
		return err
	}
	hits, err := s.find(nil, x, q, only)
	if err != nil {
		return fmt.Errorf("%s: %w", q.name, say.Error(err))
	}
	return p.print(q, hits)
}

// check returns an error where the flags make no sense.
func (s *searchFlags) check(c *cobra.Command) error {
	f := c.Flags()
	n := 0
	for _, name := range []string{"row", "rows", "text"} {
		if f.Changed(name) {
			n++
		}
	}
	switch {
	case n != 1:
		return say.Wrong("want one of --row, --rows and --text: what to search for")
	case s.id < 0:
		return say.Wrong("--row is %d, want the ID of a row: a whole number from 0", s.id)
	case s.hits < 1:
		return say.Wrong("-k is %d, want how many rows to find", s.hits)
	case s.by != "" && s.by != byCode && s.by != byRows:
		return say.Wrong("--by is %q, want %s or %s", s.by, byCode, byRows)
	case !(s.recall > 0 && s.recall <= 1):
		return say.Wrong("--recall is %v, want a share above 0, up to 1", s.recall)
	case s.file == "" && s.model != "":
		return say.Wrong("--model is for --rows: rows of the index are encoded already")
	}
	return nil
}

// idOf returns the row whose text is asked for. Where several have it that is the first, and the others are named.
func (s *searchFlags) idOf(w io.Writer, x *indexes.Index) (int64, error) {
	ids, err := x.Find(s.text)
	if err != nil {
		return 0, err
	}
	if others := ids[1:]; len(others) > 0 {
		fmt.Fprintf(w, "%q is the text of row %d and of others, which --row finds: %d\n", s.text, ids[0], others[:min(len(others), 10)])
	}
	return ids[0], nil
}

// query is what is searched for.
type query struct {
	name    string // what it is called
	number  int64  // its ID, or its number in the file
	own     bool   // it is a row of the index
	row     []float64
	latents []int32
	values  []float64
}

// rowOf returns the query for the row of x with the ID.
func rowOf(x *indexes.Index, id int64) (q query, err error) {
	var c ksparse.Codes
	if err := x.Code(&c, id); err != nil {
		return q, fmt.Errorf("%s: %w", x.Name(), say.Error(err))
	}
	q = query{name: fmt.Sprintf("row %d", id), number: id, own: true}
	q.latents, q.values = c.Row(0)
	if x.HasRows() {
		q.row, err = x.Row(nil, id)
	}
	return q, err
}

// find appends to dst the rows that are most like q.
func (s *searchFlags) find(dst []search.Hit, x *indexes.Index, q query, only *search.IDs) (hits []search.Hit, err error) {
	rows, _ := x.Dims()
	k := min(s.hits, rows)
	if q.own {
		k++ // it finds itself
	}
	if s.by == byRows {
		hits, err = x.Nearest(dst, search.Near{Row: q.row, Latents: q.latents, Values: q.values, K: k, Recall: s.recall, Only: only})
	} else {
		hits, err = x.ByCode(dst, q.latents, q.values, k, only)
	}
	if err != nil {
		return nil, err
	}
	if q.own {
		hits = slices.DeleteFunc(hits, func(h search.Hit) bool { return h.ID == q.number })
	}
	return hits[:min(len(hits), s.hits)], nil
}

// searchFile searches for each row of the file.
func (s *searchFlags) searchFile(ctx context.Context, x *indexes.Index, only *search.IDs, p *printer) error {
	m, path, err := x.Model(s.model)
	if err != nil {
		return err
	}
	frozen, err := m.Freeze()
	if err != nil {
		return models.InFlags(path, err)
	}
	from, err := rows.Open(s.read, s.file)
	if err != nil {
		return err
	}
	defer from.Close() // read only
	if err := rows.Want(from, frozen.In(), []string{s.file}); err != nil {
		return err
	}
	const atOnce = 1024 // rows
	n, cols := from.Dims()
	numbers := make([]float64, min(n, atOnce)*cols)
	var codes ksparse.Codes
	for lo := 0; lo < n; lo += atOnce {
		some := numbers[:(min(lo+atOnce, n)-lo)*cols]
		if err := from.ReadRows(some, lo, lo+len(some)/cols); err != nil {
			return err
		}
		if err := frozen.EncodeInto(&codes, mat.NewDense(len(some)/cols, cols, some)); err != nil {
			return fmt.Errorf("%s, rows from %d on: %w", s.file, lo, say.Error(err))
		}
		queries := make([]query, len(some)/cols)
		for i := range queries {
			queries[i] = query{name: fmt.Sprintf("row %d of %s", lo+i, s.file), number: int64(lo + i), row: some[i*cols : (i+1)*cols]}
			queries[i].latents, queries[i].values = codes.Row(i)
		}
		if err := s.searchAll(ctx, x, queries, only, p); err != nil {
			return err
		}
	}
	return nil
}

// searchAll searches for all queries, on all cores, and prints what is found.
func (s *searchFlags) searchAll(ctx context.Context, x *indexes.Index, queries []query, only *search.IDs, p *printer) error {
	hits, errs := make([][]search.Hit, len(queries)), make([]error, len(queries))
	parallel.For(len(queries), 1, func(_, lo, hi int) {
		for i := lo; i < hi && ctx.Err() == nil; i++ {
			hits[i], errs[i] = s.find(nil, x, queries[i], only)
		}
	})
	for i, q := range queries {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errs[i] != nil:
			return fmt.Errorf("%s: %w", q.name, say.Error(errs[i]))
		}
		if err := p.print(q, hits[i]); err != nil {
			return err
		}
	}
	return nil
}
